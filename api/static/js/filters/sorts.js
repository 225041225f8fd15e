/**
 * @file The options of the sort menu: sort orders of the API, with titles.
 */
import { lookupTable } from "../core/lookup_table.js";

/** @type {[value: string, title: string][]} */
export const SORTS = [
  ["-taken", "Newest first"],
  ["taken", "Oldest first"],
  ["key", "File path (A–Z)"],
  ["-key", "File path (Z–A)"],
  ["-rating", "Highest rated first"],
  ["camera", "Camera (A–Z)"],
  ["lens", "Lens (A–Z)"],
  ["-iso", "Highest ISO first"],
  ["iso", "Lowest ISO first"],
  ["f", "Widest aperture first"],
  ["-exposure", "Longest exposure first"],
  ["exposure", "Shortest exposure first"],
  ["focal", "Widest focal length first"],
  ["-focal", "Longest focal length first"],
  ["-extracted", "Recently indexed"],
];

// Names of the columns by which the table can be sorted.
const COLUMN_NAMES = lookupTable({
  taken: "Taken",
  key: "File path",
  extracted: "Indexed",
  rating: "Rating",
  camera: "Camera",
  lens: "Lens",
  iso: "ISO",
  f: "Aperture",
  exposure: "Exposure",
  focal: "Focal length",
  bucket: "Bucket",
  format: "Format",
  status: "Status",
});

/**
 * Return the options of the sort menu. They include the current sort order, which may be one that only a column header
 * offers.
 * @param {string} sort the current sort order
 */
export function sortOptions(sort) {
  const name = COLUMN_NAMES[sort.replace(/^-/, "")];
  if (!name || SORTS.some(([value]) => value === sort)) return SORTS;
  return [...SORTS, [sort, `${name}, ${sort.startsWith("-") ? "descending" : "ascending"}`]];
}
