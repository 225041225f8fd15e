/**
 * @file The towns on the map's background: which ones have room at a zoom level, and how they are painted. This file is
 *   loaded with the table of towns. It imports no code, so that the first view needs no chunk for shared code.
 * @import { PlaceName } from "./outline_geometry.js"
 */
import tableUrl from "../../data/towns.tsv";

/**
 * @typedef {object} Town
 * @property {string} name
 * @property {number} x in the unit square, see outline_geometry.js
 * @property {number} y
 * @property {number} people number of inhabitants
 */

const DOT_RADIUS_PIXELS = 2;
// Distance from the centre of a town's dot to its name.
const NAME_OFFSET_PIXELS = 6;
// The name of a town to the left of a tile can reach this far into it.
const MAX_NAME_PIXELS = 200;
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
 * @typedef {object} Projection to the unit square
 * @property {(longitude: number) => number} toX
 * @property {(latitude: number) => number} toY
 */

/**
 * Parse the table that scripts/make_towns.py makes. The largest town is first.
 * @param {string} table
 * @param {Projection} projection
 * @returns {Town[]}
 */
export function parseTowns(table, { toX, toY }) {
  return table
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [name, latitude, longitude, thousands] = line.split("\t");
      const [x, y] = [toX(Number(longitude)), toY(Number(latitude))];
      return { name, x, y, people: 1000 * Number(thousands) };
    });
}

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

/** The towns, and those with room at each zoom level. */
export class Towns {
  /**
   * @param {string} table see parseTowns
   * @param {Projection} projection
   * @param {readonly PlaceName[]} countryNames
   */
  constructor(table, projection, countryNames) {
    this.all = parseTowns(table, projection);
    this.countryNames = countryNames;
    /** @type {Map<number, Town[]>} */
    this.byZoom = new Map();
  }

  /** @param {number} zoom */
  at(zoom) {
    let towns = this.byZoom.get(zoom);
    if (!towns) {
      towns = townsWithRoom(this.all, this.countryNames, zoom);
      this.byZoom.set(zoom, towns);
    }
    return towns;
  }

  /**
   * Paint the towns of a tile.
   * @param {CanvasRenderingContext2D} context
   * @param {{x: number, y: number, z: number}} coords
   * @param {{family: string, land: string, townName: string}} colours and the font family
   */
  paint(context, { x: column, y: row, z: zoom }, { family, land, townName }) {
    const scale = TILE_PIXELS * 2 ** zoom;
    context.font = `11px ${family}`;
    context.strokeStyle = land;
    context.fillStyle = townName;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.lineWidth = 3;
    context.lineJoin = "round";
    for (const { name, x, y } of this.at(zoom)) {
      const [townX, townY] = [x * scale - column * TILE_PIXELS, y * scale - row * TILE_PIXELS];
      if (townX < -MAX_NAME_PIXELS || townX > TILE_PIXELS + DOT_RADIUS_PIXELS) continue;
      if (townY < -HALF_LINE_PIXELS || townY > TILE_PIXELS + HALF_LINE_PIXELS) continue;
      context.beginPath();
      context.arc(townX, townY, DOT_RADIUS_PIXELS, 0, 2 * Math.PI);
      context.fill();
      context.strokeText(name, townX + NAME_OFFSET_PIXELS, townY);
      context.fillText(name, townX + NAME_OFFSET_PIXELS, townY);
    }
  }
}

/**
 * Load the towns.
 * @param {Projection} projection
 * @param {readonly PlaceName[]} countryNames
 */
export async function loadTowns(projection, countryNames) {
  const response = await fetch(new URL(tableUrl, import.meta.url));
  if (!response.ok) throw new Error("Couldn't load the towns.");
  return new Towns(await response.text(), projection, countryNames);
}
