// The place of one photo on a small map of the world.
import { html, useEffect, useRef } from "./html.js";
import { place } from "./format.js";
import { settings } from "./settings.js";
import { loadLeaflet } from "./vendored.js";
import { worldLayer } from "./world.js";

const ZOOM = 5;
const TILES_ZOOM = 13;

export function MiniMap({ lat, lon }) {
  const frame = useRef(null);
  useEffect(() => {
    let map = null;
    let isGone = false;
    loadLeaflet().then(
      (L) => {
        if (!isGone) map = makeMap(L, frame.current, lat, lon);
      },
      () => {}, // The coordinates stand beside it.
    );
    return () => {
      isGone = true;
      map?.remove();
    };
  }, [lat, lon]);
  return html`<div class="mini-map" ref=${frame} role="group" aria-label=${`Map around ${place(lat, lon)}`}></div>`;
}

function makeMap(L, frame, lat, lon) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = L.map(frame, {
    attributionControl: false, zoomControl: false, scrollWheelZoom: false, minZoom: 0, maxZoom: settings.tiles_url ? 19 : 14,
    // A finger that scrolls the page must not be caught by the map.
    dragging: !L.Browser.mobile, zoomAnimation: !calm, fadeAnimation: !calm, inertia: !calm,
  });
  map.setView([lat, lon], settings.tiles_url ? TILES_ZOOM : ZOOM, { animate: false });
  L.control.zoom({ zoomInTitle: "Zoom in", zoomOutTitle: "Zoom out" }).addTo(map);
  worldLayer(L).addTo(map);
  if (settings.tiles_url) L.tileLayer(settings.tiles_url, { maxZoom: 19, referrerPolicy: "origin" }).addTo(map);
  const pin = document.createElement("div");
  pin.className = "pin";
  const Pin = L.Icon.extend({
    createIcon() {
      this._setIconStyles(pin, "icon");
      return pin;
    },
    createShadow: () => null,
  });
  const icon = new Pin({ iconSize: [18, 18], className: "pin" });
  L.marker([lat, lon], { icon, interactive: false, keyboard: false }).addTo(map);
  return map;
}
