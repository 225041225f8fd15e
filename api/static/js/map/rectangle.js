/**
 * @file The rectangle that the user draws on the map, in pixels of the map.
 */

/**
 * @typedef {{left: number, top: number, right: number, bottom: number}} Rectangle
 * @typedef {{width: number, height: number}} Size
 * @typedef {{x: number, y: number}} Point
 */

// How far an arrow key moves or resizes the rectangle.
const STEP_PIXELS = 16;
// A smaller rectangle is probably a click.
const MIN_SIDE_PIXELS = 8;

/** @type {Record<string, [x: number, y: number]>} */
const DIRECTIONS = Object.assign(Object.create(null), {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
});

/**
 * Return the rectangle with which drawing by keys begins: the middle of the map.
 * @param {Size} map
 * @returns {Rectangle}
 */
export const middleOf = ({ width, height }) => ({
  left: width / 4,
  top: height / 4,
  right: (width * 3) / 4,
  bottom: (height * 3) / 4,
});

/**
 * Return the rectangle between two points, as far as it is in the map.
 * @param {Point} a
 * @param {Point} b
 * @param {Size} map
 * @returns {Rectangle}
 */
export function rectangleBetween(a, b, { width, height }) {
  /** @type {(value: number, max: number) => number} */
  const clamp = (value, max) => Math.min(max, Math.max(0, value));
  return {
    left: clamp(Math.min(a.x, b.x), width),
    top: clamp(Math.min(a.y, b.y), height),
    right: clamp(Math.max(a.x, b.x), width),
    bottom: clamp(Math.max(a.y, b.y), height),
  };
}

/**
 * Return whether both sides of a rectangle are long enough.
 * @param {Rectangle} rectangle
 */
export const isDrawn = ({ left, top, right, bottom }) =>
  right - left >= MIN_SIDE_PIXELS && bottom - top >= MIN_SIDE_PIXELS;

/**
 * Return the rectangle after an arrow key, which moves it or, with Shift, its right and bottom sides. Return null for
 * other keys.
 * @param {Rectangle} rectangle
 * @param {string} key
 * @param {boolean} isResized
 * @param {Size} map
 * @returns {Rectangle | null}
 */
export function moveRectangle({ left, top, right, bottom }, key, isResized, { width, height }) {
  const direction = DIRECTIONS[key];
  if (!direction) return null;
  const [dx, dy] = direction.map((sign) => sign * STEP_PIXELS);
  if (isResized) {
    return {
      left,
      top,
      right: Math.min(width, Math.max(left + STEP_PIXELS, right + dx)),
      bottom: Math.min(height, Math.max(top + STEP_PIXELS, bottom + dy)),
    };
  }
  // At the edge of the map, the rectangle keeps its size.
  const x = Math.min(width - right, Math.max(-left, dx));
  const y = Math.min(height - bottom, Math.max(-top, dy));
  return { left: left + x, top: top + y, right: right + x, bottom: bottom + y };
}
