/**
 * @file Keeps the explorer's state in the query string of its URL.
 *
 * Filters and `sort` have the same names and values as in the API. `view`, `columns`, `photo` and the parameters of
 * single views exist only in the explorer.
 * @import { Change, FilterName, Filters, ListFilterName, Pair, SingleFilterName, State, ViewName } from "./types"
 */
import { useEffect, useState } from "./preact.js";

/** @type {Record<ViewName, string>} */
export const VIEW_TITLES = {
  gallery: "Gallery",
  table: "Table",
  map: "Map",
  statistics: "Statistics",
  cameras: "Cameras",
  duplicates: "Duplicates",
  batches: "Indexing jobs",
};
export const VIEW_NAMES = /** @type {ViewName[]} */ (Object.keys(VIEW_TITLES));
/**
 * Filters that accept several values. A photo matches if it has any one of the selected values. For `has` and
 * `without`, it has to match all the selected values.
 */
export const LIST_FILTERS = /** @type {const} */ ([
  "camera",
  "make",
  "lens",
  "bucket",
  "format",
  "status",
  "keyword",
  "rating",
  "person",
  "country",
  "state",
  "city",
  "place",
  "kind",
  "label",
  "stack",
  "creator",
  "copyright",
  "owner",
  "software",
  "camera_serial",
  "lens_serial",
  "white_balance",
  "flash",
  "color_space",
  "date_suspect",
  "fingerprint",
  "media_type",
  "video_codec",
  "audio_codec",
  "has",
  "without",
]);
/** Filters that accept one value. */
export const SINGLE_FILTERS = /** @type {const} */ ([
  "q",
  "iso",
  "f",
  "exposure",
  "focal",
  "focal35",
  "duration",
  "frame_rate",
  "taken",
  "hour",
  "near",
  "bbox",
  "prefix",
  "primary",
  "query",
]);
/** @type {readonly FilterName[]} */
export const FILTER_NAMES = [...SINGLE_FILTERS, ...LIST_FILTERS];
/** Parameters that only one view uses, and those of an open photo. */
const VIEW_PARAMS = ["at", "area", "drawn", "list", "batch", "cause"];
const PHOTO_PARAMS = ["tab", "full"];
export const DEFAULT_SORT = "-taken";

/**
 * @param {string} name
 * @returns {name is ListFilterName}
 */
const isListFilter = (name) => LIST_FILTERS.includes(/** @type {ListFilterName} */ (name));

/**
 * @param {string} name
 * @returns {name is SingleFilterName}
 */
const isSingleFilter = (name) => SINGLE_FILTERS.includes(/** @type {SingleFilterName} */ (name));

/**
 * Parse a query string.
 * @param {string} search
 * @returns {State}
 */
export function parseState(search) {
  /** @type {State} */
  const state = {
    view: "gallery",
    filters: {},
    sort: DEFAULT_SORT,
    columns: null,
    photo: null,
    viewParams: {},
  };
  for (const [name, value] of new URLSearchParams(search)) {
    if (!value) continue;
    if (isListFilter(name)) (state.filters[name] ??= []).push(value);
    else if (isSingleFilter(name)) state.filters[name] = value;
    else if (name === "view") state.view = VIEW_NAMES.find((view) => view === value) ?? "gallery";
    else if (name === "sort") state.sort = value;
    else if (name === "columns") state.columns = value.split(",");
    else if (name === "photo") state.photo = value;
    else state.viewParams[name] = value;
  }
  return state;
}

/**
 * Return the URL of a state, without the origin. Defaults are left out.
 * @param {State} state
 */
export function urlOf(state) {
  const params = new URLSearchParams();
  if (state.view !== "gallery") params.set("view", state.view);
  for (const [name, value] of filterParams(state.filters)) params.append(name, String(value));
  if (state.sort !== DEFAULT_SORT) params.set("sort", state.sort);
  if (state.columns) params.set("columns", state.columns.join(","));
  for (const [name, value] of Object.entries(state.viewParams)) if (value) params.set(name, value);
  if (state.photo) params.set("photo", state.photo);
  const text = params.toString();
  return text ? `/?${text}` : "/";
}

/**
 * Return the parameters that the explorer does not know, such as filters of another version. They have no effect.
 * @param {State} state
 */
export function unknownParams({ viewParams }) {
  const known = [...VIEW_PARAMS, ...PHOTO_PARAMS];
  return Object.keys(viewParams).filter((name) => viewParams[name] && !known.includes(name));
}

/**
 * Return the address under which a state is saved: without the open photo.
 * @param {State} state
 */
export function savedAddress(state) {
  const viewParams = Object.fromEntries(
    Object.entries(state.viewParams).filter(([name]) => !PHOTO_PARAMS.includes(name)),
  );
  return urlOf({ ...state, photo: null, viewParams });
}

/**
 * Parse a saved address. Return null if it is not one of the explorer.
 * @param {unknown} address
 */
export function stateOfAddress(address) {
  return typeof address === "string" && /^\/(\?[!-~]*)?$/.test(address)
    ? parseState(address.slice(1))
    : null;
}

/**
 * Return the filters as API parameters, always in the same order.
 * @param {Filters} filters
 * @returns {Pair[]}
 */
