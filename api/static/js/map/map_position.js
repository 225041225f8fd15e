/**
 * @file Position of the map: in the URL as `at` (latitude, longitude, zoom), and on the screen.
 * @import { LatLngBounds, LatLngBoundsLiteral, Map as LeafletMap } from "leaflet"
 * @import { Area } from "../core/types"
 */
import { MAX_API_ZOOM, formatBox } from "./clusters.js";

/** @typedef {{lat: number, lng: number, zoom: number}} Position */

// Photos are requested this far outside the visible area, as a fraction of its size, so that they are there when the
// user drags the map a little.
const PADDING = 0.2;

/**
 * @param {string | undefined} text
 * @returns {Position | null}
 */
export function parsePosition(text) {
  const [lat, lng, zoom] = (text ?? "").split(",").map(Number);
  const isValid = Math.abs(lat) <= 90 && Math.abs(lng) <= 540 && zoom >= 0 && zoom <= MAX_API_ZOOM;
  return isValid ? { lat, lng, zoom: Math.round(zoom) } : null;
}

/** @param {LeafletMap} map */
export function writePosition(map) {
  const { lat, lng } = map.getCenter().wrap();
  const digits = Math.max(1, Math.ceil(map.getZoom() / 3));
  return [Number(lat.toFixed(digits)), Number(lng.toFixed(digits)), map.getZoom()].join(",");
}

/**
 * Return whether the map shows a position. Allow a difference of two pixels, because both are rounded.
 * @param {LeafletMap} map
 * @param {string | undefined} text
 */
export function isAtPosition(map, text) {
  const position = parsePosition(text);
  if (!position || position.zoom !== map.getZoom()) return false;
  const point = map.latLngToContainerPoint([position.lat, position.lng]);
  return point.distanceTo(map.getSize().divideBy(2)) < 2;
}

/**
 * @param {LatLngBounds} bounds
 * @returns {Area}
 */
export const toArea = (bounds) => ({
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
 * @property {Area} requested the visible area and its surroundings
 * @property {string} bbox `requested`, formatted for the API
 */

/**
 * @param {LeafletMap} map
 * @returns {Viewport}
 */
export function viewportOf(map) {
  const bounds = map.getBounds();
  const requested = toArea(bounds.pad(PADDING));
  return { zoom: map.getZoom(), visible: toArea(bounds), requested, bbox: formatBox(requested) };
}
