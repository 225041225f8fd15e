/**
 * @file Geometry of the world's outline: projection, and clipping to tiles.
 *
 * The projection is Web Mercator. It maps the world to the unit square, with (0, 0) in the north-west.
 */

/**
 * @typedef {[west: number, north: number, east: number, south: number]} Box
 * @typedef {{points: Float64Array | number[], box: Box}} Shape points: alternating x and y; box: bounds of
 *   the points
 * @typedef {{name: string, x: number, y: number, area: number, width: number}} PlaceName
 * @typedef {import("../core/map_data.js").Position} Position
 */

/** Web Mercator leaves out the areas around the poles, so that the world is a square. */
export const MAX_LATITUDE = 85.0511287798;

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
 * Return the shape with these points.
 * @param {Float64Array | number[]} points
 * @returns {Shape}
 */
function withBox(points) {
  /** @type {Box} */
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let index = 0; index < points.length; index += 2) {
    box[0] = Math.min(box[0], points[index]);
    box[1] = Math.min(box[1], points[index + 1]);
    box[2] = Math.max(box[2], points[index]);
    box[3] = Math.max(box[3], points[index + 1]);
  }
  return { points, box };
}

/**
 * Project a ring or line.
 * @param {readonly Position[]} coordinates
 */
export function project(coordinates) {
  const points = new Float64Array(coordinates.length * 2);
  coordinates.forEach(([longitude, latitude], index) => {
    points[2 * index] = toX(longitude);
    points[2 * index + 1] = toY(latitude);
  });
  return withBox(points);
}

/**
 * Project a ring or line. If it crosses the 180th meridian, also return a copy at the opposite edge of the square.
 * @param {readonly Position[]} coordinates
 * @returns {Shape[]}
 */
export function projectWithCopies(coordinates) {
  const shape = project(coordinates);
  const shifts = [0];
  if (shape.box[2] > 1) shifts.push(-1);
  if (shape.box[0] < 0) shifts.push(1);
  return shifts.map((shift) => {
    if (!shift) return shape;
    return withBox(shape.points.map((value, index) => (index % 2 ? value : value + shift)));
  });
}

/** @type {(a: Box, b: Box) => boolean} */
const isApart = (a, b) => a[2] < b[0] || b[2] < a[0] || a[3] < b[1] || b[3] < a[1];
/** @type {(a: Box, b: Box) => boolean} */
const isWithin = (a, b) => a[0] >= b[0] && a[2] <= b[2] && a[1] >= b[1] && a[3] <= b[3];

/**
 * Clip a ring to a box (Sutherland-Hodgman). Return null if nothing is left.
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
 * Clip a ring to one edge of a box.
 * @param {Float64Array | number[]} points
 * @param {number} axis 0: x, 1: y
 * @param {number} sign 1: keep coordinates above the edge's, -1: keep those below
 * @param {number} edge coordinate of the edge
 */
function clipToEdge(points, axis, sign, edge) {
  const kept = [];
  const count = points.length;
  for (let index = 0; index < count; index += 2) {
    const next = (index + 2) % count;
    const distance = sign * (points[index + axis] - edge);
    const nextDistance = sign * (points[next + axis] - edge);
    if (distance >= 0) kept.push(points[index], points[index + 1]);
    const crossesEdge = distance >= 0 !== nextDistance >= 0;
    if (crossesEdge) {
      const fraction = distance / (distance - nextDistance);
      for (const offset of [0, 1]) {
        const from = points[index + offset];
        kept.push(from + fraction * (points[next + offset] - from));
      }
    }
  }
  return kept;
}

/**
 * Return the sections of a line that may overlap a box.
 * @param {Shape} line
 * @param {Box} box
 * @returns {Shape[]}
 */
export function clipLine(line, box) {
  if (isApart(line.box, box)) return [];
  if (isWithin(line.box, box)) return [line];
  const { points } = line;
  const sections = [];
  let start = -1;
  for (let index = 0; index + 2 < points.length; index += 2) {
    const [x, y, nextX, nextY] = [
      points[index],
      points[index + 1],
      points[index + 2],
      points[index + 3],
    ];
    /** @type {Box} */
    const segmentBox = [
      Math.min(x, nextX),
      Math.min(y, nextY),
      Math.max(x, nextX),
      Math.max(y, nextY),
    ];
    if (!isApart(segmentBox, box)) {
      if (start < 0) start = index;
    } else if (start >= 0) {
      sections.push(withBox(points.slice(start, index + 2)));
      start = -1;
    }
  }
  if (start >= 0) sections.push(withBox(points.slice(start)));
  return sections;
}

/**
 * Return where to write a country's name: at the centroid of its largest polygon. `area` and `width` are those of the
 * polygon.
 * @param {import("../core/map_data.js").Country} country
 * @returns {PlaceName | null}
 */
export function placeName({ name, polygons }) {
  /** @type {PlaceName | null} */
  let largest = null;
  for (const [outer] of polygons) {
    const { points, box } = project(outer);
    // The shoelace formula.
    let [twiceArea, x, y] = [0, 0, 0];
    for (let index = 0; index + 3 < points.length; index += 2) {
      const cross = points[index] * points[index + 3] - points[index + 2] * points[index + 1];
      twiceArea += cross;
      x += (points[index] + points[index + 2]) * cross;
      y += (points[index + 1] + points[index + 3]) * cross;
    }
    const area = Math.abs(twiceArea) / 2;
    if (area <= (largest?.area ?? 0)) continue;
    const [centreX, centreY] = [x / (3 * twiceArea), y / (3 * twiceArea)];
    largest = { name, area, x: centreX, y: centreY, width: box[2] - box[0] };
  }
  return largest;
}

/**
 * Return whether a polygon contains a position. It does if a ray from the position to the east crosses an odd number of
 * edges.
 * @param {import("../core/map_data.js").Polygon} rings
 * @param {number} longitude
 * @param {number} latitude
 */
export function contains(rings, longitude, latitude) {
  let isInside = false;
  for (const ring of rings) {
    let [previousX, previousY] = ring[ring.length - 1];
    for (const [x, y] of ring) {
      const crossesLatitude = y > latitude !== previousY > latitude;
      const crossing = ((previousX - x) * (latitude - y)) / (previousY - y) + x;
      if (crossesLatitude && longitude < crossing) isInside = !isInside;
      [previousX, previousY] = [x, y];
    }
  }
  return isInside;
}
