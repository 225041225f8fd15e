/**
 * @file Geometry of the viewer: the position and the scale of a picture, without the document.
 *
 * All lengths are in CSS pixels. Positions are relative to the centre of the stage.
 */

/**
 * @typedef {{width: number, height: number}} Size
 * @typedef {{x: number, y: number}} Point
 * @typedef {{scale: number, x: number, y: number}} Zoom scale: 1 if the whole picture fits the stage; x, y: position of
 *   the picture's centre
 */

/** @type {Readonly<Zoom>} */
export const FIT = Object.freeze({ scale: 1, x: 0, y: 0 });
// Every picture can be magnified at least this much.
const MIN_MAX_SCALE = 4;
// Beyond its own resolution, a picture can be magnified this much.
const OVERSAMPLING = 4;
// Limits for a swipe: how far the pointer moves, and how straight.
const SWIPE_PIXELS = 60;
const FLICK_PIXELS = 24;
const FLICK_PIXELS_PER_MS = 0.5;
const CLOSE_PIXELS = 110;

/**
 * Return the size at which a picture fits the stage. A picture smaller than the stage is not magnified.
 * @param {Size} picture in pixels of the file
 * @param {Size} stage
 * @param {number} [pixelRatio] device pixels for each CSS pixel
 * @returns {Size}
 */
export function fitSize(picture, stage, pixelRatio = 1) {
  if (!(picture.width > 0 && picture.height > 0)) return { width: 0, height: 0 };
  const factor = Math.min(
    stage.width / picture.width,
    stage.height / picture.height,
    1 / pixelRatio,
  );
  return { width: picture.width * factor, height: picture.height * factor };
}

/**
 * Return the scale at which one pixel of the file takes one pixel of the screen.
 * @param {Size} picture
 * @param {Size} fit
 * @param {number} [pixelRatio]
 */
export function fullScale(picture, fit, pixelRatio = 1) {
  return fit.width > 0 ? Math.max(1, picture.width / fit.width / pixelRatio) : 1;
}

/**
 * Return the largest scale.
 * @param {number} full the scale of full resolution
 */
export const maxScale = (full) => Math.max(MIN_MAX_SCALE, full * OVERSAMPLING);

/**
 * Keep the picture on the stage: no gap at a side unless the picture is smaller than the stage.
 * @param {Zoom} zoom
 * @param {Size} fit
 * @param {Size} stage
 * @returns {Zoom}
 */
export function clamp(zoom, fit, stage) {
  const reach = (/** @type {number} */ length, /** @type {number} */ room) =>
    Math.max(0, (length * zoom.scale - room) / 2);
  const maxX = reach(fit.width, stage.width);
  const maxY = reach(fit.height, stage.height);
  return {
    scale: zoom.scale,
    x: Math.min(maxX, Math.max(-maxX, zoom.x)) || 0,
    y: Math.min(maxY, Math.max(-maxY, zoom.y)) || 0,
  };
}

/**
 * Change the scale by a factor. The point of the picture below `point` stays where it is, as far as the limits allow.
 * @param {Zoom} zoom
 * @param {number} factor
 * @param {Point} point
 * @param {{fit: Size, stage: Size, max: number}} limits
 * @returns {Zoom}
 */
export function zoomAt(zoom, factor, point, { fit, stage, max }) {
  const scale = Math.min(max, Math.max(1, zoom.scale * factor));
  const ratio = scale / zoom.scale;
  return clamp(
    { scale, x: point.x - (point.x - zoom.x) * ratio, y: point.y - (point.y - zoom.y) * ratio },
    fit,
    stage,
  );
}

/**
 * Return the distance and the middle of two pointers.
 * @param {Point} a
 * @param {Point} b
 */
export const pinchOf = (a, b) => ({
  distance: Math.hypot(a.x - b.x, a.y - b.y),
  middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 },
});

/**
 * Return what the movement of one pointer means for a picture that fits the stage.
 * @param {number} dx
 * @param {number} dy
 * @param {number} ms duration
 * @returns {"previous" | "next" | "close" | null}
 */
export function swipeOf(dx, dy, ms) {
  const isHorizontal = Math.abs(dx) > Math.abs(dy) * 1.2;
  const isFlick =
    Math.abs(dx) > FLICK_PIXELS && Math.abs(dx) / Math.max(1, ms) > FLICK_PIXELS_PER_MS;
  if (isHorizontal && (Math.abs(dx) > SWIPE_PIXELS || isFlick)) return dx > 0 ? "previous" : "next";
  if (dy > CLOSE_PIXELS && dy > Math.abs(dx) * 1.5) return "close";
  return null;
}

/**
 * Return the zoom factor of a wheel event. Browsers report a pinch on a touchpad as wheel events with Ctrl and small
 * values.
 * @param {{deltaY: number, deltaMode: number, ctrlKey: boolean}} event
 */
export function wheelFactor({ deltaY, deltaMode, ctrlKey }) {
  const pixels = deltaMode === 1 ? deltaY * 16 : deltaMode === 2 ? deltaY * 400 : deltaY;
  return Math.exp(-Math.max(-300, Math.min(300, pixels)) * (ctrlKey ? 0.01 : 0.002));
}
