/**
 * @file Geometry of the world's outline: Web Mercator, and clipping to tiles. Without Leaflet or canvas.
 */

/**
 * @typedef {[west: number, north: number, east: number, south: number]} Box
 * @typedef {{points: Float64Array | number[], box: Box}} Shape x and y alternate, in a square of side 1, y downwards
 * @typedef {{name: string, x: number, y: number, size: number, width: number}} PlaceName
 * @typedef {import("../core/lazy_libraries.js").Position} Position
 */

const MAX_LATITUDE = 85.0511287798;

/** @param {number} longitude */
export const toX = (longitude) => (longitude + 180) / 360;

/** @param {number} latitude */
export function toY(latitude) {
  const inside = Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, latitude));
  const sine = Math.sin((inside * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}

/** @param {number} y */
export const toLatitude = (y) => (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;

/**
 * @param {Float64Array | number[]} points
 * @returns {Shape}
 */
function withBox(points) {
  /** @type {Box} */
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let at = 0; at < points.length; at += 2) {
    box[0] = Math.min(box[0], points[at]);
    box[1] = Math.min(box[1], points[at + 1]);
    box[2] = Math.max(box[2], points[at]);
    box[3] = Math.max(box[3], points[at + 1]);
  }
  return { points, box };
}

/**
 * Project a ring or line.
 * @param {readonly Position[]} coordinates
 */
export function project(coordinates) {
  const points = new Float64Array(coordinates.length * 2);
  coordinates.forEach(([longitude, latitude], at) => {
    points[2 * at] = toX(longitude);
    points[2 * at + 1] = toY(latitude);
  });
  return withBox(points);
}

/**
 * Project a ring or line; if it crosses the 180th meridian, also its copy at the other edge of the square.
 * @param {readonly Position[]} coordinates
 * @returns {Shape[]}
 */
export function projectWithCopies(coordinates) {
  const shape = project(coordinates);
  const shifts = [0];
  if (shape.box[2] > 1) shifts.push(-1);
  if (shape.box[0] < 0) shifts.push(1);
  return shifts.map((shift) =>
    shift ? withBox(shape.points.map((value, at) => (at % 2 ? value : value + shift))) : shape,
  );
}

/** @type {(a: Box, b: Box) => boolean} */
const isApart = (a, b) => a[2] < b[0] || b[2] < a[0] || a[3] < b[1] || b[3] < a[1];
/** @type {(a: Box, b: Box) => boolean} */
const isWithin = (a, b) => a[0] >= b[0] && a[2] <= b[2] && a[1] >= b[1] && a[3] <= b[3];

/**
 * Clip a ring to a box (Sutherland-Hodgman); null if nothing is left.
 * @param {Shape} ring
 * @param {Box} box
 * @returns {Shape | null}
 */
export function clipRing(ring, box) {
  if (isApart(ring.box, box)) return null;
  if (isWithin(ring.box, box)) return ring;
  let { points } = ring;
  for (let side = 0; side < 4 && points.length; side++) {
    const axis = side % 2;
    const sign = side < 2 ? 1 : -1;
    points = clipToEdge(points, axis, sign, box[side]);
  }
  return points.length ? withBox(points) : null;
}

/**
 * @param {Float64Array | number[]} points
 * @param {number} axis 0: x, 1: y
 * @param {number} sign 1: keep what is above the edge, -1: below
 * @param {number} edge
 */
function clipToEdge(points, axis, sign, edge) {
  const kept = [];
  const count = points.length;
  for (let at = 0; at < count; at += 2) {
    const next = (at + 2) % count;
    const here = sign * (points[at + axis] - edge);
    const there = sign * (points[next + axis] - edge);
    if (here >= 0) kept.push(points[at], points[at + 1]);
    if (here >= 0 !== there >= 0) {
      const part = here / (here - there);
      for (const offset of [0, 1]) {
        const from = points[at + offset];
        kept.push(from + part * (points[next + offset] - from));
      }
    }
  }
  return kept;
}

/**
 * Return the stretches of a line that may reach into a box.
 * @param {Shape} line
 * @param {Box} box
 * @returns {Shape[]}
 */
export function clipLine(line, box) {
  if (isApart(line.box, box)) return [];
  if (isWithin(line.box, box)) return [line];
  const { points } = line;
  const stretches = [];
  let start = -1;
  for (let at = 0; at + 2 < points.length; at += 2) {
    const [x, y, nextX, nextY] = [points[at], points[at + 1], points[at + 2], points[at + 3]];
    /** @type {Box} */
    const reach = [Math.min(x, nextX), Math.min(y, nextY), Math.max(x, nextX), Math.max(y, nextY)];
    if (!isApart(reach, box)) {
      if (start < 0) start = at;
    } else if (start >= 0) {
      stretches.push(withBox(points.slice(start, at + 2)));
      start = -1;
    }
  }
  if (start >= 0) stretches.push(withBox(points.slice(start)));
  return stretches;
}

/**
 * Place a country's name at the centroid of its largest part, which is `width` wide.
 * @param {import("../core/lazy_libraries.js").Country} country
 * @returns {PlaceName | null}
 */
export function placeName({ name, polygons }) {
  /** @type {PlaceName | null} */
  let best = null;
  for (const [outer] of polygons) {
    const { points, box } = project(outer);
    let [area, x, y] = [0, 0, 0];
    for (let at = 0; at + 3 < points.length; at += 2) {
      const cross = points[at] * points[at + 3] - points[at + 2] * points[at + 1];
      area += cross;
      x += (points[at] + points[at + 2]) * cross;
      y += (points[at + 1] + points[at + 3]) * cross;
    }
    const size = Math.abs(area);
    if (size <= (best?.size ?? 0)) continue;
    best = { name, size, x: x / (3 * area), y: y / (3 * area), width: box[2] - box[0] };
  }
  return best;
}

/**
 * Return whether a polygon covers a position.
 * @param {import("../core/lazy_libraries.js").Polygon} rings
 * @param {number} longitude
 * @param {number} latitude
 */
export function covers(rings, longitude, latitude) {
  let isOdd = false;
  for (const ring of rings) {
    for (let at = 0, before = ring.length - 1; at < ring.length; before = at++) {
      const [x, y] = ring[at];
      const [lastX, lastY] = ring[before];
      const crosses = y > latitude !== lastY > latitude;
      if (crosses && longitude < ((lastX - x) * (latitude - y)) / (lastY - y) + x) isOdd = !isOdd;
    }
  }
  return isOdd;
}
