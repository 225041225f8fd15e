/**
 * @file Groups tags by directory, and flattens nested metadata into rows.
 */
// Directories in the order in which they are shown. Others follow.
const DIRECTORIES = ["Image", "EXIF", "GPS", "MakerNote", "Interoperability", "Thumbnail"];

/**
 * @typedef {{name: string, value: string}} TagRow
 * @typedef {[title: string, rows: TagRow[]]} TagGroup
 */

/**
 * Group tags by directory: "EXIF DateTimeOriginal" is the tag DateTimeOriginal of the directory EXIF.
 * @param {Record<string, unknown>} tags
 * @returns {TagGroup[]}
 */
export function groupTags(tags) {
  /** @type {Map<string, TagRow[]>} */
  const groups = new Map();
  for (const [fullName, tag] of Object.entries(tags)) {
    const space = fullName.indexOf(" ");
    const title = space > 0 ? fullName.slice(0, space) : "Other";
    if (!groups.has(title)) groups.set(title, []);
    groups.get(title)?.push({
      name: space > 0 ? fullName.slice(space + 1) : fullName,
      value: printableValue(tag),
    });
  }
  return [...groups].sort(([a], [b]) => rankOf(a) - rankOf(b));
}

/**
 * Return the position at which a directory is shown. Directories that are not in DIRECTORIES come last.
 * @param {string} directory
 */
function rankOf(directory) {
  const index = DIRECTORIES.indexOf(directory);
  return index < 0 ? DIRECTORIES.length : index;
}

/**
 * Return a tag's value as text.
 * @param {unknown} tag
 */
function printableValue(tag) {
  if (tag === null || typeof tag !== "object") return String(tag);
  if ("printable" in tag) return String(tag.printable);
  return JSON.stringify(tag);
}

/**
 * Flatten nested values into rows. Their names contain the path to the value, such as dc:title › x-default.
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
  return Object.entries(value).flatMap(([name, child]) =>
    flatten(child, path ? `${path} › ${name}` : name),
  );
}
