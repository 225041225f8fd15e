// What the map shows of the photos: which area to ask the API for, clusters that keep clear of each other, and the
// area that a cluster's photos lie in.
const CELLS_A_TILE = 4; // of the API's grid: cells are 64 pixels wide
export const MAX_API_ZOOM = 22;

const wrap = (longitude) => ((((longitude + 180) % 360) + 360) % 360) - 180;

// bounds: {west, south, east, north}, where east may lie beyond 180. Returns: bbox of the API.
export function writeBox({ west, south, east, north }) {
  const [low, high] = [Math.max(-90, south), Math.min(90, north)];
  const [left, right] = east - west >= 360 ? [-180, 180] : [wrap(west), wrap(east)];
  return [left, low, right, high].map((degrees) => Number(degrees.toFixed(5))).join(",");
}

// The other way round; east lies beyond 180 where the box crosses that meridian. null where it is no box.
export function readBox(text) {
  const [west, south, east, north] = (text ?? "").split(",").map(Number);
  if (![west, south, east, north].every(Number.isFinite) || (text ?? "").split(",").length !== 4) return null;
  return { west, south: Math.min(south, north), east: east < west ? east + 360 : east, north: Math.max(south, north) };
}

export const radiusOf = (count) => (count === 1 ? 22 : Math.min(34, 13 + 3.4 * Math.log10(count) ** 1.35));

// Joins clusters that would lie on each other. toPixels([lng, lat]) gives {x, y}.
// Returns: [{count, id, lng, lat, x, y, radius, cells: [[lng, lat], ...]}], the largest first.
export function spread(features, toPixels) {
  const found = features
    .map(({ geometry: { coordinates }, properties: { count, id } }) => {
      const { x, y } = toPixels(coordinates);
      const [lng, lat] = coordinates;
      return { count, id, lng, lat, x, y, radius: radiusOf(count), cells: [[lng, lat]] };
    })
    .sort((a, b) => b.count - a.count);
  const kept = [];
  const squares = new Map();
  const SIDE = 72; // at least two radii
  const square = (x, y) => `${Math.floor(x / SIDE)} ${Math.floor(y / SIDE)}`;
  for (const one of found) {
    let host = null;
    for (const [dx, dy] of AROUND) {
      host ??= squares
        .get(square(one.x + dx * SIDE, one.y + dy * SIDE))
        ?.find((other) => Math.hypot(other.x - one.x, other.y - one.y) < (other.radius + one.radius) * 0.9);
    }
    if (host) {
      host.count += one.count;
      host.id = null;
      host.cells.push(...one.cells);
      continue;
    }
    const name = square(one.x, one.y);
    if (!squares.has(name)) squares.set(name, []);
    squares.get(name).push(one);
    kept.push(one);
  }
  for (const one of kept) one.radius = radiusOf(one.count);
  return kept;
}

const AROUND = [-1, 0, 1].flatMap((dx) => [-1, 0, 1].map((dy) => [dx, dy]));

// The area of the API's cells that a cluster is made of.
export function areaOf({ cells }, zoom) {
  const size = 360 / (CELLS_A_TILE * 2 ** zoom);
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

// The area that features lie in; null without any.
export function extentOf(features) {
  if (!features.length) return null;
  const lngs = features.map((feature) => feature.geometry.coordinates[0]).sort((a, b) => a - b);
  const lats = features.map((feature) => feature.geometry.coordinates[1]);
  // The widest gap between two neighbours is what the area leaves out, so that Fiji is not as wide as the world. It has
  // to be much wider than the one across the 180th meridian: people know the world with that at its edges.
  let [gap, west, east] = [1.5 * (lngs[0] + 360 - lngs.at(-1)), lngs[0], lngs.at(-1)];
  for (let at = 1; at < lngs.length; at++) {
    if (lngs[at] - lngs[at - 1] > gap) [gap, west, east] = [lngs[at] - lngs[at - 1], lngs[at], lngs[at - 1] + 360];
  }
  return { west, south: Math.min(...lats), east, north: Math.max(...lats) };
}
