/**
 * @file Map view. It loads Leaflet and, if the URL has neither a position nor an area, finds the area of the photos
 *   that match the filters.
 * @import { Api, Counts, Navigate, State } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
 */
import { Failed, Loading } from "../components/status_screens.jsx";
import { loadLeaflet } from "../core/map_data.js";
import { filterParams } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";
import { extentOf, parseBox } from "../map/clusters.js";
import { parseMapPosition } from "../map/map_position.js";
import { EmptyResult } from "../photos/empty_result.jsx";
import { MapSurface } from "../map/map_surface.jsx";

/**
 * @typedef {{state: State, navigate: Navigate, api: Api, counts: RequestState<Counts | null>, changes: number}} Props
 *   changes: number of changes of the library
 */

/** @param {Props} props */
export default function MapView(props) {
  const { state, api, changes } = props;
  const leaflet = useRequest(loadLeaflet, "leaflet");
  const filters = filterParams(state.filters).filter(([name]) => name !== "bbox");
  const filterKey = `${JSON.stringify(filters)} ${changes}`;
  const { at, area } = state.viewParams;
  const urlHasArea = Boolean(
    parseMapPosition(at) ?? parseBox(state.filters.bbox) ?? parseBox(area),
  );
  const photosArea = useRequest(
    async (signal) => {
      if (urlHasArea) return null;
      return extentOf((await api.get("/map", [...filters, ["zoom", 3]], { signal })).features);
    },
    urlHasArea ? "" : "photos",
  );
  if (props.counts.data?.total === 0 && !props.counts.loading && !urlHasArea) {
    return <EmptyResult state={state} navigate={props.navigate} api={api} />;
  }
  if (leaflet.error) return <Failed error={leaflet.error} retry={leaflet.reload} />;
  if (photosArea.error) return <Failed error={photosArea.error} retry={photosArea.reload} />;
  if (!leaflet.data || (photosArea.loading && !photosArea.data && !urlHasArea)) {
    return <Loading subject="the map" slow={photosArea.slow} />;
  }
  return (
    <MapSurface
      {...props}
      L={leaflet.data}
      filters={filters}
      filterKey={filterKey}
      photosArea={photosArea.data}
    />
  );
}
