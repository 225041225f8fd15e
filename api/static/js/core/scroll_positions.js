/**
 * @file Remembers the scroll position of each view in the current result, in pixels.
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

/** Start every view at the top, because the result has changed. */
export const clearScrollPositions = () => positions.clear();
