/**
 * @file Geometry of the map: areas for API requests, merging clusters that overlap, and the areas of clusters.
 * @import { Area, Cluster, MapFeature } from "../core/types"
 */
// The API groups photos by the cells of a grid. A cell is as wide as 64 pixels of the map, and a tile as 256.
const CELLS_PER_TILE = 4;
export const MAX_API_ZOOM = 22;

/**
 * Return the equivalent longitude from -180 to 180.
 * @param {number} longitude
 */
const wrap = (longitude) => ((((longitude + 180) % 360) + 360) % 360) - 180;

/**
 * Format an area as a value of the API's parameter `bbox`.
 * @param {Area} area
 */
export function formatBox({ west, south, east, north }) {
  const [low, high] = [Math.max(-90, south), Math.min(90, north)];
  const [left, right] = east - west >= 360 ? [-180, 180] : [wrap(west), wrap(east)];
  return [left, low, right, high].map((degrees) => Number(degrees.toFixed(5))).join(",");
}

/**
 * Parse a value of the API's parameter `bbox`. Return null if it is invalid.
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

// mergeOverlapping divides the map into squares of this size. It is at least twice the largest radius, so that
// overlapping clusters are in the same square or in adjacent ones.
const SQUARE_PIXELS = 72;
const NEIGHBOURS = [-1, 0, 1].flatMap((dx) => [-1, 0, 1].map((dy) => [dx, dy]));

/**
 * Convert features to clusters. If two would overlap on screen, the smaller one is merged into the larger one.
 * @param {readonly MapFeature[]} features
 * @param {(position: [longitude: number, latitude: number]) => {x: number, y: number}} toPixels
 * @returns {Cluster[]} sorted by the size before merging, largest first
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
      larger.cellPositions.push(...cluster.cellPositions);
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
  return { count, id, lng, lat, x, y, radius: radiusOf(count), cellPositions: [[lng, lat]] };
}

/**
 * Return whether two clusters overlap by more than a tenth of their radii.
 * @type {(a: Cluster, b: Cluster) => boolean}
 */
const overlaps = (a, b) => Math.hypot(b.x - a.x, b.y - a.y) < (b.radius + a.radius) * 0.9;

/**
 * Return the area of the API's cells whose photos are in a cluster.
 * @param {{cellPositions: [longitude: number, latitude: number][]}} cluster one position in each cell
 * @param {number} zoom zoom level of the request
 * @returns {Area}
 */
export function areaOf({ cellPositions }, zoom) {
  const size = 360 / (CELLS_PER_TILE * 2 ** zoom);
  const area = { west: Infinity, south: Infinity, east: -Infinity, north: -Infinity };
  for (const [lng, lat] of cellPositions) {
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
 * Return the area that contains all points, or null if there are none.
 *
 * An area leaves out one gap between longitudes. Leaving out the widest gap keeps areas small that cross the 180th
 * meridian, such as Fiji. But world maps usually end at that meridian, so a gap elsewhere is left out only if it is
 * more than 1.5 times as wide as the gap there.
 * @param {readonly Pick<MapFeature, "geometry">[]} features
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
 * Return whether an area contains a position, or one of its copies 360 degrees further east or west.
 * @param {{lng: number, lat: number}} position
 * @param {Area} area
 */
export function isInside({ lng, lat }, { west, south, east, north }) {
  if (lat < south || lat > north) return false;
  return Math.ceil((west - lng) / 360) <= Math.floor((east - lng) / 360);
}
