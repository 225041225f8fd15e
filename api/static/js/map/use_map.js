/**
 * @file Creates the Leaflet map of a component, and keeps its position and the URL parameter `at` in sync.
 * @import { Map as LeafletMap } from "leaflet"
 * @import { Api, Area, Navigate, State } from "../core/types"
 * @import { Viewport } from "./map_position.js"
 */
import { useEffect, useLayoutEffect, useRef, useState } from "../core/preact.js";
import { formatBox } from "./clusters.js";
import { enterCluster } from "./enter_cluster.jsx";
import { isAtPosition, parsePosition, toArea, viewportOf, writePosition } from "./map_position.js";
import { createMap } from "./map_setup.js";
import { Markers } from "./markers.jsx";

/**
 * @param {object} options
 * @param {typeof import("leaflet")} options.L
 * @param {{readonly current: HTMLElement | null}} options.frame
 * @param {State} options.state
 * @param {Navigate} options.navigate
 * @param {Api} options.api
 * @param {Area | null} options.photosArea
 */
export function useMap({ L, frame, state, navigate, api, photosArea }) {
  const [map, setMap] = useState(/** @type {LeafletMap | null} */ (null));
  const [markers, setMarkers] = useState(/** @type {Markers | null} */ (null));
  const [viewport, setViewport] = useState(/** @type {Viewport | null} */ (null));
  // For Leaflet's listeners, which are created only once.
  const latestState = useRef(state);
  latestState.current = state;
  const lastAt = useRef(state.extra.at);

  useLayoutEffect(() => {
    if (!frame.current) return undefined;
    const newMap = createMap(L, frame.current, state, photosArea);
    newMap.on("moveend", () => {
      setViewport(viewportOf(newMap));
      const at = writePosition(newMap);
      if (at === lastAt.current || isAtPosition(newMap, lastAt.current)) return;
      lastAt.current = at;
      const filtersByArea = latestState.current.filters.bbox;
      const filters = filtersByArea ? { bbox: formatBox(toArea(newMap.getBounds())) } : {};
      navigate({ extra: { at }, filters }, { replace: true });
    });
    lastAt.current = state.extra.at ?? writePosition(newMap);
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
    const position = parsePosition(state.extra.at);
    if (!map || !position || state.extra.at === lastAt.current) return;
    lastAt.current = state.extra.at;
    map.setView([position.lat, position.lng], position.zoom, { animate: false });
  }, [map, state.extra.at]);

  return { map, markers, viewport };
}
