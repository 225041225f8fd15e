/**
 * @file The views that show cards, in one chunk. A chunk for each of them would split the code that they share with the
 * other views into more chunks, all of which the first view would have to load.
 */
export { default as Cameras } from "./cameras.jsx";
export { default as Duplicates } from "./duplicates.jsx";
