/**
 * @file The map's background: the outline of the world and its towns, painted on canvas tiles. If a tile server is
 * configured, its tiles cover the outline.
 * @import { Outline } from "./outline.js"
 * @import { PlaceName, Shape } from "./outline_geometry.js"
 * @import { Towns } from "./towns.js"
 * @import { Coords, GridLayer } from "leaflet"
 */
import { loadOnce } from "../core/map_data.js";
import { onRecovery } from "../core/recovery.js";
import { yieldToIdle } from "../core/scheduling.js";
import { readColour, watchTheme } from "../core/theme_colours.js";
import { loadOutline } from "./outline.js";
import { toLatitude, toX, toY } from "./outline_geometry.js";

const TILE_PIXELS = 256;
// Give up after this many failures to load the outline.
const MAX_FAILURES = 10;
// At this zoom level and above, use the fine outline, because the coarse one would look angular.
const FINE_OUTLINE_MIN_ZOOM = 4;
// Possible distances between grid lines, in degrees. The smallest one that is at least MIN_GRID_PIXELS wide is used.
const GRID_STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005];
const MIN_GRID_PIXELS = 140;
const GRID_LABELS_MIN_ZOOM = 7;
const NAMES_MIN_ZOOM = 2;
// Below this zoom level, names that are wider than their country are left out.
const ALL_NAMES_MIN_ZOOM = 7;
const TOWNS_MIN_ZOOM = 4;

/** @typedef {ReturnType<typeof readColours>} Colours */

/** @param {HTMLElement} element */
function readColours(element) {
  /** @param {string} name */
  const value = (name) => readColour(element, name);
  const family = getComputedStyle(element).fontFamily;
  return {
    sea: value("--sea"),
    land: value("--land"),
    border: value("--border"),
    grid: value("--grid"),
    countryName: value("--place-name"),
    townName: value("--text"),
    gridLabel: value("--grid-name"),
    family,
    font: `500 11px ${family}`,
    smallFont: `9px ${family}`,
  };
}

/**
 * Load the towns. If they cannot be loaded, the map has none.
 * @param {Outline} outline the fine one
 * @returns {Promise<Towns | null>}
 */
const loadTowns = ({ names }) =>
  loadOnce("towns", async () => (await import("./towns.js")).loadTowns({ toX, toY }, names)).catch(
    () => null,
  );

/** Paints one tile. Converts coordinates in the unit square (outline_geometry.js) to pixels of the tile's canvas. */
class TilePainter {
  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Coords} coords
   * @param {Colours} colours
   */
  constructor(context, coords, colours) {
    const { x, y, z } = coords;
    this.context = context;
    this.coords = coords;
    this.colours = colours;
    this.zoom = z;
    this.scale = TILE_PIXELS * 2 ** z;
    this.left = x * TILE_PIXELS;
    this.top = y * TILE_PIXELS;
  }

  /**
   * @param {Outline} outline
   * @param {Towns | null} towns
   */
  paint(outline, towns) {
    const { context, colours } = this;
    const { x, y, z } = this.coords;
    context.fillStyle = colours.sea;
    context.fillRect(0, 0, TILE_PIXELS, TILE_PIXELS);
    const { rings, lines } = outline.tile(z, x, y);
    context.beginPath();
    for (const ring of rings) this.trace(ring);
    context.fillStyle = colours.land;
    context.fill("evenodd");
    this.paintGrid();
    context.beginPath();
    for (const line of lines) this.trace(line);
    context.strokeStyle = colours.border;
    context.lineWidth = 1;
    context.stroke();
    towns?.paint(context, this.coords, colours);
    if (z >= NAMES_MIN_ZOOM) this.paintNames(outline.names);
  }

  /** @param {Shape} shape */
  trace({ points }) {
    const { context, scale, left, top } = this;
    context.moveTo(points[0] * scale - left, points[1] * scale - top);
    for (let index = 2; index < points.length; index += 2) {
      context.lineTo(points[index] * scale - left, points[index + 1] * scale - top);
    }
  }

  paintGrid() {
    const { context, colours, scale, left, top } = this;
    const finest = GRID_STEPS.findLast((step) => (step / 360) * scale >= MIN_GRID_PIXELS);
    const step = finest ?? GRID_STEPS[0];
    /** @param {number} pixels */
    const longitudeAt = (pixels) => ((left + pixels) / scale) * 360 - 180;
    /** @param {number} pixels */
    const latitudeAt = (pixels) => toLatitude((top + pixels) / scale);
    // Include the lines just outside the tile: labels at their crossings can reach into it.
    const longitudes = multiples(step, longitudeAt(-90), longitudeAt(TILE_PIXELS));
    const latitudes = multiples(step, latitudeAt(TILE_PIXELS + 8), latitudeAt(-20));
    const xs = longitudes.map((longitude) => Math.round(toX(longitude) * scale - left) + 0.5);
    const ys = latitudes.map((latitude) => Math.round(toY(latitude) * scale - top) + 0.5);
    context.strokeStyle = colours.grid;
    context.lineWidth = 1;
    context.beginPath();
    for (const x of xs) {
      context.moveTo(x, 0);
      context.lineTo(x, TILE_PIXELS);
    }
    for (const y of ys) {
      context.moveTo(0, y);
      context.lineTo(TILE_PIXELS, y);
    }
    context.stroke();
    if (this.zoom < GRID_LABELS_MIN_ZOOM) return;
    context.font = colours.smallFont;
    context.fillStyle = colours.gridLabel;
    context.textAlign = "left";
    context.textBaseline = "bottom";
    const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
    xs.forEach((x, column) =>
      ys.forEach((y, row) => {
        const latitude = formatDegrees(latitudes[row], digits, "N", "S");
        const longitude = formatDegrees(longitudes[column], digits, "E", "W");
        context.fillText(`${latitude} ${longitude}`, x + 3, y - 2);
      }),
    );
  }

  /** @param {PlaceName[]} names */
  paintNames(names) {
    const { context, colours, scale, left, top } = this;
    context.font = colours.font;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 3;
    context.lineJoin = "round";
    context.strokeStyle = colours.land;
    context.fillStyle = colours.countryName;
    for (const { name, x, y, width } of names) {
      const halfWidth = context.measureText(name).width / 2;
      if (width * scale < halfWidth * 2.2 && this.zoom < ALL_NAMES_MIN_ZOOM) continue;
      const [centreX, centreY] = [x * scale - left, y * scale - top];
      if (centreX + halfWidth < 0 || centreX - halfWidth > TILE_PIXELS) continue;
      if (centreY < -12 || centreY > TILE_PIXELS + 12) continue;
      context.strokeText(name, centreX, centreY);
      context.fillText(name, centreX, centreY);
    }
  }
}

