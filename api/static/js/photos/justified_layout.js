/**
 * @file Justified layout: rows of equal width, each as high as its photos need to fill it.
 */

// Number of rows that Page Up and Page Down move.
const PAGE_ROWS = 4;

/**
 * @typedef {object} Row
 * @property {number} start index of the first photo
 * @property {number} end index after the last photo
 * @property {number} top in pixels
 * @property {number} height in pixels
 * @property {boolean} [open] more photos may be added to it
 * @property {boolean} [short] its photos do not fill its width
 */

/**
 * Append rows for the photos up to `count`, after the last full row. The last row may be short; the next call lays it
 * out again.
 * @param {Row[]} rows changed in place
 * @param {ArrayLike<number>} aspects ratio of width to height of each photo
 * @param {number} count number of photos
 * @param {{width: number, maxHeight: number, gap: number, done: boolean}} options
 *   maxHeight: of a row; done: no more photos will be added
 * @returns {number} total height of the rows
 */
export function justify(rows, aspects, count, { width, maxHeight, gap, done }) {
  while (rows.at(-1)?.open) rows.pop();
  const last = rows.at(-1);
  let start = last ? last.end : 0;
  let top = last ? last.top + last.height + gap : 0;
  let aspectSum = 0;
  for (let index = start; index < count; index++) {
    aspectSum += aspects[index];
    const height = (width - gap * (index - start)) / aspectSum;
    if (height > maxHeight) continue;
    rows.push({ start, end: index + 1, top, height });
    top += height + gap;
    start = index + 1;
    aspectSum = 0;
  }
  if (start < count) {
    rows.push({ start, end: count, top, height: maxHeight, open: !done, short: true });
    top += maxHeight + gap;
  }
  return top;
}

/**
 * Return the index of the first row that overlaps top..bottom, and the index after the last.
 * @param {Row[]} rows
 * @param {number} top
 * @param {number} bottom
 * @returns {[first: number, end: number]}
 */
export function rowsBetween(rows, top, bottom) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height < top) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < rows.length && rows[end].top < bottom) end++;
  return [low, end];
}

/**
 * Return the index of the photo to which a key moves from photo `index`; null for other keys. Moving up or down keeps
 * the relative position in the row.
 * @param {Row[]} rows
 * @param {number} count number of photos
 * @param {number} index
 * @param {string} key
 */
export function moveInRows(rows, count, index, key) {
  const rowIndex = rows.findIndex(({ start, end }) => start <= index && index < end);
  const row = rows[rowIndex];
  if (!row) return null;
  /** @param {Row | undefined} other */
  const indexIn = (other) => {
    if (!other) return index;
    const position = (index - row.start) / (row.end - row.start);
    const offset = Math.round(position * (other.end - other.start));
    return Math.min(other.end - 1, other.start + offset);
  };
  switch (key) {
    case "ArrowRight":
      return index + 1;
    case "ArrowLeft":
      return index - 1;
    case "ArrowDown":
      return indexIn(rows[rowIndex + 1]);
    case "ArrowUp":
      return indexIn(rows[rowIndex - 1]);
    case "PageDown":
      return indexIn(rows[Math.min(rows.length - 1, rowIndex + PAGE_ROWS)]);
    case "PageUp":
      return indexIn(rows[Math.max(0, rowIndex - PAGE_ROWS)]);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}
