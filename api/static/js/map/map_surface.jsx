/**
 * @file The map, the bar above it, and the list of places. The switch "Only photos in this area" is the filter `bbox`.
 * @import { Api, Area, Cluster, Counts, FacetRow, MapFeature, Navigate, Pair, State } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
 * @import { Viewport } from "./map_position.js"
 */
import { Failed } from "../components/status_screens.jsx";
import { number, ofMany, oneLine, plural } from "../core/format.js";
import { useEffect, useMemo, useRef } from "../core/preact.js";
import { settings } from "../core/settings.js";
import { href } from "../core/url_state.js";
import { useRefetchPartial } from "../hooks/use_refetch_partial.js";
import { useRequest } from "../hooks/use_request.js";
import { extentOf, isInside, joinOverlapping, writeBox } from "./clusters.js";
import { enterCluster } from "./enter_cluster.jsx";
import { cornersOf, edgesOf, writeAt } from "./map_position.js";
import { FRAME_PIXELS, MAX_FIT_ZOOM } from "./map_setup.js";
import { fetchSummaries } from "./photo_summaries.js";
import { PlaceList } from "./place_list.jsx";
import { useMap } from "./use_map.js";

/** @typedef {{features: MapFeature[], cut_short: boolean, viewport: Viewport}} MapAnswer */

/**
 * @param {object} props
 * @param {typeof import("leaflet")} props.L
 * @param {State} props.state
 * @param {Navigate} props.navigate
 * @param {Api} props.api
 * @param {RequestState<Counts | null>} props.counts
 * @param {Pair[]} props.filters all but `bbox`
 * @param {string} props.filterKey changes with `filters`
 * @param {Area | null} props.photosArea where the map begins if the address does not say
 */
export function MapSurface(props) {
  const { L, state, navigate, api, counts, filters, filterKey, photosArea } = props;
  const frame = useRef(/** @type {HTMLDivElement | null} */ (null));
  const { map, markers, viewport } = useMap({ L, frame, state, navigate, api, photosArea });

  const key = viewport ? `${filterKey} ${viewport.zoom} ${viewport.bbox}` : "";
  const answer = useRequest(
    /** @returns {Promise<MapAnswer | null>} */
    async (signal) => {
      if (!viewport) return null;
      /** @type {Pair[]} */
      const params = [...filters, ["bbox", viewport.bbox], ["zoom", viewport.zoom]];
      return { ...(await api.get("/map", params, { signal })), viewport };
    },
    key,
  );
  useRefetchPartial(answer, key);
  const places = useRequest(
    (signal) => api.get("/facets", [...filters, ["fields", "place"]], { signal }),
    filterKey,
  );
  useRefetchPartial(places, filterKey);
  const clusters = useMemo(() => {
    if (!answer.data || !map) return [];
    const { features, viewport: answered } = answer.data;
    return joinOverlapping(features, ([lng, lat]) => map.project([lat, lng], answered.zoom));
  }, [answer.data, map]);

  useEffect(() => {
    if (!answer.data || !markers) return undefined;
    markers.show(clusters, answer.data.viewport.reach);
    const control = new AbortController();
    const ids = clusters.flatMap(({ id }) => id ?? []);
    fetchSummaries(api, ids, (photos) => markers.describe(photos), control.signal);
    return () => control.abort();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `clusters` is made of answer.data
  }, [api, clusters, markers]);

  const showAll = async () => {
    const all = await api.get("/map", [...filters, ["zoom", 3]]).catch(() => ({ features: [] }));
    const extent = extentOf(all.features);
    if (!extent || !map) return;
    const padding = /** @type {[number, number]} */ ([FRAME_PIXELS, FRAME_PIXELS]);
    map.fitBounds(cornersOf(extent), { maxZoom: MAX_FIT_ZOOM, padding });
  };
  /** @param {Cluster} cluster */
  const enter = (cluster) => {
    if (map) enterCluster(L, map, cluster, { state, api });
  };
  const isListed = Boolean(state.extra.list);
  const visible = viewport ? clusters.filter((one) => isInside(one, viewport.visible)) : [];
  const visibleCount = visible.reduce((sum, { count }) => sum + count, 0);
  /** @type {FacetRow[]} */
  const rows = places.data && !places.data.cut_short ? places.data.facets.place : [];
  const withoutPlace = rows.find(({ value }) => value === false)?.count ?? 0;

  return (
    <section
      class={`map-view ${isListed ? "listed" : ""}`}
      aria-label="Map"
      aria-busy={answer.loading || places.loading}
    >
      <div class="map-bar">
        <AreaSwitch
          isOn={Boolean(state.filters.bbox)}
          onChange={(isOn) => {
            if (!map) return;
            const bbox = isOn ? writeBox(edgesOf(map.getBounds())) : null;
            navigate({ filters: { bbox }, extra: { at: writeAt(map) } });
          }}
        />
        <button type="button" onClick={showAll}>
          Show all
        </button>
        <button
          type="button"
          aria-expanded={isListed}
          aria-controls="map-list"
          onClick={() => navigate({ extra: { list: isListed ? "" : "1" } })}
        >
          List
        </button>
        <p class="map-count" role="status">
          {answer.loading && !answer.data
            ? "Counting …"
            : describeCount(state, counts, visibleCount)}
        </p>
        {withoutPlace > 0 && (
          <p class="map-without">
            <a href={linkToPhotosWithoutPlace(state)}>{number(withoutPlace)} without a place</a>
          </p>
        )}
      </div>
      <div class="map-body">
        <div class="map-frame" ref={frame} />
        {answer.data?.cut_short && (
          <p class="map-note" role="status">
            These are some of the photos only. All are being counted, and shown as soon as they are.
          </p>
        )}
        {answer.error && (
          <div class="map-note">
            <Failed error={answer.error} retry={answer.reload} />
          </div>
        )}
        {answer.data && !answer.stale && visibleCount === 0 && (
          <p class="map-note" role="status">
            No photo was taken in this area.{" "}
            <button type="button" onClick={showAll}>
              Show all on the map
            </button>
          </p>
        )}
        <p class="map-source">
          {settings.tiles_url
            ? oneLine(settings.tiles_attribution || "")
            : "Outline: Natural Earth"}
        </p>
        {isListed && viewport && (
          <PlaceList clusters={visible} zoom={viewport.zoom} state={state} enter={enter} />
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
      Only photos in this area
    </label>
  );
}

/**
 * Describe how many photos are shown. A cluster at the edge has photos on both sides of it: where the area is a
 * filter, the API's count is exact.
 * @param {State} state
 * @param {RequestState<Counts | null>} counts
 * @param {number} visibleCount
 */
function describeCount({ filters }, { data, loading }, visibleCount) {
  if (!filters.bbox || !data || loading) return `${plural(visibleCount, "photo")} in view`;
  return `${ofMany(data)} ${data.total === 1 ? "photo" : "photos"} in this area`;
}

/** @param {State} state */
function linkToPhotosWithoutPlace(state) {
  const without = [...new Set([...(state.filters.without ?? []), "gps"])];
  return href(state, { view: "gallery", filters: { without, bbox: null } });
}
