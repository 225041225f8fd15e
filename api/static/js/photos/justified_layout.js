/**
 * @file Justified layout: the photos of a row have the same height, which is chosen so that they fill the width.
 */

// Number of rows that Page Up and Page Down move.
const PAGE_ROWS = 4;

/**
 * @typedef {object} Row
 * @property {number} start index of the first photo
 * @property {number} end index after the last photo
 * @property {number} top in pixels
 * @property {number} height in pixels, with the headings
 * @property {number} lead height of the headings above the photos, in pixels
 * @property {boolean} [isOpen] whether photos may still be added to the row
 * @property {boolean} [isShort] whether the photos do not fill the width
 */

/**
 * @typedef {object} Options
 * @property {number} width of a row
 * @property {number} maxHeight of the photos of a row
 * @property {number} gap between photos and between rows
 * @property {boolean} isComplete whether no more photos will be added
 * @property {{isBreak(index: number): boolean, above(start: number, end: number): {height: number}} | null} [headings]
 *   where rows begin, and the height of the headings above a row
 */

/**
 * Lay out the photos up to `count`. Full rows from earlier calls stay as they are, and new rows are appended. If the
 * last row is not full, the next call lays it out again.
 * @param {Row[]} rows the rows of earlier calls, changed in place
 * @param {ArrayLike<number>} aspects width divided by height, for each photo
 * @param {number} count number of photos
 * @param {Options} options
 * @returns {number} total height of the rows
 */
export function justify(rows, aspects, count, { width, maxHeight, gap, isComplete, headings }) {
  while (rows.at(-1)?.isOpen) rows.pop();
  const last = rows.at(-1);
  let start = last ? last.end : 0;
  let top = last ? last.top + last.height + gap : 0;
  let aspectSum = 0;
  /** @type {(end: number, photoHeight: number, rest?: Partial<Row>) => void} */
  const add = (end, photoHeight, rest) => {
    const lead = headings?.above(start, end).height ?? 0;
    rows.push({ start, end, top, height: lead + photoHeight, lead, ...rest });
    top += lead + photoHeight + gap;
    start = end;
    aspectSum = 0;
  };
  for (let index = start; index < count; index++) {
    if (index > start && headings?.isBreak(index)) add(index, maxHeight, { isShort: true });
    aspectSum += aspects[index];
    const height = (width - gap * (index - start)) / aspectSum;
    if (height <= maxHeight) add(index + 1, height);
  }
  if (start < count) add(count, maxHeight, { isOpen: !isComplete, isShort: true });
  return top;
}

/**
 * Return the index of the first row between `top` and `bottom`, and the index after the last one. Rows that are partly
 * inside are included.
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
 * Return the index of the photo to which a key moves from the photo at `index`, or null for other keys. Moving up or
 * down keeps the relative position in the row.
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
