/**
 * @file Creates the Leaflet map.
 * @import { Map as LeafletMap } from "leaflet"
 * @import { Area, State } from "../core/types"
 */
import { settings } from "../core/settings.js";
import { addBackground, animationOptions, MAX_TILES_ZOOM } from "./background.js";
import { parseBox } from "./clusters.js";
import { cornersOf, isAreaOfMap, minZoomOf, parseMapPosition } from "./map_position.js";
import { MAX_LATITUDE } from "./outline_geometry.js";

/** Padding around the photos when the map is fitted to them. */
export const FIT_PADDING_PIXELS = 24;
/** Maximum zoom level when the map is fitted to the photos. */
export const MAX_FIT_ZOOM = 13;
const MAX_OUTLINE_ZOOM = 18;

/**
 * Create the map, at the position or area in the URL, or else around the matching photos.
 * @param {typeof import("leaflet")} L
 * @param {HTMLElement} frame
 * @param {State} state
 * @param {Area | null} photosArea area of the matching photos, or null if it is unknown or not needed
 * @returns {LeafletMap}
 */
export function createMap(L, frame, { viewParams, filters }, photosArea) {
  const map = L.map(frame, {
    attributionControl: false,
    zoomControl: false,
    worldCopyJump: true,
    minZoom: minZoomOf(frame.clientWidth),
    maxZoom: settings.tiles_url ? MAX_TILES_ZOOM : MAX_OUTLINE_ZOOM,
    maxBounds: [
      [-MAX_LATITUDE, -1e5],
      [MAX_LATITUDE, 1e5],
    ],
    maxBoundsViscosity: 1,
    bounceAtZoomLimits: false,
    ...animationOptions(),
  });
  L.control
    .zoom({ position: "topleft", zoomInTitle: "Zoom in", zoomOutTitle: "Zoom out" })
    .addTo(map);
  L.control.scale({ position: "bottomleft", imperial: false }).addTo(map);
  addBackground(L, map);
  const position = parseMapPosition(viewParams.at);
  const area = parseBox(filters.bbox) ?? parseBox(viewParams.area) ?? photosArea;
  if (position) {
    map.setView([position.lat, position.lng], position.zoom, { animate: false });
  } else if (area) {
    map.fitBounds(cornersOf(area), {
      animate: false,
      maxZoom: MAX_FIT_ZOOM,
      padding: isAreaOfMap({ filters, viewParams })
        ? [0, 0]
        : [FIT_PADDING_PIXELS, FIT_PADDING_PIXELS],
    });
  } else {
    map.setView([25, 10], 2, { animate: false });
  }
  frame.setAttribute(
    "aria-label",
    "Map of the photos. Use the arrow keys to pan, and plus and minus to zoom.",
  );
  return map;
}
