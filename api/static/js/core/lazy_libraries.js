/**
 * @file Libraries and data that only the map needs, fetched when it opens.
 */
import coarseOutline from "world-atlas/countries-110m.json";
import fineOutline from "world-atlas/countries-50m.json";
import { mapInChunks, yieldToIdle } from "./scheduling.js";

/**
 * @typedef {[longitude: number, latitude: number]} Position
 * @typedef {Position[][]} Polygon outer ring, then holes
 * @typedef {{name: string, polygons: Polygon[]}} Country
 * @typedef {{land: Polygon[], borders: Position[][], countries: Country[]}} World
 */

/** @type {Map<string, Promise<any>>} */
const loaded = new Map();

/**
 * Call `load` once; again only after it failed.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} load
 * @returns {Promise<T>}
 */
function once(name, load) {
  const known = loaded.get(name);
  if (known) return known;
  const promise = load();
  loaded.set(name, promise);
  promise.catch(() => loaded.delete(name));
  return promise;
}

/** Fetch Leaflet. */
export const loadLeaflet = () => once("leaflet", () => import("leaflet/dist/leaflet-src.esm.js"));

/**
 * Fetch the outline of the world. Shapes that cross the 180th meridian continue beyond 180 degrees.
 * @param {"110m" | "50m"} scale
 * @returns {Promise<World>}
 */
export const loadWorld = (scale) =>
  once(scale, async () => {
    const address = new URL(scale === "110m" ? coarseOutline : fineOutline, import.meta.url);
    const [answer, { feature, mesh }] = await Promise.all([
      fetch(address),
      import("topojson-client"),
    ]);
    if (!answer.ok) throw new Error("The outline of the world did not come.");
    /** @type {any} */
    const topology = await answer.json();
    await yieldToIdle();
    /** @type {any} */
    const landFeatures = feature(topology, topology.objects.land);
    const land = landFeatures.features.flatMap((/** @type {any} */ one) =>
      polygonsOf(one.geometry),
    );
    await yieldToIdle();
    const borders = mesh(topology, topology.objects.countries, (a, b) => a !== b);
    const lines = borders.coordinates.map((line) => unwrap(/** @type {Position[]} */ (line)));
    await yieldToIdle();
    const countries = await mapInChunks(topology.objects.countries.geometries, (one) => {
      /** @type {any} */
      const { geometry, properties } = feature(topology, /** @type {any} */ (one));
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
 * Add full turns where a line crosses the 180th meridian, so that it has no jumps.
 * @param {Position[]} points
 * @returns {Position[]}
 */
export function unwrap(points) {
  let turn = 0;
  return points.map(([longitude, latitude], at) => {
    const step = at ? longitude - points[at - 1][0] : 0;
    if (Math.abs(step) > 180) turn -= 360 * Math.sign(step);
    return [longitude + turn, latitude];
  });
}

/**
 * Unwrap a ring. Antarctica's goes once around the world and is closed over the pole.
 * @param {Position[]} points
 * @returns {Position[]}
 */
export function unwrapRing(points) {
  const ring = unwrap(points);
  const [first, last] = [ring[0], ring[ring.length - 1]];
  if (Math.abs(first[0] - last[0]) < 180) return ring;
  return [...ring, [last[0], -90], [first[0], -90], first];
}
