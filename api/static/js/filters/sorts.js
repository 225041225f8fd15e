/**
 * @file The sort orders of the API, by the API's names.
 */

/** @type {[value: string, title: string][]} */
export const SORTS = [
  ["-taken", "Newest first"],
  ["taken", "Oldest first"],
  ["key", "Key, A to Z"],
  ["-key", "Key, Z to A"],
  ["-rating", "Best rated first"],
  ["camera", "Camera"],
  ["lens", "Lens"],
  ["-iso", "Highest ISO first"],
  ["iso", "Lowest ISO first"],
  ["f", "Widest aperture first"],
  ["-exposure", "Longest exposure first"],
  ["exposure", "Shortest exposure first"],
  ["focal", "Shortest lens first"],
  ["-focal", "Longest lens first"],
  ["-extracted", "Last read first"],
];

// Without a prototype: an address may name "constructor".
/** @type {Record<string, string>} */
const NAMES = Object.assign(Object.create(null), {
  taken: "Taken",
  key: "Key",
  extracted: "Read",
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
 * Return the choices of the sort menu: the usual orders, and the current one if a column header has set another.
 * @param {string} sort
 */
export function sortsWith(sort) {
  const name = NAMES[sort.replace(/^-/, "")];
  if (!name || SORTS.some(([value]) => value === sort)) return SORTS;
  return [...SORTS, [sort, `${name}, ${sort.startsWith("-") ? "downwards" : "upwards"}`]];
}
