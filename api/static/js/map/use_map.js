/**
 * @file The Leaflet map of a component, in step with the address: moving the map changes `at` there, and the other
 * way round.
 * @import { Map as LeafletMap } from "leaflet"
 * @import { Api, Area, Navigate, State } from "../core/types"
 * @import { Viewport } from "./map_position.js"
 */
import { useEffect, useLayoutEffect, useRef, useState } from "../core/preact.js";
import { writeBox } from "./clusters.js";
import { enterCluster } from "./enter_cluster.jsx";
import { edgesOf, isAt, readAt, viewportOf, writeAt } from "./map_position.js";
import { makeMap } from "./map_setup.js";
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
  // For Leaflet's listeners, which are made once.
  const latest = useRef(state);
  latest.current = state;
  const lastAt = useRef(state.extra.at);

  useLayoutEffect(() => {
    if (!frame.current) return undefined;
    const made = makeMap(L, frame.current, state, photosArea);
    made.on("moveend", () => {
      setViewport(viewportOf(made));
      const at = writeAt(made);
      if (at === lastAt.current || isAt(made, lastAt.current)) return;
      lastAt.current = at;
      const hasArea = latest.current.filters.bbox;
      const filters = hasArea ? { bbox: writeBox(edgesOf(made.getBounds())) } : {};
      navigate({ extra: { at }, filters }, { replace: true });
    });
    lastAt.current = state.extra.at ?? writeAt(made);
    setViewport(viewportOf(made));
    setMap(made);
    setMarkers(
      new Markers(L, made, {
        open: (id) => navigate({ photo: id }),
        enter: (cluster) => enterCluster(L, made, cluster, { state: latest.current, api }),
      }),
    );
    const watcher = new ResizeObserver(() => made.invalidateSize({ animate: false }));
    watcher.observe(frame.current);
    return () => {
      watcher.disconnect();
      made.remove();
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the map is made once
  }, []);

  useEffect(() => {
    const at = readAt(state.extra.at);
    if (!map || !at || state.extra.at === lastAt.current) return;
    lastAt.current = state.extra.at;
    map.setView([at.lat, at.lng], at.zoom, { animate: false });
  }, [map, state.extra.at]);

  return { map, markers, viewport };
}
