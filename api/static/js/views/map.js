// The photos on a map: clusters that open as one zooms, single photos as their thumbnails. Where the map is, is `at` in
// the address (latitude, longitude, zoom); the switch "only this area" is the filter bbox.
import { html, render, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../html.js";
import { useAgain } from "../again.js";
import { number, ofMany, oneLine, plural } from "../format.js";
import { useLoad } from "../load.js";
import { Failed, Loading } from "../screens.js";
import { settings } from "../settings.js";
import { filterParams, href } from "../state.js";
import { loadLeaflet } from "../vendored.js";
import { worldLayer } from "../world.js";
import { MAX_API_ZOOM, areaOf, extentOf, readBox, spread, writeBox } from "../clusters.js";
import { Markers, describeSingles } from "../markers.js";
import { PlaceList, PlacePopup } from "../places.js";

const PAD = 0.2; // beyond each side, so that a short drag shows what is there already
const PIXELS = 24;
// So many zooms finer than a cluster the API still tells all of its cells apart.
const FINER = 5;
// A cluster whose photos lie closer together than this (in degrees, some centimetres) does not open any further.
const SAME_PLACE = 1e-6;

export default function MapView(props) {
  const leaflet = useLoad(loadLeaflet, "leaflet");
  const filters = filterParams(props.state.filters).filter(([name]) => name !== "bbox");
  const key = new URLSearchParams(filters).toString();
  const boxed = readBox(props.state.filters.bbox);
  const placed = readAt(props.state.extra.at);
  // Without a place in the address the map begins where the photos are.
  const start = useLoad(
    async (signal) => (placed || boxed ? null : extentOf((await props.api.get("/map", [...filters, ["zoom", 3]], { signal })).features)),
    placed || boxed ? "" : "everywhere",
  );
  if (leaflet.error) return html`<${Failed} error=${leaflet.error} retry=${leaflet.reload} />`;
  if (start.error) return html`<${Failed} error=${start.error} retry=${start.reload} />`;
  if (leaflet.loading || (start.loading && !start.data && !placed && !boxed)) return html`<${Loading} what="the map" slow=${start.slow} />`;
  return html`<${Surface} ...${props} L=${leaflet.data} filters=${filters} filterKey=${key} start=${start.data} />`;
}

function readAt(text) {
  const [lat, lng, zoom] = (text ?? "").split(",").map(Number);
  const fits = Math.abs(lat) <= 90 && Math.abs(lng) <= 540 && zoom >= 0 && zoom <= MAX_API_ZOOM;
  return fits ? { lat, lng, zoom: Math.round(zoom) } : null;
}

const writeAt = (map) => {
  const { lat, lng } = map.getCenter().wrap();
  const digits = Math.max(1, Math.ceil(map.getZoom() / 3));
  return [Number(lat.toFixed(digits)), Number(lng.toFixed(digits)), map.getZoom()].join(",");
};

// Whether the map is where an address says, to the pixel: an address is rounded, and so is a map's middle.
function isThere(map, text) {
  const at = readAt(text);
  if (!at || at.zoom !== map.getZoom()) return false;
  return map.latLngToContainerPoint([at.lat, at.lng]).distanceTo(map.getSize().divideBy(2)) < 2;
}

const edgesOf = (bounds) => ({
  west: bounds.getWest(), south: bounds.getSouth(), east: bounds.getEast(), north: bounds.getNorth(),
});
const corners = ({ west, south, east, north }) => [[south, west], [north, east]];

function makeMap(L, frame, { extra, filters }, start) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = L.map(frame, {
    attributionControl: false, zoomControl: false, worldCopyJump: true, minZoom: frame.clientWidth > 700 ? 2 : 1, maxZoom: settings.tiles_url ? 19 : 18,
    maxBounds: [[-85.05, -1e5], [85.05, 1e5]], maxBoundsViscosity: 1, bounceAtZoomLimits: false,
    zoomAnimation: !calm, fadeAnimation: !calm, markerZoomAnimation: !calm, inertia: !calm,
  });
  L.control.zoom({ position: "topleft", zoomInTitle: "Zoom in", zoomOutTitle: "Zoom out" }).addTo(map);
  L.control.scale({ position: "bottomleft", imperial: false }).addTo(map);
  worldLayer(L).addTo(map);
  if (settings.tiles_url) {
    // Tile servers ask to be told which site their tiles are for; that is the origin alone.
    L.tileLayer(settings.tiles_url, { maxZoom: 19, referrerPolicy: "origin" }).addTo(map);
  }
  const at = readAt(extra.at);
  const box = readBox(filters.bbox) ?? start;
  if (at) map.setView([at.lat, at.lng], at.zoom, { animate: false });
  else if (box) map.fitBounds(corners(box), { animate: false, maxZoom: 13, padding: filters.bbox ? [0, 0] : [PIXELS, PIXELS] });
  else map.setView([25, 10], 2, { animate: false });
  return map;
}

