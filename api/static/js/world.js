// The map's ground where no street tiles are set: the outline of the world, drawn into tiles as they come into sight.
import { readColour, watchTheme } from "./colours.js";
import { mapInPieces, rest } from "./pause.js";
import { loadWorld } from "./vendored.js";

const TILE = 256;
// Closer than this zoom the coarse outline shows its corners.
const FINE_FROM_ZOOM = 4;
// Beyond a tile's border, as a part of its side, so that no stroke ends there.
const MARGIN = 0.05;
const KEPT_TILES = 1500;
const MAX_LATITUDE = 85.0511287798;
const GRID_STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005];
const GRID_PIXELS = 140;

// Web Mercator: the world as a square of side 1, y downwards.
const toX = (longitude) => (longitude + 180) / 360;
function toY(latitude) {
  const sine = Math.sin((Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, latitude)) * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}

// A ring or line as {points: [x, y, x, y, ...], box: [west, north, east, south]} in the square.
function project(coordinates) {
  const points = new Float64Array(coordinates.length * 2);
  coordinates.forEach(([longitude, latitude], at) => {
    points[2 * at] = toX(longitude);
    points[2 * at + 1] = toY(latitude);
  });
  return withBox(points);
}

// What reaches beyond the 180th meridian begins again at the other end of the square.
function everyCopy(coordinates) {
  const one = project(coordinates);
  const turns = [0];
  if (one.box[2] > 1) turns.push(-1);
  if (one.box[0] < 0) turns.push(1);
  return turns.map((turn) => (turn ? withBox(one.points.map((value, at) => (at % 2 ? value : value + turn))) : one));
}

function withBox(points) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let at = 0; at < points.length; at += 2) {
    box[0] = Math.min(box[0], points[at]);
    box[1] = Math.min(box[1], points[at + 1]);
    box[2] = Math.max(box[2], points[at]);
    box[3] = Math.max(box[3], points[at + 1]);
  }
  return { points, box };
}

const apart = (a, b) => a[2] < b[0] || b[2] < a[0] || a[3] < b[1] || b[3] < a[1];
const inside = (a, b) => a[0] >= b[0] && a[2] <= b[2] && a[1] >= b[1] && a[3] <= b[3];

// The part of a ring within a box (Sutherland and Hodgman), null where there is none.
function clipRing(ring, box) {
  if (apart(ring.box, box)) return null;
  if (inside(ring.box, box)) return ring;
  let points = ring.points;
  for (let side = 0; side < 4 && points.length; side++) {
    const axis = side % 2;
    const sign = side < 2 ? 1 : -1;
    const edge = box[side];
    const kept = [];
    const count = points.length;
    for (let at = 0; at < count; at += 2) {
      const next = (at + 2) % count;
      const here = sign * (points[at + axis] - edge);
      const there = sign * (points[next + axis] - edge);
      if (here >= 0) kept.push(points[at], points[at + 1]);
      if (here >= 0 !== there >= 0) {
        const part = here / (here - there);
        kept.push(points[at] + part * (points[next] - points[at]), points[at + 1] + part * (points[next + 1] - points[at + 1]));
      }
    }
    points = kept;
  }
  return points.length ? withBox(points) : null;
}

// The stretches of a line of which a part may lie within a box.
function clipLine(line, box) {
  if (apart(line.box, box)) return [];
  if (inside(line.box, box)) return [line];
  const { points } = line;
  const found = [];
  let start = -1;
  for (let at = 0; at + 2 < points.length; at += 2) {
    const [x, y, nextX, nextY] = [points[at], points[at + 1], points[at + 2], points[at + 3]];
    const reach = [Math.min(x, nextX), Math.min(y, nextY), Math.max(x, nextX), Math.max(y, nextY)];
    if (!apart(reach, box)) {
      if (start < 0) start = at;
    } else if (start >= 0) {
      found.push(withBox(points.slice(start, at + 2)));
      start = -1;
    }
  }
  if (start >= 0) found.push(withBox(points.slice(start)));
  return found;
}

