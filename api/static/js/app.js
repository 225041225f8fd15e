// The explorer's page: a header (search, views), the filters at the side, chips above the view.
//
// THE CONTRACT OF A VIEW. js/views/<name>.js exports `default function View({ state, navigate, api })`:
//   state      {view, filters, sort, columns, photo, extra}, see state.js. It is the address; nothing else is state
//              that a reload may lose. A view's own parameters live in state.extra.
//   navigate   navigate({filters: {iso: "100-400", camera: null}, extra: {zoom: "5"}, photo: id}, {replace: true})
//              null takes a filter off. replace while something is dragged, else each step is one of "back".
//   api        api.get(path, params, {signal}), api.post, api.delete, api.open (a Response: streams); errors are Problem.
// Use `filterParams(state.filters)` for the API's parameters, `href(state, change)` for links (plain <a href>: app.js
// follows them without a reload), `useLoad(ask, key)` for requests, <Loading>, <Failed>, <NothingFound> of screens.js.
// Nothing from the API becomes HTML: only `html` of html.js makes elements, and no dangerouslySetInnerHTML, no
// innerHTML, no element built from text. Styles are set as objects (style=${{ width: "3px" }}), never as text.
import { html, render, useCallback, useEffect, useMemo, useRef, useState } from "./html.js";
import { api } from "./api.js";
import { Chips } from "./chips.js";
import { useFacets } from "./facets.js";
import { Filters } from "./filters.js";
import { Header } from "./header.js";
import { Help } from "./help.js";
import { onKey } from "./keys.js";
import { Photo } from "./photo.js";
import { Failed } from "./screens.js";
import { follow, navigate, readState, TITLES, useAddress } from "./state.js";
import { Timeline } from "./timeline.js";
import { forgetPages } from "./pages.js";
import Batches from "./views/batches.js";
import Gallery from "./views/gallery.js";
import MapView from "./views/map.js";
import Statistics from "./views/statistics.js";
import Table from "./views/table.js";

const VIEWS = { gallery: Gallery, table: Table, map: MapView, statistics: Statistics, batches: Batches };

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
  const searchBox = useRef(null);
  const isOfPhotos = state.view !== "batches";
  const found = useFacets(state, api, isOfPhotos);
  // Without the token nothing can be shown: one screen says so, not each part of the page.
  const isLocked = found.error?.status === 401 || found.error?.status === 429;
  const hasFilters = isOfPhotos && !isLocked;

  useEffect(() => {
    document.title = `${state.view === "gallery" ? "" : `${TITLES[state.view]} · `}EXIFinator`;
  }, [state.view]);
  useEffect(() => {
    const listener = (event) => onKey(event, { searchBox, setHelp, setOpen, navigate });
    document.addEventListener("keydown", listener);
    document.addEventListener("click", follow);
    return () => {
      document.removeEventListener("keydown", listener);
      document.removeEventListener("click", follow);
    };
  }, []);

  const again = useCallback(() => {
    forgetPages();
    setRound((at) => at + 1);
    found.reload();
  }, [found.reload]);
  const common = { state, navigate, api };
  const View = VIEWS[state.view];
  // On a phone the filters lie over everything else, which then must not be reached.
  const isCovered = isNarrow && isOpen && hasFilters;
  return html`
    <a class="skip" href="#view">Skip to the photos</a>
    <${Header} ...${common} isCovered=${isCovered} found=${found} searchBox=${searchBox} showHelp=${() => setHelp(true)} />
    <div class="body ${isOpen && hasFilters ? "with-filters" : ""}">
      ${hasFilters &&
      html`<aside id="filters" aria-label="Filters" hidden=${!isOpen} tabindex="-1">
        <button type="button" class="done primary" onClick=${() => setOpen(false)}>Show ${found.data ? "photos" : "them"}</button>
        <${Filters} ...${common} found=${found} />
      </aside>`}
      <main inert=${isCovered}>
        ${hasFilters && html`<${Chips} ...${common} found=${found} isOpen=${isOpen} toggleFilters=${() => setOpen(!isOpen)} />`}
        ${hasFilters && (found.data ? html`<${Timeline} ...${common} rows=${found.data.facets.taken ?? []} />` : found.loading && html`<div class="timeline"></div>`)}
        <div class="view" id="view" tabindex="-1">
          ${isLocked
            ? html`<${Failed} error=${found.error} retry=${again} />`
            : html`<${View} key=${`${state.view} ${round}`} ...${common} counts=${found} />`}
        </div>
      </main>
    </div>
    ${state.photo && !isLocked && html`<${Photo} ...${common} id=${state.photo} />`}
    ${isHelp && html`<${Help} close=${() => setHelp(false)} />`}
  `;
}

render(html`<${App} />`, document.getElementById("app"));
