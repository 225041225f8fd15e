/**
 * @file The explorer's page: the header, the filters at the side, and a view.
 *
 * A VIEW is `views/<name>.jsx` with a default export `View({ state, navigate, api, counts })`:
 *   state     see core/types.d.ts. It is the address; nothing else may be lost by a reload. A view's own parameters are
 *             in `state.extra`.
 *   navigate  navigate({filters: {iso: "100-400", camera: null}, extra: {zoom: "5"}, photo: id}, {replace: true})
 *             null takes a filter off. Without `replace`, each change is a step of the browser's "back".
 *   api       api.get(path, params, {signal}), api.post, api.delete, api.open. Errors are of class Problem.
 *   counts    the request of the counts beside the view.
 * Use `filterParams(state.filters)` for parameters of the API, `href(state, change)` for links (`follow` opens them
 * without loading the page), `useRequest(ask, key)` for requests, and the screens of components/status_screens.jsx.
 *
 * Nothing from the API becomes HTML: elements come from JSX alone, never from text (no innerHTML), and styles are
 * objects (style={{ width: "3px" }}): the page's policy refuses styles in text.
 * @import { JSX } from "preact"
 * @import { ViewName } from "./core/types"
 */
import { Failed } from "./components/status_screens.jsx";
import { api } from "./core/api.js";
import { render, useCallback, useEffect, useMemo, useRef, useState } from "./core/preact.js";
import { follow, navigate, readState, TITLES, useAddress } from "./core/url_state.js";
import { FilterPanel } from "./filters/panel.jsx";
import { Timeline } from "./filters/timeline.jsx";
import { useFacets } from "./filters/use_facets.js";
import { PhotoDialog } from "./photos/photo_dialog.jsx";
import { forgetPages } from "./photos/photo_pages.js";
import { FilterChips } from "./shell/filter_chips.jsx";
import { Header } from "./shell/header.jsx";
import { Help } from "./shell/help.jsx";
import { onKey } from "./shell/keyboard.js";
import Batches from "./views/batches.jsx";
import Gallery from "./views/gallery.jsx";
import MapView from "./views/map.jsx";
import Statistics from "./views/statistics.jsx";
import Table from "./views/table.jsx";

/** @type {Record<ViewName, (props: any) => JSX.Element>} */
const VIEWS = {
  gallery: Gallery,
  table: Table,
  map: MapView,
  statistics: Statistics,
  batches: Batches,
};

const NARROW = matchMedia("(max-width: 800px)");

function useNarrow() {
  const [isNarrow, setNarrow] = useState(NARROW.matches);
  useEffect(() => {
    const listener = () => setNarrow(NARROW.matches);
    NARROW.addEventListener("change", listener);
    return () => NARROW.removeEventListener("change", listener);
  }, []);
  return isNarrow;
}

function App() {
  const search = useAddress();
  const state = useMemo(() => readState(search), [search]);
  const [isHelp, setHelp] = useState(false);
  const [round, setRound] = useState(0);
  const [isOpen, setOpen] = useState(() => !NARROW.matches);
  const isNarrow = useNarrow();
  const searchBox = useRef(/** @type {HTMLInputElement | null} */ (null));
  const isOfPhotos = state.view !== "batches";
  const counts = useFacets(state, api, isOfPhotos);
  // Without the token, one screen says so instead of each part of the page.
  const isLocked = counts.error?.status === 401 || counts.error?.status === 429;
  const hasFilters = isOfPhotos && !isLocked;

  useEffect(() => {
    document.title = `${state.view === "gallery" ? "" : `${TITLES[state.view]} · `}EXIFinator`;
  }, [state.view]);
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const listener = (event) =>
      onKey(event, {
        searchBox,
        showHelp: () => setHelp(true),
        toggleFilters: () => setOpen((isShown) => !isShown),
        navigate,
      });
    document.addEventListener("keydown", listener);
    document.addEventListener("click", follow);
    return () => {
      document.removeEventListener("keydown", listener);
      document.removeEventListener("click", follow);
    };
  }, []);

  const { reload: reloadCounts } = counts;
  const reload = useCallback(() => {
    forgetPages();
    setRound((at) => at + 1);
    reloadCounts();
  }, [reloadCounts]);
  const common = { state, navigate, api };
  const View = VIEWS[state.view];
  // On a phone the filters cover everything else, which then must not be reachable.
  const isCovered = isNarrow && isOpen && hasFilters;
  return (
    <>
      <a class="skip" href="#view">
        Skip to the photos
      </a>
      <Header
        {...common}
        isCovered={isCovered}
        counts={counts}
        searchBox={searchBox}
        showHelp={() => setHelp(true)}
      />
      <div class={`body ${isOpen && hasFilters ? "with-filters" : ""}`}>
        {hasFilters && (
          <aside id="filters" aria-label="Filters" hidden={!isOpen} tabindex={-1}>
            <button type="button" class="done primary" onClick={() => setOpen(false)}>
              Show {counts.data ? "photos" : "them"}
            </button>
            <FilterPanel {...common} counts={counts} />
          </aside>
        )}
        <main inert={isCovered}>
          {hasFilters && (
            <FilterChips
              {...common}
              counts={counts}
              isOpen={isOpen}
              toggleFilters={() => setOpen(!isOpen)}
            />
          )}
          {hasFilters &&
            (counts.data ? (
              <Timeline {...common} rows={counts.data.facets.taken ?? []} />
            ) : (
              counts.loading && <div class="timeline" />
            ))}
          <div class="view" id="view" tabindex={-1}>
            {isLocked && counts.error ? (
              <Failed error={counts.error} retry={reload} />
            ) : (
              <View key={`${state.view} ${round}`} {...common} counts={counts} />
            )}
          </div>
        </main>
      </div>
      {state.photo && !isLocked && <PhotoDialog {...common} id={state.photo} />}
      {isHelp && <Help close={() => setHelp(false)} />}
    </>
  );
}

render(<App />, /** @type {HTMLElement} */ (document.getElementById("app")));
