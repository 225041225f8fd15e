/**
 * @file The views that show cards. They are loaded together: each file of its own would split what they share with the
 * other views into more chunks, which the page would have to load first.
 */
export { default as Cameras } from "./cameras.jsx";
export { default as Duplicates } from "./duplicates.jsx";
