/**
 * @file Where the map is: in the address as `at` (latitude, longitude, zoom), and on the screen.
 * @import { LatLngBounds, LatLngBoundsLiteral, Map as LeafletMap } from "leaflet"
 * @import { Area } from "../core/types"
 */
import { MAX_API_ZOOM, writeBox } from "./clusters.js";

/** @typedef {{lat: number, lng: number, zoom: number}} Position */

// Beyond each side as a part of it, so that a short drag shows what has been fetched.
const PADDING = 0.2;

/**
 * @param {string | undefined} text
 * @returns {Position | null}
 */
export function readAt(text) {
  const [lat, lng, zoom] = (text ?? "").split(",").map(Number);
  const fits = Math.abs(lat) <= 90 && Math.abs(lng) <= 540 && zoom >= 0 && zoom <= MAX_API_ZOOM;
  return fits ? { lat, lng, zoom: Math.round(zoom) } : null;
}

/** @param {LeafletMap} map */
export function writeAt(map) {
  const { lat, lng } = map.getCenter().wrap();
  const digits = Math.max(1, Math.ceil(map.getZoom() / 3));
  return [Number(lat.toFixed(digits)), Number(lng.toFixed(digits)), map.getZoom()].join(",");
}

/**
 * Return whether the map is where `at` says, to the pixel: both are rounded.
 * @param {LeafletMap} map
 * @param {string | undefined} text
 */
export function isAt(map, text) {
  const at = readAt(text);
  if (!at || at.zoom !== map.getZoom()) return false;
  return map.latLngToContainerPoint([at.lat, at.lng]).distanceTo(map.getSize().divideBy(2)) < 2;
}

/**
 * @param {LatLngBounds} bounds
 * @returns {Area}
 */
export const edgesOf = (bounds) => ({
  west: bounds.getWest(),
  south: bounds.getSouth(),
  east: bounds.getEast(),
  north: bounds.getNorth(),
});

/**
 * @param {Area} area
 * @returns {LatLngBoundsLiteral}
 */
export const cornersOf = ({ west, south, east, north }) => [
  [south, west],
  [north, east],
];

/**
 * @typedef {object} Viewport
 * @property {number} zoom
 * @property {Area} visible
 * @property {Area} reach what is requested: the visible area and some around it
 * @property {string} bbox `reach` as the API takes it
 */

/**
 * @param {LeafletMap} map
 * @returns {Viewport}
 */
export function viewportOf(map) {
  const reach = edgesOf(map.getBounds().pad(PADDING));
  return { zoom: map.getZoom(), visible: edgesOf(map.getBounds()), reach, bbox: writeBox(reach) };
}
