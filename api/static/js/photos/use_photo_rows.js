/**
 * @file Lays out the photos that have been fetched, in justified rows.
 * @import { Row } from "./justified_layout.js"
 * @import { PhotoPages } from "./photo_pages.js"
 */
import { useMemo, useRef } from "../core/preact.js";
import { DateHeadings } from "./date_headings.js";
import { insertAbove, justify } from "./justified_layout.js";

/** Gap between photos, in pixels. */
export const GAP = 6;

/**
 * @typedef {object} Layout
 * @property {Row[]} rows
 * @property {string} key identifies the sizes for which the photos were laid out
 * @property {PhotoPages | null} pages
 * @property {number} inserted `pages.inserted` when the photos were laid out
 * @property {number} rowsAbove by how much the indexes of rows have increased since the first layout
 * @property {number} shift how far the rows have moved down since takeShift was called, in pixels
 */

/**
 * Lay out the photos. When more are fetched, only the end or the beginning of the layout changes.
 * @param {PhotoPages} pages
 * @param {number} rowWidth
 * @param {number} maxRowHeight
 * @param {boolean} hasHeadings whether the photos are in the order of dates
 */
export function usePhotoRows(pages, rowWidth, maxRowHeight, hasHeadings) {
  const layout = useRef(/** @type {Layout} */ (emptyLayout("", null)));
  // Create the headings at each render, because the array of days is replaced when it grows.
  const headings = hasHeadings ? new DateHeadings(pages.days) : null;
  const totalHeight = useMemo(() => {
    if (!rowWidth) return 0;
    const { isComplete } = pages;
    const options = { width: rowWidth, maxHeight: maxRowHeight, gap: GAP, isComplete, headings };
    const key = `${rowWidth} ${maxRowHeight}`;
    if (layout.current.key !== key || layout.current.pages !== pages) {
      layout.current = emptyLayout(key, pages);
    }
    const { rows } = layout.current;
    const isNew = !rows.length;
    if (!isNew) insertRows(layout.current, pages, options);
    const height = justify(rows, pages.aspects, pages.count, options);
    // The first row may begin in the middle of a month.
    if (isNew && rows.length && pages.inserted) rows[0].isOpenAbove = pages.hasPrevious;
    return height;
    // eslint-disable-next-line react-hooks/exhaustive-deps -- pages.version stands for the contents of `pages`
  }, [pages, pages.version, rowWidth, maxRowHeight]);
  const { rows, rowsAbove } = layout.current;
  const takeShift = () => {
    const { shift } = layout.current;
    layout.current.shift = 0;
    return shift;
  };
  return { rows, rowsAbove, totalHeight, headings, takeShift };
}

/**
 * @param {string} key
 * @param {PhotoPages | null} pages
 * @returns {Layout}
 */
function emptyLayout(key, pages) {
  return { rows: [], key, pages, inserted: pages?.inserted ?? 0, rowsAbove: 0, shift: 0 };
}

/**
 * Insert the rows of the photos that were fetched upwards.
 * @param {Layout} layout with at least one row
 * @param {PhotoPages} pages
 * @param {import("./justified_layout.js").Options} options
 */
function insertRows(layout, pages, options) {
  const { rows } = layout;
  const inserted = pages.inserted - layout.inserted;
  if (!inserted) return;
  const last = rows[rows.length - 1];
  const { top, end } = last;
  const { hasPrevious } = pages;
  layout.rowsAbove += insertAbove(rows, pages.aspects, end + inserted, {
    ...options,
    inserted,
    hasPrevious,
  });
  layout.inserted = pages.inserted;
  layout.shift += last.top - top;
}
