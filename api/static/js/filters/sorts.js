/**
 * @file The API's sort orders and their titles.
 */

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

// No prototype, because a URL may contain "constructor" as a value.
/** @type {Record<string, string>} */
const NAMES = Object.assign(Object.create(null), {
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
 * Return the options of the sort menu. They include the current order, which a column header may have set.
 * @param {string} sort
 */
export function sortOptions(sort) {
  const name = NAMES[sort.replace(/^-/, "")];
  if (!name || SORTS.some(([value]) => value === sort)) return SORTS;
  return [...SORTS, [sort, `${name}, ${sort.startsWith("-") ? "descending" : "ascending"}`]];
}
