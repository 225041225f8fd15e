/**
 * @file The map's background where no street tiles are set: the outline of the world, drawn on canvas tiles.
 * @import { Outline } from "./outline.js"
 * @import { PlaceName, Shape } from "./outline_geometry.js"
 * @import { Coords, GridLayer } from "leaflet"
 */
import { yieldToIdle } from "../core/scheduling.js";
import { readColour, watchTheme } from "../core/theme_colours.js";
import { loadOutline } from "./outline.js";
import { toLatitude, toX, toY } from "./outline_geometry.js";

const TILE = 256;
// From this zoom on, the coarse outline shows its corners.
const FINE_FROM_ZOOM = 4;
const GRID_STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005];
const GRID_PIXELS = 140;
const GRID_LABELS_FROM_ZOOM = 7;
const NAMES_FROM_ZOOM = 2;
// From this zoom on, names are drawn even where they are wider than their country.
const ALL_NAMES_FROM_ZOOM = 7;

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
    name: value("--place-name"),
    faint: value("--grid-name"),
    font: `500 11px ${family}`,
    smallFont: `9px ${family}`,
  };
}

/** A tile's canvas, with the scale and offset from the unit square to its pixels. */
class TilePainter {
  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Coords} coords
   * @param {Colours} colours
   */
  constructor(context, { x, y, z }, colours) {
    this.context = context;
    this.colours = colours;
    this.zoom = z;
    this.scale = TILE * 2 ** z;
    this.left = x * TILE;
    this.top = y * TILE;
  }

  /**
   * @param {Outline} outline
   * @param {Coords} coords
   */
  paint(outline, { x, y, z }) {
    const { context, colours } = this;
    context.fillStyle = colours.sea;
    context.fillRect(0, 0, TILE, TILE);
    const { rings, lines } = outline.cut(z, x, y);
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
    if (z >= NAMES_FROM_ZOOM) this.paintNames(outline.names);
  }

  /** @param {Shape} shape */
  trace({ points }) {
    const { context, scale, left, top } = this;
    context.moveTo(points[0] * scale - left, points[1] * scale - top);
    for (let at = 2; at < points.length; at += 2) {
      context.lineTo(points[at] * scale - left, points[at + 1] * scale - top);
    }
  }

  paintGrid() {
    const { context, colours, scale, left, top } = this;
    const fitting = GRID_STEPS.findLast((one) => (one / 360) * scale >= GRID_PIXELS);
    const step = fitting ?? GRID_STEPS[0];
    /** @param {number} pixels */
    const longitudeAt = (pixels) => ((left + pixels) / scale) * 360 - 180;
    /** @param {number} pixels */
    const latitudeAt = (pixels) => toLatitude((top + pixels) / scale);
    // A label begins at its crossing, perhaps in the tile to the left or below.
    const longitudes = multiples(step, longitudeAt(-90), longitudeAt(TILE));
    const latitudes = multiples(step, latitudeAt(TILE + 8), latitudeAt(-20));
    const xs = longitudes.map((longitude) => Math.round(toX(longitude) * scale - left) + 0.5);
    const ys = latitudes.map((latitude) => Math.round(toY(latitude) * scale - top) + 0.5);
    context.strokeStyle = colours.grid;
    context.lineWidth = 1;
    context.beginPath();
    for (const x of xs) {
      context.moveTo(x, 0);
      context.lineTo(x, TILE);
    }
    for (const y of ys) {
      context.moveTo(0, y);
      context.lineTo(TILE, y);
    }
    context.stroke();
    if (this.zoom < GRID_LABELS_FROM_ZOOM) return;
    context.font = colours.smallFont;
    context.fillStyle = colours.faint;
    context.textAlign = "left";
    context.textBaseline = "bottom";
    const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
    xs.forEach((x, column) =>
      ys.forEach((y, row) => {
        const latitude = writeDegrees(latitudes[row], digits, "N", "S");
        const longitude = writeDegrees(longitudes[column], digits, "E", "W");
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
    context.fillStyle = colours.name;
    for (const { name, x, y, width } of names) {
      const half = context.measureText(name).width / 2;
      if (width * scale < half * 2.2 && this.zoom < ALL_NAMES_FROM_ZOOM) continue;
      const [atX, atY] = [x * scale - left, y * scale - top];
      if (atX + half < 0 || atX - half > TILE || atY < -12 || atY > TILE + 12) continue;
      context.strokeText(name, atX, atY);
      context.fillText(name, atX, atY);
    }
  }
}

/**
 * @param {number} step
 * @param {number} from
 * @param {number} to
 */
function multiples(step, from, to) {
  const values = [];
  for (let at = Math.floor(from / step); at * step <= to; at++) values.push(at * step);
  return values;
}

/**
 * @param {number} value
 * @param {number} digits
 * @param {string} plus
 * @param {string} minus
 */
function writeDegrees(value, digits, plus, minus) {
  const side = value > 0 ? ` ${plus}` : value < 0 ? ` ${minus}` : "";
  return `${Math.abs(value).toFixed(digits)}°${side}`;
}

/**
 * Make the layer. It redraws when the theme changes.
 * @param {typeof import("leaflet")} L
 * @returns {GridLayer}
 */
export function makeBasemap(L) {
  class Basemap extends L.GridLayer {
    lastTile = Promise.resolve();
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

    /**
     * @param {Coords} coords
     * @param {(error?: Error, tile?: HTMLElement) => void} done
     */
    createTile(coords, done) {
      const ratio = Math.min(2, devicePixelRatio || 1);
      const canvas = document.createElement("canvas");
      canvas.width = TILE * ratio;
      canvas.height = TILE * ratio;
      const draw = async () => {
        try {
          const outline = await loadOutline(coords.z < FINE_FROM_ZOOM ? "110m" : "50m");
          await yieldToIdle();
          const context = canvas.getContext("2d");
          if (!context || !this.colours) return;
          context.setTransform(ratio, 0, 0, ratio, 0, 0);
          new TilePainter(context, coords, this.colours).paint(outline, coords);
          done(undefined, canvas);
        } catch (error) {
          done(/** @type {Error} */ (error), canvas);
        }
      };
      // One tile at a time, so that input is handled in between.
      this.lastTile = this.lastTile.then(draw);
      return canvas;
    }
  }
  return new Basemap({
    tileSize: TILE,
    updateWhenZooming: false,
    keepBuffer: 1,
    maxZoom: 22,
    className: "world",
  });
}
