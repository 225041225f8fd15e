/**
 * @file The place of one photo on a small map.
 * @import { Map as LeafletMap } from "leaflet"
 */
import { place } from "../core/format.js";
import { loadLeaflet } from "../core/lazy_libraries.js";
import { useEffect, useRef } from "../core/preact.js";
import { settings } from "../core/settings.js";
import { makeBasemap } from "./basemap.js";

const ZOOM = 5;
const TILES_ZOOM = 13;

/** @param {{lat: number, lon: number}} props */
export function MiniMap({ lat, lon }) {
  const frame = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    /** @type {LeafletMap | null} */
    let map = null;
    let isGone = false;
    loadLeaflet().then(
      (L) => {
        if (!isGone && frame.current) map = makeMap(L, frame.current, lat, lon);
      },
      () => {}, // the coordinates are written beside it
    );
    return () => {
      isGone = true;
      map?.remove();
    };
  }, [lat, lon]);
  return (
    <div class="mini-map" ref={frame} role="group" aria-label={`Map around ${place(lat, lon)}`} />
  );
}

/**
 * @param {typeof import("leaflet")} L
 * @param {HTMLElement} frame
 * @param {number} lat
 * @param {number} lon
 */
function makeMap(L, frame, lat, lon) {
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = L.map(frame, {
    attributionControl: false,
    zoomControl: false,
    scrollWheelZoom: false,
    minZoom: 0,
    maxZoom: settings.tiles_url ? 19 : 14,
    // On touch screens a drag scrolls the page.
    dragging: !L.Browser.mobile,
    zoomAnimation: !isCalm,
    fadeAnimation: !isCalm,
    inertia: !isCalm,
  });
  map.setView([lat, lon], settings.tiles_url ? TILES_ZOOM : ZOOM, { animate: false });
  L.control.zoom({ zoomInTitle: "Zoom in", zoomOutTitle: "Zoom out" }).addTo(map);
  makeBasemap(L).addTo(map);
  if (settings.tiles_url)
    L.tileLayer(settings.tiles_url, { maxZoom: 19, referrerPolicy: "origin" }).addTo(map);
  const icon = L.divIcon({ iconSize: [18, 18], className: "pin" });
  L.marker([lat, lon], { icon, interactive: false, keyboard: false }).addTo(map);
  return map;
}
