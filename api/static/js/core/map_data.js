/**
 * @file Loads the libraries and data that only maps need, when the first map opens.
 */
import coarseOutline from "world-atlas/countries-110m.json";
import fineOutline from "world-atlas/countries-50m.json";
import { importPart } from "./deferred.js";
import { mapInChunks, yieldToIdle } from "./scheduling.js";

/**
 * @typedef {[longitude: number, latitude: number]} Position
 * @typedef {Position[][]} Polygon the outer ring, then the holes
 * @typedef {{name: string, polygons: Polygon[]}} Country
 * @typedef {{land: Polygon[], borders: Position[][], countries: Country[]}} World
 */

/** @type {Map<string, Promise<any>>} */
const promises = new Map();

/**
 * Return the result of `load`, which is called only once per name unless it fails.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} load
 * @returns {Promise<T>}
 */
export function loadOnce(name, load) {
  const previous = promises.get(name);
  if (previous) return previous;
  const promise = load();
  promises.set(name, promise);
  promise.catch(() => promises.delete(name));
  return promise;
}

/** Load Leaflet. */
export const loadLeaflet = () =>
  loadOnce("leaflet", () => importPart(() => import("leaflet/dist/leaflet-src.esm.js"), "map"));

/**
 * Load the outline of the world. The longitudes of shapes that cross the 180th meridian continue beyond 180 degrees.
 * @param {"110m" | "50m"} scale 1:110 million (coarse) or 1:50 million (fine)
 * @returns {Promise<World>}
 */
export const loadWorld = (scale) =>
  loadOnce(scale, async () => {
    const url = new URL(scale === "110m" ? coarseOutline : fineOutline, import.meta.url);
    const [response, { feature, mesh }] = await Promise.all([
      fetch(url),
      import("topojson-client"),
    ]);
    if (!response.ok) throw new Error("Couldn't load the outline of the world.");
    /** @type {any} */
    const topology = await response.json();
    await yieldToIdle();
    /** @type {any} */
    const landFeatures = feature(topology, topology.objects.land);
    const land = landFeatures.features.flatMap((/** @type {any} */ { geometry }) =>
      polygonsOf(geometry),
    );
    await yieldToIdle();
    const borders = mesh(topology, topology.objects.countries, (a, b) => a !== b);
    const lines = borders.coordinates.map((line) => unwrap(/** @type {Position[]} */ (line)));
    await yieldToIdle();
    const countries = await mapInChunks(topology.objects.countries.geometries, (country) => {
      /** @type {any} */
      const { geometry, properties } = feature(topology, /** @type {any} */ (country));
      return { name: properties.name, polygons: geometry ? polygonsOf(geometry) : [] };
    });
    return { land, borders: lines, countries };
  });

/**
 * @param {{type: string, coordinates: any}} geometry
 * @returns {Polygon[]}
 */
function polygonsOf({ type, coordinates }) {
  /** @type {Polygon[]} */
  const polygons = type === "Polygon" ? [coordinates] : coordinates;
  return polygons.map((rings) => rings.map(unwrapRing));
}

/**
 * Add or subtract 360 degrees each time a line crosses the 180th meridian, so that longitudes do not jump.
 * @param {Position[]} points
 * @returns {Position[]}
 */
export function unwrap(points) {
  let offset = 0;
  return points.map(([longitude, latitude], index) => {
    const step = index ? longitude - points[index - 1][0] : 0;
    if (Math.abs(step) > 180) offset -= 360 * Math.sign(step);
    return [longitude + offset, latitude];
  });
}

/**
 * Unwrap a ring. Antarctica's ring runs around the whole world, so its unwrapped ends are 360 degrees apart. Connect
 * them along the South Pole.
 * @param {Position[]} points
 * @returns {Position[]}
 */
export function unwrapRing(points) {
  const ring = unwrap(points);
  const [first, last] = [ring[0], ring[ring.length - 1]];
  if (Math.abs(first[0] - last[0]) < 180) return ring;
  return [...ring, [last[0], -90], [first[0], -90], first];
}