export function filterParams(filters) {
  /** @type {Pair[]} */
  const pairs = [];
  for (const name of FILTER_NAMES) {
    const value = filters[name];
    if (Array.isArray(value)) for (const item of value) pairs.push([name, String(item)]);
    else if (value) pairs.push([name, String(value)]);
  }
  return pairs;
}

/**
 * Filters that distinguish the files of one stack, such as a RAW file and its JPEG. While one of them is set, every
 * file is shown.
 * @type {readonly FilterName[]}
 */
const FILE_FILTERS = [
  "stack",
  "fingerprint",
  "format",
  "media_type",
  "status",
  "kind",
  "duration",
  "frame_rate",
  "video_codec",
  "audio_codec",
  "query",
];

/**
 * Return whether a view shows each stack as one photo. By default, the gallery and the table do. The filter `primary`
 * overrides the default.
 * @param {Pick<State, "view" | "filters">} state
 */
export function collapsesStacks({ view, filters }) {
  if (filters.primary) return filters.primary === "true";
  return (view === "gallery" || view === "table") && !FILE_FILTERS.some((name) => filters[name]);
}

/**
 * Return the API parameters for the photos that a view shows.
 * @param {Pick<State, "view" | "filters">} state
 * @returns {Pair[]}
 */
export function shownParams(state) {
  const pairs = filterParams(state.filters);
  return collapsesStacks(state) && !state.filters.primary ? [...pairs, ["primary", "true"]] : pairs;
}

/**
 * Return the API parameters for the counts of a facet. The values of a facet in FILE_FILTERS are counted in every file,
 * because selecting one of them shows every file.
 * @param {string} facet
 * @param {State} state
 */
export function facetParams(facet, state) {
  return FILE_FILTERS.some((name) => name === facet)
    ? filterParams(state.filters)
    : shownParams(state);
}

/**
 * Return the state after a change.
 * @param {State} state
 * @param {Change} change
 * @returns {State}
 */
export function applyChange(state, change) {
  const { clearFilters, filters: filterChange = {}, viewParams, ...rest } = change;
  /** @type {Record<string, string | string[]>} */
  const filters = clearFilters ? {} : { ...state.filters };
  for (const [name, value] of Object.entries(filterChange)) {
    const isOff = value === null || value === undefined || value === "";
    if (isOff || (Array.isArray(value) && value.length === 0)) delete filters[name];
    else filters[name] = isListFilter(name) ? [value].flat().map(String) : String(value);
  }
  const allViewParams = /** @type {Record<string, string>} */ ({
    ...state.viewParams,
    ...viewParams,
  });
  // It says how the filter by area was set.
  if (!filters.bbox) delete allViewParams.drawn;
  return { ...state, ...rest, filters, viewParams: allViewParams };
}

/**
 * Return the URL of a changed state, for a link.
 * @param {State} state
 * @param {Change} change
 */
export function href(state, change) {
  return urlOf(applyChange(state, change));
}

/**
 * Return the change of the filters that removes one value of a filter.
 * @param {Filters} filters
 * @param {FilterName} name
 * @param {string} value
 * @returns {Change["filters"]}
 */
export function withoutFilterValue(filters, name, value) {
  const current = filters[name];
  return { [name]: Array.isArray(current) ? current.filter((item) => item !== value) : null };
}

/** @type {Set<() => void>} */
const listeners = new Set();

function notifyListeners() {
  for (const listener of listeners) listener();
}

/**
 * Go to a changed state.
 * @param {Change} change
 * @param {{replace?: boolean}} [options] replace: replace the current history entry instead of adding one, so that the
 *   Back button skips the change
 */
export function navigate(change, { replace = false } = {}) {
  const url = href(parseState(location.search), change);
  if (url === location.pathname + location.search) return;
  if (replace) history.replaceState(history.state, "", url);
  else pushUrl(url);
  notifyListeners();
}

/**
 * Add an entry to the browser's history. Its state has the number of entries since the first one with an open photo.
 * @param {string} url
 */
function pushUrl(url) {
  const hasPhoto = parseState(new URL(url, location.href).search).photo !== null;
  const depth = hasPhoto ? (history.state?.photoDepth ?? 0) + 1 : 0;
  history.pushState(depth ? { photoDepth: depth } : null, "", url);
}

/**
 * Close the open photo. Go back to the entry from which it was opened, so that the Back button does not reopen it.
 */
export function closePhoto() {
  const depth = history.state?.photoDepth;
  if (depth) history.go(-depth);
  else navigate({ photo: null, viewParams: { tab: null, full: null } }, { replace: true });
}

/**
 * When a link to another state is clicked, open it without loading the page. Leave other links, and clicks that open a
 * new tab or window, to the browser.
 * @param {MouseEvent} event
 */
export function followLink(event) {
  const target = /** @type {Element | null} */ (event.target);
  /** @type {HTMLAnchorElement | null | undefined} */
  const link = target?.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute("download")) return;
  if (link.origin !== location.origin || link.pathname !== "/" || link.hash) return;
  event.preventDefault();
  if (link.search !== location.search) pushUrl(link.pathname + link.search);
  notifyListeners();
}

/** Return the query string, and render again when it changes. */
export function useQueryString() {
  const [search, setSearch] = useState(location.search);
  useEffect(() => {
    const listener = () => setSearch(location.search);
    listeners.add(listener);
    addEventListener("popstate", listener);
    return () => {
      listeners.delete(listener);
      removeEventListener("popstate", listener);
    };
  }, []);
  return search;
}
