/**
 * @file The map, the bar above it, and the list view. The switch "Filter to this area" and a
 *   drawn rectangle set the filter `bbox`.
 * @import { Api, Area, Cluster, Counts, FacetRow, MapFeature, Navigate, Pair, State } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
 * @import { Rectangle } from "./rectangle.js"
 * @import { Viewport } from "./map_position.js"
 */
import { Failed } from "../components/status_screens.jsx";
import { formatNumber, formatTotal, oneLine, pluralize } from "../core/format.js";
import { nounOf } from "../core/labels.js";
import { useLayoutEffect, useMemo, useRef, useState } from "../core/preact.js";
import { settings } from "../core/settings.js";
import { href } from "../core/url_state.js";
import { useRefetchPartial } from "../hooks/use_refetch_partial.js";
import { useRequest } from "../hooks/use_request.js";
import { extentOf, formatBox, isInside, mergeOverlapping } from "./clusters.js";
import { DrawArea } from "./draw_area.jsx";
import { enterCluster } from "./enter_cluster.jsx";
import { cornersOf, toArea, formatMapPosition, isAreaOfMap } from "./map_position.js";
import { FIT_PADDING_PIXELS, MAX_FIT_ZOOM } from "./map_setup.js";
import { fetchSummaries } from "./photo_summaries.js";
import { PlaceList } from "./place_list.jsx";
import { useMap } from "./use_map.js";

/** @typedef {{features: MapFeature[], partial: boolean, viewport: Viewport}} MapResponse */

/**
 * @param {object} props
 * @param {typeof import("leaflet")} props.L
 * @param {State} props.state
 * @param {Navigate} props.navigate
 * @param {Api} props.api
 * @param {RequestState<Counts | null>} props.counts
 * @param {Pair[]} props.filters without `bbox`
 * @param {string} props.filterKey a text that changes whenever `filters` does
 * @param {Area | null} props.photosArea see createMap
 */
