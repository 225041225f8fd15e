/**
 * @file Justified layout: photos in rows of equal width, each row as high as its photos need to fill it.
 */

/**
 * @typedef {object} Row
 * @property {number} start index of the first photo
 * @property {number} end index after the last photo
 * @property {number} top in pixels
 * @property {number} height in pixels
 * @property {boolean} [open] more photos may come into it
 * @property {boolean} [short] its photos do not fill it
 */

/**
 * Append rows for photos up to `count`, after the last full row. The last row may be short: it is laid out again when
 * more photos have come.
 * @param {Row[]} rows changed in place
 * @param {ArrayLike<number>} aspects width by height of each photo
 * @param {number} count
 * @param {{width: number, target: number, gap: number, done: boolean}} options
 *   target: greatest height of a row; done: no more photos will come
 * @returns {number} the height of all rows
 */
export function justify(rows, aspects, count, { width, target, gap, done }) {
  while (rows.at(-1)?.open) rows.pop();
  const last = rows.at(-1);
  let start = last ? last.end : 0;
  let top = last ? last.top + last.height + gap : 0;
  let sum = 0;
  for (let at = start; at < count; at++) {
    sum += aspects[at];
    const height = (width - gap * (at - start)) / sum;
    if (height > target) continue;
    rows.push({ start, end: at + 1, top, height });
    top += height + gap;
    start = at + 1;
    sum = 0;
  }
  if (start < count) {
    rows.push({ start, end: count, top, height: target, open: !done, short: true });
    top += target + gap;
  }
  return top;
}

/**
 * Return the first row that reaches into top..bottom, and the one after the last.
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
 * Return the index to which a key moves from photo `at`; null for other keys. Up and down keep the position in the
 * row, as a share of its width.
 * @param {Row[]} rows
 * @param {number} count of photos
 * @param {number} at
 * @param {string} key
 */
export function moveInRows(rows, count, at, key) {
  const index = rows.findIndex(({ start, end }) => start <= at && at < end);
  const row = rows[index];
  if (!row) return null;
  /** @param {Row | undefined} other */
  const into = (other) => {
    if (!other) return at;
    const position = (at - row.start) / (row.end - row.start);
    const offset = Math.round(position * (other.end - other.start));
    return Math.min(other.end - 1, other.start + offset);
  };
  switch (key) {
    case "ArrowRight":
      return at + 1;
    case "ArrowLeft":
      return at - 1;
    case "ArrowDown":
      return into(rows[index + 1]);
    case "ArrowUp":
      return into(rows[index - 1]);
    case "PageDown":
      return into(rows[Math.min(rows.length - 1, index + 4)]);
    case "PageUp":
      return into(rows[Math.max(0, index - 4)]);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}
