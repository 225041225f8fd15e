/**
 * @file What the gallery does not need until the user asks for it. The browser loads it as one file: each further file
 * would split the code that it shares with the gallery into more files, for which the first view would have to wait.
 */
export { ColumnMenu } from "../photos/column_menu.jsx";
export { PhotoDialog } from "../photos/photo_dialog.jsx";
export { Help } from "../shell/help.jsx";
export { default as Cameras } from "./cameras.jsx";
export { default as Duplicates } from "./duplicates.jsx";
export { default as MapView } from "./map.jsx";
export { default as Statistics } from "./statistics.jsx";
export { default as Table } from "./table.jsx";