// Where a country's name stands: in the middle of its largest part, which is `width` wide.
function placeName({ name, polygons }) {
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
    if (size > (best?.size ?? 0)) best = { name, size, x: x / (3 * area), y: y / (3 * area), width: box[2] - box[0] };
  }
  return best;
}

class Outline {
  tiles = new Map();

  static async of(world) {
    const outline = new Outline();
    outline.rings = (await mapInPieces(world.land.flat(), everyCopy)).flat();
    outline.lines = (await mapInPieces(world.borders, everyCopy)).flat();
    outline.names = (await mapInPieces(world.countries, placeName)).filter(Boolean);
    return outline;
  }

  // What lies in a tile. Cut from what lies in the tile above it, so that a close view of a long coast costs little.
  cut(zoom, x, y) {
    if (zoom === 0) return { rings: this.rings, lines: this.lines };
    const key = `${zoom}/${x}/${y}`;
    let tile = this.tiles.get(key);
    if (!tile) {
      const above = this.cut(zoom - 1, x >> 1, y >> 1);
      const side = 1 / 2 ** zoom;
      const box = [(x - MARGIN) * side, (y - MARGIN) * side, (x + 1 + MARGIN) * side, (y + 1 + MARGIN) * side];
      tile = {
        rings: above.rings.map((ring) => clipRing(ring, box)).filter(Boolean),
        lines: above.lines.flatMap((line) => clipLine(line, box)),
      };
      if (this.tiles.size >= KEPT_TILES) this.tiles.clear();
      this.tiles.set(key, tile);
    }
    return tile;
  }
}

const outlines = {};
const outlineOf = (scale) => (outlines[scale] ??= loadWorld(scale).then(Outline.of));

function trace(context, { points }, scale, left, top) {
  context.moveTo(points[0] * scale - left, points[1] * scale - top);
  for (let at = 2; at < points.length; at += 2) context.lineTo(points[at] * scale - left, points[at + 1] * scale - top);
}

const degrees = (value, digits, plus, minus) =>
  `${Math.abs(value).toFixed(digits)}°${value > 0 ? ` ${plus}` : value < 0 ? ` ${minus}` : ""}`;

function drawGrid(context, zoom, left, top, colours) {
  const scale = TILE * 2 ** zoom;
  const step = GRID_STEPS.findLast((one) => (one / 360) * scale >= GRID_PIXELS) ?? GRID_STEPS[0];
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const longitudeAt = (pixels) => ((left + pixels) / scale) * 360 - 180;
  const latitudeAt = (pixels) => (Math.atan(Math.sinh(Math.PI * (1 - (2 * (top + pixels)) / scale))) * 180) / Math.PI;
  const columns = [];
  // A label begins at its crossing, perhaps in the tile before.
  for (let at = Math.floor(longitudeAt(-90) / step); at * step <= longitudeAt(TILE); at++) columns.push(at * step);
  const rows = [];
  for (let at = Math.floor(latitudeAt(TILE + 8) / step); at * step <= latitudeAt(-20); at++) rows.push(at * step);
  context.strokeStyle = colours.grid;
  context.lineWidth = 1;
  context.beginPath();
  const xs = columns.map((longitude) => Math.round(toX(longitude) * scale - left) + 0.5);
  const ys = rows.map((latitude) => Math.round(toY(latitude) * scale - top) + 0.5);
  for (const x of xs) context.moveTo(x, 0), context.lineTo(x, TILE);
  for (const y of ys) context.moveTo(0, y), context.lineTo(TILE, y);
  context.stroke();
  if (zoom < 7) return;
  context.font = colours.smallFont;
  context.fillStyle = colours.faint;
  context.textAlign = "left";
  context.textBaseline = "bottom";
  xs.forEach((x, column) =>
    ys.forEach((y, row) => {
      const text = `${degrees(rows[row], digits, "N", "S")} ${degrees(columns[column], digits, "E", "W")}`;
      context.fillText(text, x + 3, y - 2);
    }),
  );
}