export function MapSurface(props) {
  const { L, state, navigate, api, counts, filters, filterKey, photosArea } = props;
  const frame = useRef(/** @type {HTMLDivElement | null} */ (null));
  const { map, markers, viewport } = useMap({ L, frame, state, navigate, api, photosArea });

  const key = viewport ? `${filterKey} ${viewport.zoom} ${viewport.bbox}` : "";
  const request = useRequest(
    /** @returns {Promise<MapResponse | null>} */
    async (signal) => {
      if (!viewport) return null;
      /** @type {Pair[]} */
      const params = [...filters, ["bbox", viewport.bbox], ["zoom", viewport.apiZoom]];
      return { ...(await api.get("/map", params, { signal })), viewport };
    },
    key,
  );
  useRefetchPartial(request, key);
  const locationCounts = useRequest(
    (signal) => api.get("/facets", [...filters, ["fields", "gps"]], { signal }),
    filterKey,
  );
  useRefetchPartial(locationCounts, filterKey);
  const clusters = useMemo(() => {
    if (!request.data || !map) return [];
    const { features, viewport: requested } = request.data;
    return mergeOverlapping(features, ([lng, lat]) => map.project([lat, lng], requested.zoom));
  }, [request.data, map]);

  // Use a layout effect: the markers must appear together with their number in the bar.
  useLayoutEffect(() => {
    if (!request.data || !markers) return undefined;
    markers.show(clusters, request.data.viewport.requested);
    const controller = new AbortController();
    const ids = clusters.flatMap(({ id }) => id ?? []);
    fetchSummaries(api, ids, (photos) => markers.describe(photos), controller.signal);
    return () => controller.abort();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `clusters` changes with request.data
  }, [api, clusters, markers]);

  const fitAll = async () => {
    const all = await api.get("/map", [...filters, ["zoom", 3]]).catch(() => ({ features: [] }));
    const extent = extentOf(all.features);
    if (!extent || !map) return;
    const padding = /** @type {[number, number]} */ ([FIT_PADDING_PIXELS, FIT_PADDING_PIXELS]);
    map.fitBounds(cornersOf(extent), { maxZoom: MAX_FIT_ZOOM, padding });
  };
  /** @param {Cluster} cluster */
  const enter = (cluster) => {
    if (map) enterCluster(L, map, cluster, { state, api });
  };
  const [isDrawing, setDrawing] = useState(false);
  const drawButton = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const stopDrawing = () => {
    setDrawing(false);
    drawButton.current?.focus();
  };
  /** @param {Rectangle} rectangle */
  const filterByRectangle = ({ left, top, right, bottom }) => {
    stopDrawing();
    if (!map) return;
    const corners = [
      map.containerPointToLatLng([left, bottom]),
      map.containerPointToLatLng([right, top]),
    ];
    const bbox = formatBox(toArea(L.latLngBounds(corners)));
    navigate({ filters: { bbox }, viewParams: { at: formatMapPosition(map), drawn: "1" } });
  };
  const isListOpen = Boolean(state.viewParams.list);
  const visible = viewport ? clusters.filter((cluster) => isInside(cluster, viewport.visible)) : [];
  const visibleCount = visible.reduce((sum, { count }) => sum + count, 0);
  /** @type {FacetRow[]} */
  const rows =
    locationCounts.data && !locationCounts.data.partial ? locationCounts.data.facets.gps : [];
  const countWithoutLocation = rows.find(({ value }) => value === false)?.count ?? 0;

  return (
    <section
      class={`map-view ${isListOpen ? "listed" : ""}`}
      aria-label="Map"
      aria-busy={request.loading || locationCounts.loading}
    >
      <div class="map-bar">
        <AreaSwitch
          isOn={isAreaOfMap(state)}
          onChange={(isOn) => {
            if (!map) return;
            const bbox = isOn ? formatBox(toArea(map.getBounds())) : null;
            navigate({ filters: { bbox }, viewParams: { at: formatMapPosition(map), drawn: "" } });
          }}
        />
        <button
          type="button"
          ref={drawButton}
          aria-pressed={isDrawing}
          onClick={() => setDrawing(!isDrawing)}
        >
          Draw area
        </button>
        <button type="button" onClick={fitAll}>
          Fit all photos
        </button>
        <button
          type="button"
          aria-expanded={isListOpen}
          aria-controls="map-list"
          onClick={() => navigate({ viewParams: { list: isListOpen ? "" : "1" } })}
        >
          List view
        </button>
        <p class="map-count" role="status">
          {request.loading && !request.data
            ? "Counting…"
            : describeCount(state, counts, visibleCount)}
        </p>
        {countWithoutLocation > 0 && (
          <p class="map-without">
            <a href={linkToPhotosWithoutLocation(state)}>
              {formatNumber(countWithoutLocation)} without location
            </a>
          </p>
        )}
      </div>
      <div class="map-body">
        <div class="map-stage">
          <div class="map-frame" ref={frame} />
          {isDrawing && <DrawArea finish={filterByRectangle} cancel={stopDrawing} />}
        </div>
        {!isDrawing && request.data?.partial && (
          <p class="map-note" role="status">
            Showing only some of the photos. The others will appear when they have been counted.
          </p>
        )}
        {!isDrawing && request.error && (
          <div class="map-note">
            <Failed error={request.error} retry={request.reload} />
          </div>
        )}
        {!isDrawing && request.data && !request.stale && visibleCount === 0 && (
          <p class="map-note" role="status">
            No photos in this area.{" "}
            <button type="button" onClick={fitAll}>
              Fit all photos
            </button>
          </p>
        )}
        <p class="map-source">
          {settings.tiles_url
            ? oneLine(settings.tiles_attribution || "")
            : "Map data: Natural Earth"}
          {" · Place names: GeoNames"}
        </p>
        {isListOpen && viewport && (
          <PlaceList clusters={visible} zoom={viewport.apiZoom} state={state} enter={enter} />
        )}
      </div>
    </section>
  );
}

/** @param {{isOn: boolean, onChange: (isOn: boolean) => void}} props */
function AreaSwitch({ isOn, onChange }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        role="switch"
        checked={isOn}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />{" "}
      Filter to this area
    </label>
  );
}

/**
 * Describe how many photos are shown. If the area is a filter, use the API's count. Otherwise use the sum of the
 * visible clusters, which is approximate, because clusters at the edge contain photos on both sides of it.
 * @param {State} state
 * @param {RequestState<Counts | null>} counts
 * @param {number} visibleCount
 */
function describeCount({ filters }, { data, loading }, visibleCount) {
  if (!filters.bbox || !data || loading) return `${pluralize(visibleCount, "photo")} in view`;
  return `${formatTotal(data)} ${nounOf(filters.media_type)}${data.total === 1 ? "" : "s"} in this area`;
}

/** @param {State} state */
function linkToPhotosWithoutLocation(state) {
  const without = [...new Set([...(state.filters.without ?? []), "gps"])];
  return href(state, { view: "gallery", filters: { without, bbox: null } });
}
