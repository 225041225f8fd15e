/**
 * @file The explorer's page: the header, the filter panel, and a view.
 *
 * A view is `views/<name>.jsx`, with a default export `View({ state, navigate, api, counts })`:
 *
 *   state     The state mirrors the URL, so that a reload loses nothing. `state.viewParams` has the URL parameters
 *             that only one view uses. See core/types.d.ts.
 *
 *   navigate  navigate({filters: {iso: "100-400", camera: null}, viewParams: {at: "48,2,5"}}, {replace: true}):
 *             null clears a filter. Without `replace`, each call adds an entry to the browser's history.
 *
 *   api       api.get(path, params, {signal}), api.post, api.delete and api.getResponse. They throw a Problem.
 *
 *   counts    The filter panel's counts, as a RequestState (hooks/use_request.js).
 *
 * Use `shownParams(state)` for API parameters, `href(state, change)` for links (`followLink` opens them
 * without loading the page), `useRequest(load, key)` for requests, and components/status_screens.jsx while loading,
 * after errors and for empty results.
 *
 * Text from the API never becomes HTML, because elements are created only by JSX, never with innerHTML. Styles are
 * objects (style={{ width: "3px" }}), because the Content-Security-Policy rejects style attributes that are text.
 * @import { JSX } from "preact"
 * @import { State, ViewName } from "./core/types"
 */
import { dialogFrame, lazy } from "./components/lazy.jsx";
import { Failed } from "./components/status_screens.jsx";
import { api } from "./core/api.js";
import { defer } from "./core/deferred.js";
import { needsToken } from "./core/error_messages.js";
import { setFolders } from "./core/folders.js";
import { pluralize } from "./core/format.js";
import { pageTitle, viewTitle } from "./core/page_title.js";
import { render, useCallback, useEffect, useMemo, useRef, useState } from "./core/preact.js";
import { readPreference, savePreference } from "./core/preferences.js";
import { yieldToIdle } from "./core/scheduling.js";
import { settings } from "./core/settings.js";
import {
  closePhoto,
  filterParams,
  followLink,
  navigate,
  parseState,
  useQueryString,
} from "./core/url_state.js";
import { FilterPanel } from "./filters/panel.jsx";
import { Timeline } from "./filters/timeline.jsx";
import { useFacets } from "./filters/use_facets.js";
import { useCollapsedHeader } from "./hooks/use_collapsed_header.js";
import { useLibraryChanges } from "./hooks/use_library_changes.js";
import { useRequest } from "./hooks/use_request.js";
import { NewPhotos } from "./photos/new_photos.jsx";
import { currentPages, dropPages } from "./photos/photo_pages.js";
import { FilterChips } from "./shell/filter_chips.jsx";
import { Header } from "./shell/header.jsx";
import { onKey } from "./shell/keyboard.js";
import { UnknownParams } from "./shell/unknown_params.jsx";
import { useDefaultView } from "./shell/use_default_view.js";
import Gallery from "./views/gallery.jsx";

const onDemand = defer(() => import("./views/on_demand.js"));
const batches = defer(() => import("./views/batches.jsx"));

/** @type {Record<ViewName, (props: any) => JSX.Element>} */
const VIEW_COMPONENTS = {
  gallery: Gallery,
  table: lazy(onDemand, ({ Table }) => Table, "table"),
  map: lazy(onDemand, ({ MapView }) => MapView, "map"),
  statistics: lazy(onDemand, ({ Statistics }) => Statistics, "statistics"),
  cameras: lazy(onDemand, ({ Cameras }) => Cameras, "cameras"),
  duplicates: lazy(onDemand, ({ Duplicates }) => Duplicates, "duplicates"),
  batches: lazy(batches, ({ default: Batches }) => Batches, "indexing jobs"),
};
const PhotoDialog = lazy(
  onDemand,
  (module) => module.PhotoDialog,
  "photo",
  dialogFrame("Photo", () => closePhoto),
);
const Help = lazy(
  onDemand,
  (module) => module.Help,
  "help",
  dialogFrame("Help", ({ close }) => close),
);
const ColumnMenu = lazy(
  onDemand,
  (module) => module.ColumnMenu,
  "columns",
  () => null,
);

