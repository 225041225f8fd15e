/**
 * @file A small map with the location of one photo.
 * @import { Map as LeafletMap } from "leaflet"
 */
import { formatPosition } from "../core/format.js";
import { loadLeaflet } from "../core/map_data.js";
import { useEffect, useRef } from "../core/preact.js";
import { settings } from "../core/settings.js";
import { addBackground, animationOptions, MAX_TILES_ZOOM } from "./background.js";

const OUTLINE_ZOOM = 5;
const MAX_OUTLINE_ZOOM = 14;
const TILES_ZOOM = 13;

/** @param {{lat: number, lng: number}} props */
export function MiniMap({ lat, lng }) {
  const frame = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    /** @type {LeafletMap | null} */
    let map = null;
    let isUnmounted = false;
    loadLeaflet().then(
      (L) => {
        if (!isUnmounted && frame.current) map = createMap(L, frame.current, lat, lng);
      },
      () => {}, // without the map, the summary still shows the coordinates
    );
    return () => {
      isUnmounted = true;
      map?.remove();
    };
  }, [lat, lng]);
  return (
    <div
      class="mini-map"
      ref={frame}
      role="group"
      aria-label={`Map around ${formatPosition(lat, lng)}`}
    />
  );
}

/**
 * @param {typeof import("leaflet")} L
 * @param {HTMLElement} frame
 * @param {number} lat
 * @param {number} lng
 */
function createMap(L, frame, lat, lng) {
  const map = L.map(frame, {
    attributionControl: false,
    zoomControl: false,
    scrollWheelZoom: false,
    minZoom: 0,
    maxZoom: settings.tiles_url ? MAX_TILES_ZOOM : MAX_OUTLINE_ZOOM,
    // On touch screens, dragging has to scroll the page instead of the map.
    dragging: !L.Browser.mobile,
    ...animationOptions(),
  });
  map.setView([lat, lng], settings.tiles_url ? TILES_ZOOM : OUTLINE_ZOOM, { animate: false });
  L.control.zoom({ zoomInTitle: "Zoom in", zoomOutTitle: "Zoom out" }).addTo(map);
  addBackground(L, map);
  const icon = L.divIcon({ iconSize: [18, 18], className: "pin" });
  L.marker([lat, lng], { icon, interactive: false, keyboard: false }).addTo(map);
  return map;
}
