/**
 * @file Converts the map's position to and from the URL parameter `at` (latitude, longitude, zoom). Computes the
 * visible area.
 * @import { LatLngBounds, LatLngBoundsLiteral, Map as LeafletMap } from "leaflet"
 * @import { Area, State } from "../core/types"
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
  return isValid ? { lat, lng, zoom } : null;
}

/**
 * Return the lowest zoom level of a map. A narrow map, as on a phone, can show the whole world, so that its first view
 * has all photos.
 * @param {number} width of the map, in pixels
 */
export function minZoomOf(width) {
  if (width > 700) return 2;
  // Leaflet first rounds a zoom level, and then raises it to the lowest level. So a lowest level with a fraction must
  // be below 0.5: 0.49 rounds to 0 and is raised again, but 0.6 would round to 1. At zoom level 0, the world is 256
  // pixels wide.
  return width < 360 ? 0.3 : width < 512 ? 0.49 : 1;
}

/**
 * Return the zoom level for requests to the API, which has only whole numbers.
 * @param {LeafletMap} map
 */
export const apiZoomOf = (map) => Math.ceil(map.getZoom());

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
 * Return whether the filter by area is the visible area of the map, and not an area that the user has drawn.
 * @param {Pick<State, "filters" | "viewParams">} state
 */
export const isAreaOfMap = ({ filters, viewParams }) => Boolean(filters.bbox && !viewParams.drawn);

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
 * @property {number} zoom zoom level of the map
 * @property {number} apiZoom zoom level of the request
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
  return {
    zoom: map.getZoom(),
    apiZoom: apiZoomOf(map),
    visible: toArea(bounds),
    requested,
    bbox: formatBox(requested),
  };
}
