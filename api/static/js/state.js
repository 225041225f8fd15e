// The whole state of the explorer is the address's query string. Filters stand there under the API's own names, so an
// address of the explorer is one of the API's with `view`, `columns`, `photo` and `level` besides.
import { useEffect, useState } from "./html.js";

export const TITLES = { gallery: "Gallery", table: "Table", map: "Map", statistics: "Statistics", batches: "Batches" };
export const VIEWS = Object.keys(TITLES);
export const LISTS = ["camera", "lens", "bucket", "format", "status", "keyword", "rating", "has", "without"];
export const SINGLES = ["q", "iso", "f", "exposure", "focal", "taken", "hour", "near", "bbox", "prefix", "query"];
export const FILTERS = [...SINGLES, ...LISTS];
export const DEFAULT_SORT = "-taken";

// state: {view, filters, sort, columns, photo, extra}
//   filters   {name: [values]} for LISTS, {name: "text"} for SINGLES; a filter that is off is not there
//   columns   [names] or null for the usual ones
//   photo     the id of the open photo, or null
//   extra     {name: "text"}: whatever else stands in the address, for a view's own use (zoom, batch, ...)
export function readState(search) {
  const given = new URLSearchParams(search);
  const state = { view: "gallery", filters: {}, sort: DEFAULT_SORT, columns: null, photo: null, extra: {} };
  for (const [name, value] of given) {
    if (!value) continue;
    if (LISTS.includes(name)) (state.filters[name] ??= []).push(value);
    else if (SINGLES.includes(name)) state.filters[name] = value;
    else if (name === "view") state.view = VIEWS.includes(value) ? value : "gallery";
    else if (name === "sort") state.sort = value;
    else if (name === "columns") state.columns = value.split(",");
    else if (name === "photo") state.photo = value;
    else state.extra[name] = value;
  }
  return state;
}

export function writeState(state) {
  const params = new URLSearchParams();
  if (state.view !== "gallery") params.set("view", state.view);
  for (const [name, value] of filterParams(state.filters)) params.append(name, value);
  if (state.sort !== DEFAULT_SORT) params.set("sort", state.sort);
  if (state.columns) params.set("columns", state.columns.join(","));
  for (const [name, value] of Object.entries(state.extra)) if (value) params.set(name, value);
  if (state.photo) params.set("photo", state.photo);
  const text = params.toString();
  return text ? `/?${text}` : "/";
}

// The filters as pairs for an address of the API, always in one order.
export function filterParams(filters) {
  const pairs = [];
  for (const name of FILTERS) {
    const value = filters[name];
    if (Array.isArray(value)) for (const item of value) pairs.push([name, String(item)]);
    else if (value) pairs.push([name, String(value)]);
  }
  return pairs;
}

// A change is {view, sort, columns, photo: new values, filters: {name: value or null for off}, extra: {...},
// only: true to drop all other filters}; what it does not name stays.
export function changed(state, change) {
  const filters = change.only ? {} : { ...state.filters };
  for (const [name, value] of Object.entries(change.filters ?? {})) {
    if (value === null || value === undefined || value === "" || value.length === 0) delete filters[name];
    else filters[name] = LISTS.includes(name) ? [value].flat().map(String) : String(value);
  }
  const extra = { ...state.extra, ...change.extra };
  return { ...state, ...change, filters, extra, only: undefined };
}

export function href(state, change) {
  return writeState(changed(state, change));
}

const listeners = new Set();

function announce() {
  for (const listener of listeners) listener();
}

// Go to a changed state. replace: true overwrites the history's entry, for what goes on while something is dragged.
export function navigate(change, { replace = false } = {}) {
  const address = writeState(changed(readState(location.search), change));
  if (address === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  announce();
}

// Links to other states of the explorer are followed without loading the page anew; new tabs and windows stay so.
export function follow(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target || link.hasAttribute("download")) return;
  if (link.origin !== location.origin || link.pathname !== "/" || link.hash) return;
  event.preventDefault();
  if (link.search !== location.search) history.pushState(null, "", link.pathname + link.search);
  announce();
}

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
