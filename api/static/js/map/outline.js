/**
 * @file The outline of the world, cut into tiles.
 * @import { Box, PlaceName, Shape } from "./outline_geometry.js"
 * @import { World } from "../core/map_data.js"
 */
import { loadOnce, loadWorld } from "../core/map_data.js";
import { mapInChunks } from "../core/scheduling.js";
import { clipLine, clipRing, contains, placeName, projectWithCopies } from "./outline_geometry.js";

// Shapes are clipped this far outside the tile, as a fraction of its width, so that the cut edges are not visible.
const CLIP_MARGIN = 0.05;
const MAX_CACHED_TILES = 1500;

/** @typedef {{rings: Shape[], lines: Shape[]}} Tile */

/** The outline of the world at one scale, with a cache of its tiles. */
export class Outline {
  /**
   * @param {Tile} world
   * @param {PlaceName[]} names
   */
  constructor(world, names) {
    this.world = world;
    this.names = names;
    /** @type {Map<string, Tile>} */
    this.tiles = new Map();
  }

  /** @param {World} world */
  static async fromWorld({ land, borders, countries }) {
    const rings = (await mapInChunks(land.flat(), projectWithCopies)).flat();
    const lines = (await mapInChunks(borders, projectWithCopies)).flat();
    const names = await mapInChunks(countries, placeName);
    return new Outline(
      { rings, lines },
      names.filter((name) => name !== null),
    );
  }

  /**
   * Return the shapes in a tile. They are clipped from the shapes of the tile around it at the previous zoom level,
   * because clipping long coasts of the whole world for each tile would be slow.
   * @param {number} zoom
   * @param {number} x
   * @param {number} y
   * @returns {Tile}
   */
  tile(zoom, x, y) {
    if (zoom === 0) return this.world;
    const key = `${zoom}/${x}/${y}`;
    let tile = this.tiles.get(key);
    if (!tile) {
      const parent = this.tile(zoom - 1, x >> 1, y >> 1);
      const box = /** @type {Box} */ (
        [x - CLIP_MARGIN, y - CLIP_MARGIN, x + 1 + CLIP_MARGIN, y + 1 + CLIP_MARGIN].map(
          (side) => side / 2 ** zoom,
        )
      );
      tile = {
        rings: parent.rings.map((ring) => clipRing(ring, box)).filter((ring) => ring !== null),
        lines: parent.lines.flatMap((line) => clipLine(line, box)),
      };
      if (this.tiles.size >= MAX_CACHED_TILES) this.tiles.clear();
      this.tiles.set(key, tile);
    }
    return tile;
  }
}

/**
 * Load the outline at a scale. Later calls return the same one, unless loading has failed.
 * @param {"110m" | "50m"} scale
 */
export const loadOutline = (scale) =>
  loadOnce(`outline ${scale}`, () => loadWorld(scale).then(Outline.fromWorld));

/**
 * Return the name of the country at a position, or null if there is none.
 * @param {number} longitude
 * @param {number} latitude
 */
export async function findCountry(longitude, latitude) {
  const { countries } = await loadWorld("50m");
  const copies = [0, 360, -360].map((offset) => longitude + offset);
  const country = countries.find(({ polygons }) =>
    polygons.some((rings) => copies.some((copy) => contains(rings, copy, latitude))),
  );
  return country?.name ?? null;
}
