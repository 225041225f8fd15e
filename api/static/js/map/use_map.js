/**
 * @file Creates the Leaflet map of a component. Keeps the map's position and the URL parameter `at` in sync.
 * @import { Map as LeafletMap } from "leaflet"
 * @import { Api, Area, Navigate, State } from "../core/types"
 * @import { Viewport } from "./map_position.js"
 */
import { useEffect, useLayoutEffect, useRef, useState } from "../core/preact.js";
import { formatBox, parseBox } from "./clusters.js";
import { enterCluster } from "./enter_cluster.jsx";
import {
  cornersOf,
  isAreaOfMap,
  isAtPosition,
  parseMapPosition,
  toArea,
  viewportOf,
  formatMapPosition,
} from "./map_position.js";
import { createMap } from "./map_setup.js";
import { Markers } from "./markers.jsx";

/**
 * @param {object} options
 * @param {typeof import("leaflet")} options.L
 * @param {{readonly current: HTMLElement | null}} options.frame element that will contain the map
 * @param {State} options.state
 * @param {Navigate} options.navigate
 * @param {Api} options.api
 * @param {Area | null} options.photosArea see createMap
 */
export function useMap({ L, frame, state, navigate, api, photosArea }) {
  const [map, setMap] = useState(/** @type {LeafletMap | null} */ (null));
  const [markers, setMarkers] = useState(/** @type {Markers | null} */ (null));
  const [viewport, setViewport] = useState(/** @type {Viewport | null} */ (null));
  // Leaflet's listeners are created only once. They read the current state from this reference.
  const latestState = useRef(state);
  latestState.current = state;
  // The position to which the map or the URL was last set, so that neither sets the other again.
  const lastAt = useRef(state.viewParams.at);

  useLayoutEffect(() => {
    if (!frame.current) return undefined;
    const newMap = createMap(L, frame.current, state, photosArea);
    newMap.on("moveend", () => {
      setViewport(viewportOf(newMap));
      const at = formatMapPosition(newMap);
      if (at === lastAt.current || isAtPosition(newMap, lastAt.current)) return;
      lastAt.current = at;
      // A drawn area stays where it is.
      const followsMap = isAreaOfMap(latestState.current);
      const filters = followsMap ? { bbox: formatBox(toArea(newMap.getBounds())) } : {};
      navigate({ viewParams: { at }, filters }, { replace: true });
    });
    lastAt.current = state.viewParams.at ?? formatMapPosition(newMap);
    setViewport(viewportOf(newMap));
    setMap(newMap);
    setMarkers(
      new Markers(L, newMap, {
        open: (id) => navigate({ photo: id }),
        enter: (cluster) => enterCluster(L, newMap, cluster, { state: latestState.current, api }),
      }),
    );
    const resizeObserver = new ResizeObserver(() => newMap.invalidateSize({ animate: false }));
    resizeObserver.observe(frame.current);
    return () => {
      resizeObserver.disconnect();
      newMap.remove();
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the map is created only once
  }, []);

  useEffect(() => {
    const position = parseMapPosition(state.viewParams.at);
    if (!map || !position || state.viewParams.at === lastAt.current) return;
    lastAt.current = state.viewParams.at;
    map.setView([position.lat, position.lng], position.zoom, { animate: false });
  }, [map, state.viewParams.at]);

  const drawnArea = isAreaOfMap(state) ? undefined : state.filters.bbox;
  useEffect(() => {
    const area = parseBox(drawnArea);
    if (!map || !area) return undefined;
    // The map repeats the world to the east and to the west.
    const rectangles = [-360, 0, 360].map((shift) =>
      L.rectangle(cornersOf({ ...area, west: area.west + shift, east: area.east + shift }), {
        className: "drawn-area",
        interactive: false,
      }),
    );
    const copies = L.layerGroup(rectangles).addTo(map);
    return () => void copies.remove();
  }, [L, map, drawnArea]);

  return { map, markers, viewport };
}
