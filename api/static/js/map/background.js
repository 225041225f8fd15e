/**
 * @file The background and the animation options that all maps share.
 * @import { Map as LeafletMap } from "leaflet"
 */
import { settings } from "../core/settings.js";
import { createBasemap } from "./basemap.js";

/** The highest zoom level that is requested from a tile server. */
export const MAX_TILES_ZOOM = 19;

/**
 * Add the outline of the world to a map and, if a tile server is configured, its tiles.
 * @param {typeof import("leaflet")} L
 * @param {LeafletMap} map
 */
export function addBackground(L, map) {
  createBasemap(L).addTo(map);
  if (!settings.tiles_url) return;
  // Some tile servers reject requests without a referrer. Send only the origin.
  const options = { maxZoom: MAX_TILES_ZOOM, referrerPolicy: /** @type {const} */ ("origin") };
  L.tileLayer(settings.tiles_url, options).addTo(map);
}

/** Return the map options that turn animations off if the user prefers reduced motion. */
export function animationOptions() {
  const isAnimated = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  return {
    zoomAnimation: isAnimated,
    fadeAnimation: isAnimated,
    markerZoomAnimation: isAnimated,
    inertia: isAnimated,
  };
}
