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
 * @property {boolean} [isOpenAbove] whether photos may still be inserted at the beginning of the row
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
export function justify(rows, aspects, count, options) {
  while (rows.at(-1)?.isOpen) rows.pop();
  return appendRows(rows, aspects, rows.at(-1)?.end ?? 0, count, options);
}

/**
 * Append the rows of the photos from `first` on. Return the total height.
 * @param {Row[]} rows
 * @param {ArrayLike<number>} aspects
 * @param {number} first
 * @param {number} count
 * @param {Options} options
 */
function appendRows(rows, aspects, first, count, { width, maxHeight, gap, isComplete, headings }) {
  const last = rows.at(-1);
  let start = first;
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
 * Lay out photos that were inserted before the others. The rows below keep their photos, so that nothing visible moves:
 * rows are filled from the end of a month to its beginning. Only months that were inserted as a whole are laid out from
 * their beginning.
 * @param {Row[]} rows the rows of earlier calls, changed in place
 * @param {ArrayLike<number>} aspects width divided by height, for each photo, including those inserted
 * @param {number} count number of photos, including those inserted
 * @param {Options & {inserted: number, hasPrevious: boolean}} options inserted: number of photos inserted;
 *   hasPrevious: whether more photos may be inserted
 * @returns {number} by how much the indexes of the rows below increased
 */
export function insertAbove(rows, aspects, count, options) {
  const { gap, headings, inserted, hasPrevious } = options;
  const removed = rows[0]?.isOpenAbove ? rows.splice(0, 1).length : 0;
  for (const row of rows) {
    row.start += inserted;
    row.end += inserted;
  }
  // The row that was the first one may no longer begin a month.
  const [below] = rows;
  if (below) {
    const lead = headings?.above(below.start, below.end).height ?? 0;
    below.height += lead - below.lead;
    below.lead = lead;
  }
  /** @type {(index: number) => boolean} */
  const beginsMonth = (index) => index === count || Boolean(headings?.isBreak(index));
  /** @type {Row[]} */
  const above = [];
  for (let start, end = below?.start ?? count; end > 0; end = start) {
    start = end - 1;
    while (start > 0 && !beginsMonth(start)) start--;
    const isOpenAbove = start === 0 && hasPrevious;
    const isWhole = !isOpenAbove && beginsMonth(end);
    const part = isWhole ? [] : rowsUpwards(aspects, start, end, options);
    if (isWhole) appendRows(part, aspects, start, end, { ...options, isComplete: true });
    if (isOpenAbove) part[0].isOpenAbove = true;
    above.unshift(...part);
  }
  rows.unshift(...above);
  let top = 0;
  for (const row of rows) {
    row.top = top;
    top += row.height + gap;
  }
  return above.length - removed;
}

/**
 * Return the rows of some photos, without their positions. The rows are filled from the last photo on, so the first row
 * may be short.
 * @param {ArrayLike<number>} aspects
 * @param {number} start index of the first photo
 * @param {number} end index after the last photo
 * @param {Options} options
 */
function rowsUpwards(aspects, start, end, { width, maxHeight, gap, headings }) {
  /** @type {Row[]} */
  const rows = [];
  let rowEnd = end;
  let aspectSum = 0;
  for (let index = end - 1; index >= start; index--) {
    aspectSum += aspects[index];
    const fullHeight = (width - gap * (rowEnd - 1 - index)) / aspectSum;
    const isShort = fullHeight > maxHeight;
    if (isShort && index > start) continue;
    const lead = headings?.above(index, rowEnd).height ?? 0;
    const height = lead + Math.min(fullHeight, maxHeight);
    rows.unshift({ start: index, end: rowEnd, top: 0, height, lead, isShort });
    rowEnd = index;
    aspectSum = 0;
  }
  return rows;
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
