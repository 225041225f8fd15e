/**
 * @file The view of the map. Loads Leaflet, and finds where the map begins.
 * @import { Api, Counts, Navigate, State } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
 */
import { Failed, Loading } from "../components/status_screens.jsx";
import { loadLeaflet } from "../core/lazy_libraries.js";
import { filterParams } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";
import { extentOf, readBox } from "../map/clusters.js";
import { readAt } from "../map/map_position.js";
import { MapSurface } from "../map/map_surface.jsx";

/** @param {{state: State, navigate: Navigate, api: Api, counts: RequestState<Counts | null>}} props */
export default function MapView(props) {
  const { state, api } = props;
  const leaflet = useRequest(loadLeaflet, "leaflet");
  const filters = filterParams(state.filters).filter(([name]) => name !== "bbox");
  const filterKey = JSON.stringify(filters);
  const hasPlace = Boolean(readAt(state.extra.at) ?? readBox(state.filters.bbox));
  const start = useRequest(
    async (signal) => {
      if (hasPlace) return null;
      return extentOf((await api.get("/map", [...filters, ["zoom", 3]], { signal })).features);
    },
    hasPlace ? "" : "photos",
  );
  if (leaflet.error) return <Failed error={leaflet.error} retry={leaflet.reload} />;
  if (start.error) return <Failed error={start.error} retry={start.reload} />;
  if (!leaflet.data || (start.loading && !start.data && !hasPlace)) {
    return <Loading subject="the map" slow={start.slow} />;
  }
  return (
    <MapSurface
      {...props}
      L={leaflet.data}
      filters={filters}
      filterKey={filterKey}
      photosArea={start.data}
    />
  );
}