// The same width as in layout.css.
const NARROW_SCREEN = matchMedia("(max-width: 800px)");

function useNarrowScreen() {
  const [isNarrow, setNarrow] = useState(NARROW_SCREEN.matches);
  useEffect(() => {
    const listener = () => setNarrow(NARROW_SCREEN.matches);
    NARROW_SCREEN.addEventListener("change", listener);
    return () => NARROW_SCREEN.removeEventListener("change", listener);
  }, []);
  return isNarrow;
}

/**
 * Return whether the filter panel is open, and a function that changes this. On a wide screen, it stays as it was when
 * the explorer was last open. On a narrow one, where it covers the photos, it is closed at first.
 * @returns {[boolean, (change: (isOpen: boolean) => boolean) => void]}
 */
function useFilterPanel() {
  const [isOpen, setOpen] = useState(
    () => !NARROW_SCREEN.matches && readPreference("filters") !== "closed",
  );
  const change = useCallback((/** @type {(isOpen: boolean) => boolean} */ next) => {
    setOpen((last) => {
      const result = next(last);
      if (!NARROW_SCREEN.matches) savePreference("filters", result ? "open" : "closed");
      return result;
    });
  }, []);
  return [isOpen, change];
}

/**
 * Fetch the names of the indexed folders, and render again when they have arrived.
 * @param {boolean} isEnabled
 */
function useFolders(isEnabled) {
  const { data } = useRequest(
    async (signal) => (isEnabled ? api.get("/library", null, { signal }) : null),
    String(isEnabled),
  );
  setFolders(data?.folders ?? {});
}

/**
 * Load what the gallery does not need once the page has nothing more urgent to do, so that a photo opens without delay.
 * @param {boolean} isEnabled
 */
function usePreload(isEnabled) {
  useEffect(() => {
    // If this fails, the part that is opened shows the error.
    if (isEnabled)
      yieldToIdle()
        .then(onDemand.load)
        .catch(() => {});
  }, [isEnabled]);
}

/**
 * Return a text that stands for the view, its filters and its sort order. When it changes, the view starts at its top.
 * @param {State} state
 */
const contentOf = ({ view, filters, sort }) => JSON.stringify([view, filterParams(filters), sort]);