function drawNames(context, names, zoom, left, top, colours) {
  const scale = TILE * 2 ** zoom;
  context.font = colours.font;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = colours.land;
  context.fillStyle = colours.name;
  for (const { name, x, y, width } of names) {
    const half = context.measureText(name).width / 2;
    if (width * scale < half * 2.2 && zoom < 7) continue;
    const [atX, atY] = [x * scale - left, y * scale - top];
    if (atX + half < 0 || atX - half > TILE || atY < -12 || atY > TILE + 12) continue;
    context.strokeText(name, atX, atY);
    context.fillText(name, atX, atY);
  }
}

function drawTile(canvas, outline, { x, y, z }, ratio, colours) {
  const context = canvas.getContext("2d");
  const scale = TILE * 2 ** z;
  const [left, top] = [x * TILE, y * TILE];
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = colours.sea;
  context.fillRect(0, 0, TILE, TILE);
  const { rings, lines } = outline.cut(z, x, y);
  context.beginPath();
  for (const ring of rings) trace(context, ring, scale, left, top);
  context.fillStyle = colours.land;
  context.fill("evenodd");
  drawGrid(context, z, left, top, colours);
  context.beginPath();
  for (const line of lines) trace(context, line, scale, left, top);
  context.strokeStyle = colours.border;
  context.lineWidth = 1;
  context.stroke();
  if (z >= 2) drawNames(context, outline.names, z, left, top, colours);
}

function readColours(element) {
  const value = (name) => readColour(element, name);
  const family = getComputedStyle(element).fontFamily;
  return {
    sea: value("--sea"), land: value("--land"), border: value("--border"), grid: value("--grid"),
    name: value("--place-name"), faint: value("--grid-name"), font: `500 11px ${family}`, smallFont: `9px ${family}`,
  };
}

// A Leaflet layer. It draws itself anew when the theme changes; `L` is Leaflet's.
export function worldLayer(L) {
  const World = L.GridLayer.extend({
    options: { tileSize: TILE, updateWhenZooming: false, keepBuffer: 1, maxZoom: 22, className: "world" },
    onAdd(map) {
      this._colours = readColours(map.getContainer());
      this._unwatch = watchTheme(() => {
        this._colours = readColours(map.getContainer());
        this.redraw();
      });
      L.GridLayer.prototype.onAdd.call(this, map);
    },
    onRemove(map) {
      this._unwatch();
      L.GridLayer.prototype.onRemove.call(this, map);
    },
    createTile(coords, done) {
      const ratio = Math.min(2, devicePixelRatio || 1);
      const canvas = Object.assign(document.createElement("canvas"), { width: TILE * ratio, height: TILE * ratio });
      const draw = async () => {
        try {
          const outline = await outlineOf(coords.z < FINE_FROM_ZOOM ? "110m" : "50m");
          await rest();
          drawTile(canvas, outline, coords, ratio, this._colours);
          done(null, canvas);
        } catch (error) {
          done(error, canvas);
        }
      };
      // One after the other, so that a person can go on dragging in between.
      this._turn = (this._turn ?? Promise.resolve()).then(draw);
      return canvas;
    },
  });
  return new World();
}

// The country of a place, null at sea.
export async function findCountry(longitude, latitude) {
  const { countries } = await loadWorld("50m");
  const turns = [0, 360, -360].map((turn) => longitude + turn);
  const isIn = ({ polygons }) => polygons.some((rings) => turns.some((turned) => covers(rings, turned, latitude)));
  return countries.find(isIn)?.name ?? null;
}

function covers(rings, longitude, latitude) {
  let odd = false;
  for (const ring of rings) {
    for (let at = 0, before = ring.length - 1; at < ring.length; before = at++) {
      const [x, y] = ring[at];
      const [lastX, lastY] = ring[before];
      if (y > latitude !== lastY > latitude && longitude < ((lastX - x) * (latitude - y)) / (lastY - y) + x) odd = !odd;
    }
  }
  return odd;
}
