// The orders that the API can page through, as it names them.
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

const NAMES = {
  __proto__: null,
  taken: "Taken", key: "Key", extracted: "Read", rating: "Rating", camera: "Camera", lens: "Lens", iso: "ISO",
  f: "Aperture", exposure: "Exposure", focal: "Focal length", bucket: "Bucket", format: "Format", status: "Status",
};

// What the choice shows: the usual orders, and the one of the address where a column's head has set another.
export function sortsWith(sort) {
  const name = NAMES[sort.replace(/^-/, "")];
  if (!name || SORTS.some(([value]) => value === sort)) return SORTS;
  return [...SORTS, [sort, `${name}, ${sort.startsWith("-") ? "downwards" : "upwards"}`]];
}
