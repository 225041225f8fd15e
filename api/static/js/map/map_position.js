/**
 * @file Converts the map's position to and from the URL parameter `at` (latitude, longitude, zoom). Computes the
 * visible area.
 * @import { LatLngBounds, LatLngBoundsLiteral, Map as LeafletMap } from "leaflet"
 * @import { Area } from "../core/types"
 */
import { MAX_API_ZOOM, formatBox } from "./clusters.js";

/** @typedef {{lat: number, lng: number, zoom: number}} Position */

// The requested area extends beyond the visible one by this fraction of its size. The photos there are then already
// shown when the user drags the map a little.
const PADDING = 0.2;

/**
 * Parse a value of the URL parameter `at`. Return null if it is invalid.
 * @param {string | undefined} text
 * @returns {Position | null}
 */
export function parseMapPosition(text) {
  const [lat, lng, zoom] = (text ?? "").split(",").map(Number);
  const isValid = Math.abs(lat) <= 90 && Math.abs(lng) <= 540 && zoom >= 0 && zoom <= MAX_API_ZOOM;
  return isValid ? { lat, lng, zoom: Math.round(zoom) } : null;
}

/**
 * Return the map's position as a value of the URL parameter `at`. Its precision follows the zoom level.
 * @param {LeafletMap} map
 */
export function formatMapPosition(map) {
  const { lat, lng } = map.getCenter().wrap();
  const digits = Math.max(1, Math.ceil(map.getZoom() / 3));
  return [Number(lat.toFixed(digits)), Number(lng.toFixed(digits)), map.getZoom()].join(",");
}

/**
 * Return whether the map is at a position. A difference of less than two pixels is ignored, because positions are
 * rounded.
 * @param {LeafletMap} map
 * @param {string | undefined} text value of the URL parameter `at`
 */
export function isAtPosition(map, text) {
  const position = parseMapPosition(text);
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
 * @property {Area} visible the visible area
 * @property {Area} requested the visible area and its surroundings, for which photos are requested
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
