/**
 * @file Tags by directory, and nested metadata as rows.
 */
const ORDER = ["Image", "EXIF", "GPS", "MakerNote", "Interoperability", "Thumbnail"];

/**
 * @typedef {{name: string, value: string}} TagRow
 * @typedef {[title: string, rows: TagRow[]]} TagGroup
 */

/**
 * Group tags by directory: "EXIF DateTimeOriginal" is DateTimeOriginal of EXIF.
 * @param {Record<string, unknown>} tags
 * @returns {TagGroup[]}
 */
export function groupTags(tags) {
  /** @type {Map<string, TagRow[]>} */
  const groups = new Map();
  for (const [full, tag] of Object.entries(tags)) {
    const space = full.indexOf(" ");
    const title = space > 0 ? full.slice(0, space) : "Other";
    if (!groups.has(title)) groups.set(title, []);
    groups
      .get(title)
      ?.push({ name: space > 0 ? full.slice(space + 1) : full, value: printable(tag) });
  }
  /** @param {TagGroup} group */
  const rank = ([title]) => (ORDER.indexOf(title) + ORDER.length + 1) % (ORDER.length + 1);
  return [...groups].sort((one, other) => rank(one) - rank(other));
}

/** @param {unknown} tag */
function printable(tag) {
  if (tag === null || typeof tag !== "object") return String(tag);
  if ("printable" in tag) return String(tag.printable);
  return JSON.stringify(tag);
}

/**
 * Write nested names as one: dc:title › x-default.
 * @param {unknown} value
 * @param {string} [path]
 * @returns {TagRow[]}
 */
export function flatten(value, path = "") {
  if (value === undefined || value === null) return [];
  if (typeof value !== "object") return [{ name: path, value: String(value) }];
  if (Array.isArray(value) && value.every((item) => item === null || typeof item !== "object")) {
    return [{ name: path, value: value.join(", ") }];
  }
  return Object.entries(value).flatMap(([name, inner]) =>
    flatten(inner, path ? `${path} › ${name}` : name),
  );
}
