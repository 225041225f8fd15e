/**
 * @file Opens a cluster: zooms in until all its photos are shown or, if they are in one place, lists them in a popup.
 * @import { ComponentChildren } from "preact"
 * @import { Map as LeafletMap } from "leaflet"
 * @import { Api, Area, Cluster, Pair, State } from "../core/types"
 */
import { render } from "../core/preact.js";
import { filterParams } from "../core/url_state.js";
import { areaOf, extentOf, MAX_API_ZOOM, writeBox } from "./clusters.js";
import { cornersOf } from "./map_position.js";
import { FRAME_PIXELS } from "./map_setup.js";
import { PlacePopup } from "./place_list.jsx";

// The API's cells at this many zoom levels below tell the photos of a cluster apart.
const FINER_ZOOMS = 5;
// Photos within this many degrees (some centimetres) are in one place.
const SAME_PLACE_DEGREES = 1e-6;
const MAX_ZOOM_STEP = 6;

/**
 * @param {typeof import("leaflet")} L
 * @param {LeafletMap} map
 * @param {Cluster} cluster
 * @param {{state: State, api: Api}} context
 */
export async function enterCluster(L, map, cluster, { state, api }) {
  const zoom = map.getZoom();
  const area = areaOf(cluster, zoom);
  const filters = filterParams(state.filters).filter(([name]) => name !== "bbox");
  const extent = await findExtent(api, filters, area, zoom).catch(() => area);
  const size = Math.max(extent.east - extent.west, extent.north - extent.south);
  if (size > SAME_PLACE_DEGREES && zoom < map.getMaxZoom()) {
    const fitting = map.getBoundsZoom(
      cornersOf(extent),
      false,
      L.point(2 * FRAME_PIXELS, 2 * FRAME_PIXELS),
    );
    const target = Math.min(fitting, map.getMaxZoom(), zoom + MAX_ZOOM_STEP);
    map.setView(
      [(extent.south + extent.north) / 2, (extent.west + extent.east) / 2],
      Math.max(zoom + 1, target),
    );
  } else {
    const content = <PlacePopup cluster={cluster} area={area} state={state} api={api} />;
    openPopup(L, map, content, cluster);
  }
}

/**
 * Return the area of the photos in an area. While they are all in one of the API's cells, look into that one.
 * @param {Api} api
 * @param {Pair[]} filters
 * @param {Area} area
 * @param {number} zoom
 */
async function findExtent(api, filters, area, zoom) {
  let extent = area;
  let [within, fine] = [area, zoom];
  do {
    fine = Math.min(MAX_API_ZOOM, fine + FINER_ZOOMS);
    const { features } = await api.get("/map", [
      ...filters,
      ["bbox", writeBox(within)],
      ["zoom", fine],
    ]);
    extent = extentOf(features) ?? extent;
    if (features.length !== 1) break;
    within = areaOf({ cells: [features[0].geometry.coordinates] }, fine);
  } while (fine < MAX_API_ZOOM);
  return extent;
}

/**
 * @param {typeof import("leaflet")} L
 * @param {LeafletMap} map
 * @param {ComponentChildren} content
 * @param {{lat: number, lng: number}} position
 */
function openPopup(L, map, content, { lat, lng }) {
  const node = document.createElement("div");
  node.tabIndex = -1;
  render(content, node);
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const popup = L.popup({ minWidth: 232, maxWidth: 260, autoPanPadding: [16, 16] })
    .setLatLng([lat, lng])
    .setContent(node);
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    map.closePopup(popup);
  });
  popup.on("remove", () => {
    render(null, node);
    const { activeElement } = document;
    if (activeElement !== document.body && !node.contains(activeElement)) return;
    const target = before?.isConnected ? before : map.getContainer();
    target.focus({ preventScroll: true });
  });
  popup.openOn(map);
  node.focus({ preventScroll: true });
}
