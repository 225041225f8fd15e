/**
 * @file The towns on the map's background: which ones have room at a zoom level, and those in a tile.
 * @import { PlaceName } from "./outline_geometry.js"
 */
import { loadOnce, loadTownTable } from "../core/map_data.js";
import { toX, toY } from "./outline_geometry.js";

/**
 * @typedef {object} Town
 * @property {string} name
 * @property {number} x in the unit square, see outline_geometry.js
 * @property {number} y
 * @property {number} people number of inhabitants
 */

export const TOWNS_MIN_ZOOM = 4;
/** Distance from the centre of a town's dot to its name, in pixels. */
export const NAME_OFFSET_PIXELS = 6;
const TILE_PIXELS = 256;
// Number of inhabitants from which a town is shown, by zoom level. Above these levels, all towns are shown.
const MIN_PEOPLE = new Map([
  [4, 2_000_000],
  [5, 700_000],
  [6, 200_000],
  [7, 50_000],
]);
// The measured width of a name depends on the font. For the layout, an estimate is enough.
const CHARACTER_PIXELS = 6.5;
const HALF_LINE_PIXELS = 8;
const CELL_PIXELS = 64;

/** @typedef {[left: number, top: number, right: number, bottom: number]} Box in pixels of the world */

/**
 * Parse the table that scripts/make_towns.py makes. The largest town is first.
 * @param {string} table
 * @returns {Town[]}
 */
export function parseTowns(table) {
  return table
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [name, latitude, longitude, thousands] = line.split("\t");
      const [x, y] = [toX(Number(longitude)), toY(Number(latitude))];
      return { name, x, y, people: 1000 * Number(thousands) };
    });
}

/** Load the towns, the largest first. */
const loadTowns = () => loadOnce("towns", async () => parseTowns(await loadTownTable()));

/**
 * Return the towns whose names have room at a zoom level. A smaller town gives way to a larger one, and both to the
 * name of a country.
 * @param {Town[]} towns the largest first
 * @param {readonly PlaceName[]} countryNames
 * @param {number} zoom
 */
export function townsWithRoom(towns, countryNames, zoom) {
  const scale = TILE_PIXELS * 2 ** zoom;
  const grid = new OccupiedGrid();
  for (const { name, x, y } of countryNames) {
    const halfWidth = (name.length * CHARACTER_PIXELS) / 2;
    const [px, py] = [x * scale, y * scale];
    grid.add([px - halfWidth, py - HALF_LINE_PIXELS, px + halfWidth, py + HALF_LINE_PIXELS]);
  }
  const minPeople = MIN_PEOPLE.get(zoom) ?? 0;
  return towns.filter(({ name, x, y, people }) => {
    if (people < minPeople) return false;
    const [px, py] = [x * scale, y * scale];
    const width = NAME_OFFSET_PIXELS + name.length * CHARACTER_PIXELS;
    /** @type {Box} */
    const box = [px - NAME_OFFSET_PIXELS, py - HALF_LINE_PIXELS, px + width, py + HALF_LINE_PIXELS];
    return grid.addIfFree(box);
  });
}

/** Boxes on the map, found by the cells of a grid. */
class OccupiedGrid {
  /** @type {Map<string, Box[]>} */
  cells = new Map();

  /** @param {Box} box */
  add(box) {
    for (const cell of cellsOf(box)) {
      const boxes = this.cells.get(cell);
      if (boxes) boxes.push(box);
      else this.cells.set(cell, [box]);
    }
  }

  /**
   * Add a box unless it overlaps another one. Return whether it was added.
   * @param {Box} box
   */
  addIfFree(box) {
    const [left, top, right, bottom] = box;
    const isTaken = cellsOf(box).some((cell) =>
      this.cells.get(cell)?.some(([l, t, r, b]) => l < right && left < r && t < bottom && top < b),
    );
    if (!isTaken) this.add(box);
    return !isTaken;
  }
}

/** @param {Box} box */
function cellsOf([left, top, right, bottom]) {
  const cells = [];
  const [firstRow, lastRow] = [Math.floor(top / CELL_PIXELS), Math.floor(bottom / CELL_PIXELS)];
  for (let x = Math.floor(left / CELL_PIXELS); x <= Math.floor(right / CELL_PIXELS); x++) {
    for (let y = firstRow; y <= lastRow; y++) cells.push(`${x} ${y}`);
  }
  return cells;
}

/** @type {Map<number, Town[]>} */
const townsByZoom = new Map();

/**
 * Return the towns to paint at a zoom level. If they cannot be loaded, the map has none.
 * @param {number} zoom
 * @param {readonly PlaceName[]} countryNames
 * @returns {Promise<Town[]>}
 */
export async function loadTownsAt(zoom, countryNames) {
  if (zoom < TOWNS_MIN_ZOOM) return [];
  const towns = await loadTowns().catch(() => []);
  if (!towns.length) return [];
  let shown = townsByZoom.get(zoom);
  if (!shown) townsByZoom.set(zoom, (shown = townsWithRoom(towns, countryNames, zoom)));
  return shown;
}
