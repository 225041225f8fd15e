/**
 * @file The outline of the world, cut into tiles.
 * @import { Box, PlaceName, Shape } from "./outline_geometry.js"
 * @import { World } from "../core/lazy_libraries.js"
 */
import { loadWorld } from "../core/lazy_libraries.js";
import { mapInChunks } from "../core/scheduling.js";
import { clipLine, clipRing, covers, placeName, projectWithCopies } from "./outline_geometry.js";

// Beyond a tile's border, as a part of its side, so that no stroke ends there.
const MARGIN = 0.05;
const MAX_TILES = 1500;

/** @typedef {{rings: Shape[], lines: Shape[]}} Tile */

export class Outline {
  /**
   * @param {Tile} whole
   * @param {PlaceName[]} names
   */
  constructor(whole, names) {
    this.whole = whole;
    this.names = names;
    /** @type {Map<string, Tile>} */
    this.tiles = new Map();
  }

  /** @param {World} world */
  static async of({ land, borders, countries }) {
    const rings = (await mapInChunks(land.flat(), projectWithCopies)).flat();
    const lines = (await mapInChunks(borders, projectWithCopies)).flat();
    const names = await mapInChunks(countries, placeName);
    return new Outline(
      { rings, lines },
      names.filter((name) => name !== null),
    );
  }

  /**
   * Return what is in a tile. It is cut from the tile above, so that a close view of a long coast costs little.
   * @param {number} zoom
   * @param {number} x
   * @param {number} y
   * @returns {Tile}
   */
  cut(zoom, x, y) {
    if (zoom === 0) return this.whole;
    const key = `${zoom}/${x}/${y}`;
    let tile = this.tiles.get(key);
    if (!tile) {
      const above = this.cut(zoom - 1, x >> 1, y >> 1);
      const box = /** @type {Box} */ (
        [x - MARGIN, y - MARGIN, x + 1 + MARGIN, y + 1 + MARGIN].map((side) => side / 2 ** zoom)
      );
      tile = {
        rings: above.rings.map((ring) => clipRing(ring, box)).filter((ring) => ring !== null),
        lines: above.lines.flatMap((line) => clipLine(line, box)),
      };
      if (this.tiles.size >= MAX_TILES) this.tiles.clear();
      this.tiles.set(key, tile);
    }
    return tile;
  }
}

/** @type {Partial<Record<"110m" | "50m", Promise<Outline>>>} */
const outlines = {};

/**
 * Load an outline once.
 * @param {"110m" | "50m"} scale
 */
export const loadOutline = (scale) => (outlines[scale] ??= loadWorld(scale).then(Outline.of));

/**
 * Return the country at a position, null at sea.
 * @param {number} longitude
 * @param {number} latitude
 */
export async function findCountry(longitude, latitude) {
  const { countries } = await loadWorld("50m");
  const copies = [0, 360, -360].map((turn) => longitude + turn);
  const country = countries.find(({ polygons }) =>
    polygons.some((rings) => copies.some((copy) => covers(rings, copy, latitude))),
  );
  return country?.name ?? null;
}