function App() {
  const search = useQueryString();
  const state = useMemo(() => parseState(search), [search]);
  const [isHelpOpen, setHelpOpen] = useState(false);
  const [reloadCount, setReloadCount] = useState(0);
  const [isPanelOpen, setPanelOpen] = useFilterPanel();
  const [progress, setProgress] = useState(/** @type {string | null} */ (null));
  const isNarrow = useNarrowScreen();
  const isCollapsed = useCollapsedHeader(isNarrow, contentOf(state));
  const searchBox = useRef(/** @type {HTMLInputElement | null} */ (null));
  const showsPhotos = state.view !== "batches";
  const [isUnlocked, setUnlocked] = useState(false);
  useFolders(isUnlocked || !showsPhotos);
  const mayRead = !settings.needs_token || isUnlocked;
  // Request the library's version together with the first photos, so that every later change is noticed.
  const changes = useLibraryChanges(api, showsPhotos && mayRead, state.view);
  const counts = useFacets(state, api, showsPhotos, changes);
  // If the API requires a token or has received too many wrong ones, ask for it once. Otherwise each part of the page
  // would ask for it.
  const isLocked = needsToken(counts.error);
  const hasCounts = counts.data !== null;
  useDefaultView(api, navigate, mayRead);
  usePreload(hasCounts);
  useEffect(() => setUnlocked(hasCounts && !isLocked), [hasCounts, isLocked]);
  // While the user watched a job, the photos of the other views were not kept up to date.
  const lastView = useRef(state.view);
  if (lastView.current === "batches" && showsPhotos) dropPages();
  lastView.current = state.view;
  const hasFilters = filterParams(state.filters).length > 0;
  // While counts are outdated or partial, photos may exist. The panel would lose its state if it disappeared meanwhile.
  const isEmptyLibrary =
    counts.data?.total === 0 && !counts.data.stale && !counts.data.partial && !hasFilters;
  const showsFilters = showsPhotos && !isLocked && !isEmptyLibrary;

  useEffect(() => {
    document.title = pageTitle(state, progress);
  }, [state, progress]);
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const listener = (event) =>
      onKey(event, {
        searchBox,
        showHelp: () => setHelpOpen(true),
        toggleFilters: () => setPanelOpen((isOpen) => !isOpen),
        navigate,
      });
    document.addEventListener("keydown", listener);
    document.addEventListener("click", followLink);
    return () => {
      document.removeEventListener("keydown", listener);
      document.removeEventListener("click", followLink);
    };
  }, [setPanelOpen]);

  const { reload: reloadCounts } = counts;
  const reload = useCallback(() => {
    dropPages();
    setReloadCount((last) => last + 1);
    reloadCounts();
  }, [reloadCounts]);
  const showNew = useCallback(() => {
    dropPages();
    setReloadCount((last) => last + 1);
  }, []);
  // If a view shows no photos, reload it after any change, without waiting for the counts: the change may have brought
  // the first photos.
  useEffect(() => {
    const pages = currentPages();
    if (changes && pages?.isComplete && pages.count === 0) showNew();
  }, [changes, showNew]);
  const commonProps = { state, navigate, api };
  const View = VIEW_COMPONENTS[state.view];
  // On a narrow screen, the open filter panel covers the rest of the page. The rest becomes inert, so that Tab stays in
  // the panel.
  const isCovered = isNarrow && isPanelOpen && showsFilters;
  return (
    <>
      <a class="skip" href="#view">
        Skip to {showsPhotos ? "photos" : "jobs"}
      </a>
      <Header
        {...commonProps}
        isCovered={isCovered}
        isCollapsed={isCollapsed}
        counts={counts}
        searchBox={searchBox}
        showHelp={() => setHelpOpen(true)}
      />
      <div
        class={`body ${isCollapsed ? "collapsed" : ""} ${isPanelOpen && showsFilters ? "with-filters" : ""}`}
      >
        {showsFilters && (
          <aside id="filters" aria-label="Filters" hidden={!isPanelOpen} tabindex={-1}>
            <button type="button" class="done primary" onClick={() => setPanelOpen(() => false)}>
              {counts.data ? `Show ${pluralize(counts.data.total, "photo")}` : "Show photos"}
            </button>
            {hasFilters && (
              <button
                type="button"
                class="clear-all"
                onClick={() => navigate({ clearFilters: true })}
              >
                Clear all
              </button>
            )}
            <FilterPanel {...commonProps} counts={counts} changes={changes} />
          </aside>
        )}
        <main inert={isCovered}>
          <h1 class="visually-hidden">{viewTitle(state)}</h1>
          <UnknownParams state={state} navigate={navigate} />
          {showsFilters && (
            <FilterChips
              {...commonProps}
              counts={counts}
              isPanelOpen={isPanelOpen}
              toggleFilters={() => setPanelOpen((isOpen) => !isOpen)}
              columnMenu={state.view === "table" && <ColumnMenu {...commonProps} />}
            />
          )}
          {showsFilters &&
            (counts.data ? (
              <Timeline {...commonProps} rows={counts.data.facets.taken ?? []} changes={changes} />
            ) : (
              counts.loading && <div class="timeline" />
            ))}
          {showsFilters && (state.view === "gallery" || state.view === "table") && (
            <NewPhotos counts={counts} show={showNew} />
          )}
          <div class="view" id="view" tabindex={-1}>
            {isLocked && counts.error ? (
              <Failed error={counts.error} retry={reload} />
            ) : (
              <View
                key={`${state.view} ${reloadCount}`}
                {...commonProps}
                counts={counts}
                changes={changes}
                setProgress={setProgress}
              />
            )}
          </div>
        </main>
      </div>
      {state.photo && !isLocked && <PhotoDialog {...commonProps} id={state.photo} />}
      {isHelpOpen && <Help close={() => setHelpOpen(false)} />}
    </>
  );
}

render(<App />, /** @type {HTMLElement} */ (document.getElementById("app")));
