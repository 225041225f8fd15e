/**
 * @file Scroll position of each view in the current result, in pixels.
 */

/** @type {Map<string, number>} */
const positions = new Map();

/** @param {string} view */
export const scrollPositionOf = (view) => positions.get(view) ?? 0;

/**
 * @param {string} view
 * @param {number} top
 */
export const keepScrollPosition = (view, top) => positions.set(view, top);

/** Start at the top everywhere: the result is another one. */
export const forgetScrollPositions = () => positions.clear();
