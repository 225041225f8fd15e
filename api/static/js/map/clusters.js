/**
 * @file Geometry of the map: areas for API requests, clusters that do not overlap, and the area of a cluster.
 * @import { Area, Cluster, MapFeature } from "../core/types"
 */
// The API groups photos in cells of 64 pixels, and a tile has 256.
const CELLS_PER_TILE = 4;
export const MAX_API_ZOOM = 22;

/** @param {number} longitude */
const wrap = (longitude) => ((((longitude + 180) % 360) + 360) % 360) - 180;

/**
 * Format an area as the API's `bbox`.
 * @param {Area} area
 */
export function formatBox({ west, south, east, north }) {
  const [low, high] = [Math.max(-90, south), Math.min(90, north)];
  const [left, right] = east - west >= 360 ? [-180, 180] : [wrap(west), wrap(east)];
  return [left, low, right, high].map((degrees) => Number(degrees.toFixed(5))).join(",");
}

/**
 * Parse a `bbox`; return null if it is invalid.
 * @param {string | null | undefined} text
 * @returns {Area | null}
 */
export function parseBox(text) {
  const sides = (text ?? "").split(",").map(Number);
  if (sides.length !== 4 || !sides.every(Number.isFinite)) return null;
  const [west, south, east, north] = sides;
  return {
    west,
    south: Math.min(south, north),
    east: east < west ? east + 360 : east,
    north: Math.max(south, north),
  };
}

/**
 * Return the radius of a cluster in pixels.
 * @param {number} count
 */
export const radiusOf = (count) =>
  count === 1 ? 22 : Math.min(34, 13 + 3.4 * Math.log10(count) ** 1.35);

// At least twice the largest radius, so that overlapping clusters are in the same or in adjacent squares.
const SQUARE_PIXELS = 72;
const NEIGHBOURS = [-1, 0, 1].flatMap((dx) => [-1, 0, 1].map((dy) => [dx, dy]));

/**
 * Merge clusters that would overlap on screen into the larger one.
 * @param {readonly MapFeature[]} features
 * @param {(position: [longitude: number, latitude: number]) => {x: number, y: number}} toPixels
 * @returns {Cluster[]} the largest first
 */
export function mergeOverlapping(features, toPixels) {
  const candidates = features.map((feature) => toCluster(feature, toPixels));
  candidates.sort((a, b) => b.count - a.count);
  /** @type {Cluster[]} */
  const kept = [];
  /** @type {Map<string, Cluster[]>} */
  const grid = new Map();
  /** @type {(x: number, y: number) => string} */
  const squareOf = (x, y) => `${Math.floor(x / SQUARE_PIXELS)} ${Math.floor(y / SQUARE_PIXELS)}`;
  for (const cluster of candidates) {
    let larger = null;
    for (const [dx, dy] of NEIGHBOURS) {
      larger ??= grid
        .get(squareOf(cluster.x + dx * SQUARE_PIXELS, cluster.y + dy * SQUARE_PIXELS))
        ?.find((other) => overlaps(cluster, other));
    }
    if (larger) {
      larger.count += cluster.count;
      larger.id = null;
      larger.cells.push(...cluster.cells);
      continue;
    }
    const square = squareOf(cluster.x, cluster.y);
    const inSquare = grid.get(square);
    if (inSquare) inSquare.push(cluster);
    else grid.set(square, [cluster]);
    kept.push(cluster);
  }
  for (const cluster of kept) cluster.radius = radiusOf(cluster.count);
  return kept;
}

/**
 * @param {MapFeature} feature
 * @param {(position: [longitude: number, latitude: number]) => {x: number, y: number}} toPixels
 * @returns {Cluster}
 */
function toCluster({ geometry: { coordinates }, properties: { count, id } }, toPixels) {
  const { x, y } = toPixels(coordinates);
  const [lng, lat] = coordinates;
  return { count, id, lng, lat, x, y, radius: radiusOf(count), cells: [[lng, lat]] };
}

/**
 * Return whether two clusters overlap. A slight overlap is allowed.
 * @type {(a: Cluster, b: Cluster) => boolean}
 */
const overlaps = (a, b) => Math.hypot(b.x - a.x, b.y - a.y) < (b.radius + a.radius) * 0.9;

/**
 * Return the area that the API's cells of a cluster cover.
 * @param {{cells: [longitude: number, latitude: number][]}} cluster
 * @param {number} zoom
 * @returns {Area}
 */
export function areaOf({ cells }, zoom) {
  const size = 360 / (CELLS_PER_TILE * 2 ** zoom);
  const area = { west: Infinity, south: Infinity, east: -Infinity, north: -Infinity };
  for (const [lng, lat] of cells) {
    const west = Math.floor((lng + 180) / size) * size - 180;
    const south = Math.floor((lat + 90) / size) * size - 90;
    area.west = Math.min(area.west, west);
    area.south = Math.min(area.south, south);
    area.east = Math.max(area.east, west + size);
    area.north = Math.max(area.north, south + size);
  }
  return area;
}

/**
 * Return the area that contains all features; null if there are none.
 *
 * The area leaves out the widest gap between longitudes, so that the extent of Fiji does not span the world. But people
 * know world maps that end at the 180th meridian, so another gap is chosen only if it is much wider than the gap there.
 * @param {readonly MapFeature[]} features
 * @returns {Area | null}
 */
export function extentOf(features) {
  if (!features.length) return null;
  const lngs = features.map((feature) => feature.geometry.coordinates[0]).sort((a, b) => a - b);
  const lats = features.map((feature) => feature.geometry.coordinates[1]);
  const last = lngs[lngs.length - 1];
  let [gap, west, east] = [1.5 * (lngs[0] + 360 - last), lngs[0], last];
  for (let index = 1; index < lngs.length; index++) {
    const width = lngs[index] - lngs[index - 1];
    if (width > gap) [gap, west, east] = [width, lngs[index], lngs[index - 1] + 360];
  }
  return { west, south: Math.min(...lats), east, north: Math.max(...lats) };
}

/**
 * Return whether a position is in an area, in any copy of the world.
 * @param {{lng: number, lat: number}} position
 * @param {Area} area
 */
export function isInside({ lng, lat }, { west, south, east, north }) {
  if (lat < south || lat > north) return false;
  return Math.ceil((west - lng) / 360) <= Math.floor((east - lng) / 360);
}
