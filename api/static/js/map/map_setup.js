/**
 * @file Makes the Leaflet map.
 * @import { Map as LeafletMap } from "leaflet"
 * @import { Area, State } from "../core/types"
 */
import { settings } from "../core/settings.js";
import { makeBasemap } from "./basemap.js";
import { readBox } from "./clusters.js";
import { cornersOf, readAt } from "./map_position.js";

/** Around the photos that are shown, in pixels. */
export const FRAME_PIXELS = 24;
/** No closer than this where all photos are shown. */
export const MAX_FIT_ZOOM = 13;
const MAX_TILES_ZOOM = 19;
const MAX_OUTLINE_ZOOM = 18;
const MAX_LATITUDE = 85.05;

/**
 * @param {typeof import("leaflet")} L
 * @param {HTMLElement} frame
 * @param {State} state
 * @param {Area | null} photosArea where the photos are, for an address that names no place
 * @returns {LeafletMap}
 */
export function makeMap(L, frame, { extra, filters }, photosArea) {
  const isAnimated = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = L.map(frame, {
    attributionControl: false,
    zoomControl: false,
    worldCopyJump: true,
    minZoom: frame.clientWidth > 700 ? 2 : 1,
    maxZoom: settings.tiles_url ? MAX_TILES_ZOOM : MAX_OUTLINE_ZOOM,
    maxBounds: [
      [-MAX_LATITUDE, -1e5],
      [MAX_LATITUDE, 1e5],
    ],
    maxBoundsViscosity: 1,
    bounceAtZoomLimits: false,
    zoomAnimation: isAnimated,
    fadeAnimation: isAnimated,
    markerZoomAnimation: isAnimated,
    inertia: isAnimated,
  });
  L.control
    .zoom({ position: "topleft", zoomInTitle: "Zoom in", zoomOutTitle: "Zoom out" })
    .addTo(map);
  L.control.scale({ position: "bottomleft", imperial: false }).addTo(map);
  makeBasemap(L).addTo(map);
  if (settings.tiles_url) {
    // Tile servers want to know which site uses them: the origin alone.
    const options = { maxZoom: MAX_TILES_ZOOM, referrerPolicy: /** @type {const} */ ("origin") };
    L.tileLayer(settings.tiles_url, options).addTo(map);
  }
  const at = readAt(extra.at);
  const area = readBox(filters.bbox) ?? photosArea;
  if (at) {
    map.setView([at.lat, at.lng], at.zoom, { animate: false });
  } else if (area) {
    map.fitBounds(cornersOf(area), {
      animate: false,
      maxZoom: MAX_FIT_ZOOM,
      padding: filters.bbox ? [0, 0] : [FRAME_PIXELS, FRAME_PIXELS],
    });
  } else {
    map.setView([25, 10], 2, { animate: false });
  }
  frame.setAttribute("aria-label", "Map of the photos. Arrow keys move it, plus and minus zoom.");
  return map;
}