const lookAt = (map) => ({
  zoom: map.getZoom(),
  seen: edgesOf(map.getBounds()),
  asked: writeBox(edgesOf(map.getBounds().pad(PAD))),
  reach: edgesOf(map.getBounds().pad(PAD)),
});

function Surface({ L, state, navigate, api, counts, filters, filterKey, start }) {
  const frame = useRef(null);
  const kit = useRef({});
  const [map, setMap] = useState(null);
  const [look, setLook] = useState(null);
  kit.current.state = state;

  useLayoutEffect(() => {
    const made = makeMap(L, frame.current, state, start);
    frame.current.setAttribute("aria-label", "Map of the photos. Arrow keys move it, plus and minus zoom.");
    const markers = new Markers(L, made, {
      open: (id) => navigate({ photo: id }),
      enter: (cluster) => enter(cluster),
    });
    Object.assign(kit.current, { map: made, markers });
    made.on("moveend", () => {
      setLook(lookAt(made));
      const at = writeAt(made);
      const now = kit.current.state;
      if (at === kit.current.at || isThere(made, kit.current.at)) return;
      kit.current.at = at;
      const area = now.filters.bbox ? { bbox: writeBox(edgesOf(made.getBounds())) } : {};
      navigate({ extra: { at }, filters: area }, { replace: true });
    });
    kit.current.at = state.extra.at ?? writeAt(made);
    setLook(lookAt(made));
    setMap(made);
    const watcher = new ResizeObserver(() => made.invalidateSize({ animate: false }));
    watcher.observe(frame.current);
    return () => {
      watcher.disconnect();
      made.remove();
    };
  }, []);

  // "Back", or an address from elsewhere, moves the map.
  useEffect(() => {
    const at = readAt(state.extra.at);
    if (!map || !at || state.extra.at === kit.current.at) return;
    kit.current.at = state.extra.at;
    map.setView([at.lat, at.lng], at.zoom, { animate: false });
  }, [map, state.extra.at]);

  const lookKey = look ? `${filterKey} ${look.zoom} ${look.asked}` : "";
  const found = useLoad(
    async (signal) => {
      if (!look) return null;
      const answer = await api.get("/map", [...filters, ["bbox", look.asked], ["zoom", look.zoom]], { signal });
      return { ...answer, look };
    },
    lookKey,
  );
  useAgain(found, lookKey);
  const places = useLoad((signal) => api.get("/facets", [...filters, ["fields", "place"]], { signal }), filterKey);
  useAgain(places, filterKey);
  const clusters = useMemo(
    () => (found.data ? spread(found.data.features, ([lng, lat]) => map.project([lat, lng], found.data.look.zoom)) : []),
    [found.data],
  );

  useEffect(() => {
    const { markers } = kit.current;
    if (!found.data) return undefined;
    markers.show(clusters, found.data.look.reach);
    const control = new AbortController();
    const ids = clusters.filter(({ id }) => id).map(({ id }) => id);
    describeSingles(api, ids, (photos) => markers.describe(photos), control.signal);
    return () => control.abort();
  }, [clusters]);

  // Open a cluster: as close as shows all its photos, or, where they lie in one place, what they are.
  async function enter(cluster) {
    const { map: made } = kit.current;
    const now = kit.current.state;
    const zoom = made.getZoom();
    const area = areaOf(cluster, zoom);
    const asked = filterParams(now.filters).filter(([name]) => name !== "bbox");
    let extent = area;
    try {
      let [within, fine] = [area, zoom];
      do {
        fine = Math.min(MAX_API_ZOOM, fine + FINER);
        const { features } = await api.get("/map", [...asked, ["bbox", writeBox(within)], ["zoom", fine]]);
        extent = extentOf(features) ?? extent;
        // All in one cell: look into that one.
        if (features.length !== 1) break;
        within = areaOf({ cells: [features[0].geometry.coordinates] }, fine);
      } while (fine < MAX_API_ZOOM);
    } catch {
      // The area itself will do.
    }
    const wide = Math.max(extent.east - extent.west, extent.north - extent.south);
    if (wide > SAME_PLACE && zoom < made.getMaxZoom()) {
      const middle = [(extent.south + extent.north) / 2, (extent.west + extent.east) / 2];
      const fitting = made.getBoundsZoom(corners(extent), false, L.point(2 * PIXELS, 2 * PIXELS));
      made.setView(middle, Math.max(zoom + 1, Math.min(fitting, made.getMaxZoom(), zoom + 6)));
    } else {
      showPlace(html`<${PlacePopup} cluster=${cluster} area=${area} state=${now} api=${api} />`, cluster);
    }
  }

  function showPlace(content, { lat, lng }) {
    const { map: made } = kit.current;
    const node = document.createElement("div");
    node.tabIndex = -1;
    render(content, node);
    const before = document.activeElement;
    const popup = L.popup({ minWidth: 232, maxWidth: 260, autoPanPadding: [16, 16] }).setLatLng([lat, lng]).setContent(node);
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      made.closePopup(popup);
    });
    popup.on("remove", () => {
      render(null, node);
      if (document.activeElement === document.body || node.contains(document.activeElement)) (before?.isConnected ? before : made.getContainer()).focus({ preventScroll: true });
    });
    popup.openOn(made);
    node.focus({ preventScroll: true });
  }

  const isListed = Boolean(state.extra.list);
  const inSight = look ? clusters.filter((one) => isInside(one, look.seen)) : [];
  const seen = inSight.reduce((sum, { count }) => sum + count, 0);
  const isFilter = Boolean(state.filters.bbox);
  // A cluster at the edge stands for photos on both sides of it; those of the area that is the filter are counted.
  const shown = isFilter && counts.data && !counts.loading ? `${ofMany(counts.data)} ${counts.data.total === 1 ? "photo" : "photos"} in this area` : `${plural(seen, "photo")} in view`;
  const restrict = (on) =>
    navigate({ filters: { bbox: on ? writeBox(edgesOf(map.getBounds())) : null }, extra: { at: writeAt(map) } });
  const showAll = async () => {
    const all = await api.get("/map", [...filters, ["zoom", 3]]).catch(() => ({ features: [] }));
    const extent = extentOf(all.features);
    if (extent) map.fitBounds(corners(extent), { maxZoom: 13, padding: [PIXELS, PIXELS] });
  };
  const rows = places.data && !places.data.cut_short ? places.data.facets.place : [];
  const without = rows.find(({ value }) => value === false)?.count ?? 0;

  return html`<section class="map-view ${isListed ? "listed" : ""}" aria-label="Map" aria-busy=${found.loading || places.loading}>
    <div class="map-bar">
      <label class="check"><input type="checkbox" role="switch" checked=${isFilter} onChange=${(event) => restrict(event.target.checked)} /> Only photos in this area</label>
      <button type="button" onClick=${showAll}>Show all</button>
      <button type="button" aria-expanded=${isListed} aria-controls="map-list" onClick=${() => navigate({ extra: { list: isListed ? "" : "1" } })}>List</button>
      <p class="map-count" role="status">${found.loading && !found.data ? "Counting …" : shown}</p>
      ${without > 0 && html`<p class="map-without"><a href=${href(state, { view: "gallery", filters: { without: [...new Set([...(state.filters.without ?? []), "gps"])], bbox: null } })}>${number(without)} without a place</a></p>`}
    </div>
    <div class="map-body">
      <div class="map-frame" ref=${frame}></div>
      ${found.data?.cut_short && html`<p class="map-note" role="status">These are some of the photos only. All are being counted, and shown as soon as they are.</p>`}
      ${found.error && html`<div class="map-note"><${Failed} error=${found.error} retry=${found.reload} /></div>`}
      ${found.data && !found.stale && seen === 0 && html`<p class="map-note" role="status">No photo was taken in this area. <button type="button" onClick=${showAll}>Show all on the map</button></p>`}
      <p class="map-source">${settings.tiles_url ? oneLine(settings.tiles_attribution || "") : "Outline: Natural Earth"}</p>
      ${isListed && look && html`<${PlaceList} clusters=${inSight} zoom=${look.zoom} state=${state} enter=${enter} />`}
    </div>
  </section>`;
}

function isInside({ lng, lat }, { west, south, east, north }) {
  if (lat < south || lat > north) return false;
  return Math.ceil((west - lng) / 360) <= Math.floor((east - lng) / 360);
}
