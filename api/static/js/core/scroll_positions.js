/**
 * @file Remembers the scroll position of each view in pixels, until the filters or the sort order change.
 */

/** @type {Map<string, number>} */
const positions = new Map();

/** @param {string} view */
export const getScrollPosition = (view) => positions.get(view) ?? 0;

/**
 * @param {string} view
 * @param {number} top
 */
export const saveScrollPosition = (view, top) => positions.set(view, top);

/** Forget all positions, so that every view starts at the top. */
export const clearScrollPositions = () => positions.clear();
