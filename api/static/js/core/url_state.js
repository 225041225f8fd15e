/**
 * @file The state of the explorer is the query string of its address. Filters have the API's own names there, so that
 * an address of the explorer is one of the API with `view`, `columns`, `photo` and other parameters besides.
 * @import { Change, FilterName, Filters, ListName, Pair, SingleName, State, ViewName } from "./types"
 */
import { useEffect, useState } from "./preact.js";

/** @type {Record<ViewName, string>} */
export const TITLES = {
  gallery: "Gallery",
  table: "Table",
  map: "Map",
  statistics: "Statistics",
  batches: "Batches",
};
export const VIEWS = /** @type {ViewName[]} */ (Object.keys(TITLES));
/** @type {readonly ListName[]} */
export const LISTS = [
  "camera",
  "lens",
  "bucket",
  "format",
  "status",
  "keyword",
  "rating",
  "has",
  "without",
];
/** @type {readonly SingleName[]} */
export const SINGLES = [
  "q",
  "iso",
  "f",
  "exposure",
  "focal",
  "taken",
  "hour",
  "near",
  "bbox",
  "prefix",
  "query",
];
/** @type {readonly FilterName[]} */
export const FILTERS = [...SINGLES, ...LISTS];
export const DEFAULT_SORT = "-taken";

/**
 * @param {string} name
 * @returns {name is ListName}
 */
const isList = (name) => LISTS.includes(/** @type {ListName} */ (name));

/**
 * @param {string} name
 * @returns {name is SingleName}
 */
const isSingle = (name) => SINGLES.includes(/** @type {SingleName} */ (name));

/**
 * Read the state from a query string.
 * @param {string} search
 * @returns {State}
 */
export function readState(search) {
  /** @type {State} */
  const state = {
    view: "gallery",
    filters: {},
    sort: DEFAULT_SORT,
    columns: null,
    photo: null,
    extra: {},
  };
  for (const [name, value] of new URLSearchParams(search)) {
    if (!value) continue;
    if (isList(name)) (state.filters[name] ??= []).push(value);
    else if (isSingle(name)) state.filters[name] = value;
    else if (name === "view") state.view = VIEWS.find((view) => view === value) ?? "gallery";
    else if (name === "sort") state.sort = value;
    else if (name === "columns") state.columns = value.split(",");
    else if (name === "photo") state.photo = value;
    else state.extra[name] = value;
  }
  return state;
}

/**
 * Write the address of a state.
 * @param {State} state
 */
export function writeState(state) {
  const params = new URLSearchParams();
  if (state.view !== "gallery") params.set("view", state.view);
  for (const [name, value] of filterParams(state.filters)) params.append(name, String(value));
  if (state.sort !== DEFAULT_SORT) params.set("sort", state.sort);
  if (state.columns) params.set("columns", state.columns.join(","));
  for (const [name, value] of Object.entries(state.extra)) if (value) params.set(name, value);
  if (state.photo) params.set("photo", state.photo);
  const text = params.toString();
  return text ? `/?${text}` : "/";
}

/**
 * Return the filters as parameters of the API, always in the same order.
 * @param {Filters} filters
 * @returns {Pair[]}
 */
export function filterParams(filters) {
  /** @type {Pair[]} */
  const pairs = [];
  for (const name of FILTERS) {
    const value = filters[name];
    if (Array.isArray(value)) for (const item of value) pairs.push([name, String(item)]);
    else if (value) pairs.push([name, String(value)]);
  }
  return pairs;
}

/**
 * Return the state after a change.
 * @param {State} state
 * @param {Change} change
 * @returns {State}
 */
export function changed(state, change) {
  const { only, filters: filterChange = {}, extra, ...rest } = change;
  /** @type {Record<string, string | string[]>} */
  const filters = only ? {} : { ...state.filters };
  for (const [name, value] of Object.entries(filterChange)) {
    const isOff = value === null || value === undefined || value === "";
    if (isOff || (Array.isArray(value) && value.length === 0)) delete filters[name];
    else filters[name] = isList(name) ? [value].flat().map(String) : String(value);
  }
  const allExtra = /** @type {Record<string, string>} */ ({ ...state.extra, ...extra });
  return { ...state, ...rest, filters, extra: allExtra };
}

/**
 * Write the address of a changed state, for links.
 * @param {State} state
 * @param {Change} change
 */
export function href(state, change) {
  return writeState(changed(state, change));
}

/**
 * Return the change that takes one value off a filter.
 * @param {Filters} filters
 * @param {FilterName} name
 * @param {string} value
 * @returns {Change["filters"]}
 */
export function without(filters, name, value) {
  const current = filters[name];
  return { [name]: Array.isArray(current) ? current.filter((item) => item !== value) : null };
}

/** @type {Set<() => void>} */
const listeners = new Set();

function announce() {
  for (const listener of listeners) listener();
}

/**
 * Go to a changed state.
 * @param {Change} change
 * @param {{replace?: boolean}} [options] replace: overwrite the entry of the history, as while something is dragged
 */
export function navigate(change, { replace = false } = {}) {
  const address = writeState(changed(readState(location.search), change));
  if (address === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  announce();
}

/**
 * Follow links to other states without loading the page. Links for a new tab or window are left to the browser.
 * @param {MouseEvent} event
 */
export function follow(event) {
  const target = /** @type {Element | null} */ (event.target);
  /** @type {HTMLAnchorElement | null | undefined} */
  const link = target?.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute("download")) return;
  if (link.origin !== location.origin || link.pathname !== "/" || link.hash) return;
  event.preventDefault();
  if (link.search !== location.search) history.pushState(null, "", link.pathname + link.search);
  announce();
}

/** Return the query string, and render again when it changes. */
export function useAddress() {
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