/**
 * Return the multiples of `step` up to `to`, beginning with the last one that is not above `from`.
 * @param {number} step
 * @param {number} from
 * @param {number} to
 */
function multiples(step, from, to) {
  const values = [];
  for (let factor = Math.floor(from / step); factor * step <= to; factor++) {
    values.push(factor * step);
  }
  return values;
}

/**
 * Format a latitude or longitude, such as 48.5° N.
 * @param {number} value
 * @param {number} digits number of decimals
 * @param {string} positive
 * @param {string} negative
 */
function formatDegrees(value, digits, positive, negative) {
  const direction = value > 0 ? ` ${positive}` : value < 0 ? ` ${negative}` : "";
  return `${Math.abs(value).toFixed(digits)}°${direction}`;
}

/**
 * Create the Leaflet layer with the outline. It repaints when the theme changes.
 * @param {typeof import("leaflet")} L
 * @returns {GridLayer}
 */
export function createBasemap(L) {
  class Basemap extends L.GridLayer {
    lastTile = Promise.resolve();
    failures = 0;
    isWaiting = false;
    /** @param {import("leaflet").Map} map */
    onAdd(map) {
      this.colours = readColours(map.getContainer());
      this.unwatch = watchTheme(() => {
        this.colours = readColours(map.getContainer());
        this.redraw();
      });
      return super.onAdd(map);
    }

    /** @param {import("leaflet").Map} map */
    onRemove(map) {
      this.unwatch?.();
      return super.onRemove(map);
    }

    /** Draw the tiles again when the server can be reached. */
    redrawLater() {
      if (this.isWaiting || this.failures >= MAX_FAILURES) return;
      this.isWaiting = true;
      this.failures += 1;
      onRecovery(() => {
        this.isWaiting = false;
        this.redraw();
      });
    }

    /**
     * @param {Coords} coords
     * @param {(error?: Error, tile?: HTMLElement) => void} done
     */
    createTile(coords, done) {
      const ratio = Math.min(2, devicePixelRatio || 1);
      const canvas = document.createElement("canvas");
      canvas.width = TILE_PIXELS * ratio;
      canvas.height = TILE_PIXELS * ratio;
      const paint = async () => {
        try {
          const outline = await loadOutline(coords.z < FINE_OUTLINE_MIN_ZOOM ? "110m" : "50m");
          const towns = coords.z < TOWNS_MIN_ZOOM ? null : await loadTowns(outline);
          await yieldToIdle();
          const context = canvas.getContext("2d");
          if (!context || !this.colours) return;
          context.setTransform(ratio, 0, 0, ratio, 0, 0);
          new TilePainter(context, coords, this.colours).paint(outline, towns);
          done(undefined, canvas);
        } catch (error) {
          done(/** @type {Error} */ (error), canvas);
          this.redrawLater();
        }
      };
      // Paint one tile after the other, so that the browser can handle input in between.
      this.lastTile = this.lastTile.then(paint);
      return canvas;
    }
  }
  return new Basemap({
    tileSize: TILE_PIXELS,
    updateWhenZooming: false,
    keepBuffer: 1,
    maxZoom: 22,
    className: "world",
  });
}
