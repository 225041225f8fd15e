/**
 * @file Opens a cluster: zooms in on its photos or, if they were all taken at the same position, lists them in a popup.
 * @import { ComponentChildren } from "preact"
 * @import { Map as LeafletMap } from "leaflet"
 * @import { Api, Area, Cluster, Pair, State } from "../core/types"
 */
import { render } from "../core/preact.js";
import { filterParams } from "../core/url_state.js";
import { areaOf, extentOf, formatBox, MAX_API_ZOOM } from "./clusters.js";
import { apiZoomOf, cornersOf } from "./map_position.js";
import { FIT_PADDING_PIXELS } from "./map_setup.js";
import { PlacePopup } from "./place_list.jsx";

// To find where the photos of a cluster are, request the API's cells at a zoom level that is higher by this number. The
// cells are then 1/32 as wide.
const FINER_ZOOMS = 5;
// Photos within this many degrees (about 10 centimetres) count as taken at the same position.
const SAME_POSITION_DEGREES = 1e-6;
// Opening a cluster zooms in by at most this many levels.
const MAX_ZOOM_STEP = 6;

/**
 * Zoom in on a cluster, or list its photos in a popup.
 * @param {typeof import("leaflet")} L
 * @param {LeafletMap} map
 * @param {Cluster} cluster
 * @param {{state: State, api: Api}} context
 */
export async function enterCluster(L, map, cluster, { state, api }) {
  const zoom = apiZoomOf(map);
  const area = areaOf(cluster, zoom);
  const filters = filterParams(state.filters).filter(([name]) => name !== "bbox");
  const extent = await findExtent(api, filters, area, zoom).catch(() => area);
  const size = Math.max(extent.east - extent.west, extent.north - extent.south);
  if (size > SAME_POSITION_DEGREES && zoom < map.getMaxZoom()) {
    const padding = L.point(2 * FIT_PADDING_PIXELS, 2 * FIT_PADDING_PIXELS);
    const fittingZoom = map.getBoundsZoom(cornersOf(extent), false, padding);
    const target = Math.min(fittingZoom, map.getMaxZoom(), zoom + MAX_ZOOM_STEP);
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
 * Return the smallest known area that contains the photos of an area. As long as they are all in one of the API's
 * cells, request that cell at a higher zoom level.
 * @param {Api} api
 * @param {Pair[]} filters
 * @param {Area} area
 * @param {number} zoom
 */
async function findExtent(api, filters, area, zoom) {
  let extent = area;
  let [requested, requestedZoom] = [area, zoom];
  do {
    requestedZoom = Math.min(MAX_API_ZOOM, requestedZoom + FINER_ZOOMS);
    const { features } = await api.get("/map", [
      ...filters,
      ["bbox", formatBox(requested)],
      ["zoom", requestedZoom],
    ]);
    extent = extentOf(features) ?? extent;
    if (features.length !== 1) break;
    requested = areaOf({ cellPositions: [features[0].geometry.coordinates] }, requestedZoom);
  } while (requestedZoom < MAX_API_ZOOM);
  return extent;
}

/**
 * Open a popup that Esc closes. When it closes, the focus returns to where it was.
 * @param {typeof import("leaflet")} L
 * @param {LeafletMap} map
 * @param {ComponentChildren} content
 * @param {{lat: number, lng: number}} position
 */
function openPopup(L, map, content, { lat, lng }) {
  const node = document.createElement("div");
  node.tabIndex = -1;
  render(content, node);
  const opener = /** @type {HTMLElement | null} */ (document.activeElement);
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
    const target = opener?.isConnected ? opener : map.getContainer();
    target.focus({ preventScroll: true });
  });
  popup.openOn(map);
  node.focus({ preventScroll: true });
}
