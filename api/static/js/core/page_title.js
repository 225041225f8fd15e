/**
 * @file The title of the browser's tab: what the page shows.
 * @import { State } from "./types"
 */
import { oneLine } from "./format.js";
import { fileName, filterTitle } from "./labels.js";
import { filterParams, VIEW_TITLES } from "./url_state.js";

const MAX_FILTERS = 3;

/**
 * Return what a state shows, such as "Camera: X-T4, ISO from 800 · Map".
 * @param {State} state
 */
export function viewTitle(state) {
  const filters = state.view === "batches" ? [] : filterParams(state.filters);
  const shown = filters
    .slice(0, MAX_FILTERS)
    .map(([name, value]) => filterTitle(name, String(value)));
  if (filters.length > MAX_FILTERS) shown.push("…");
  return [shown.join(", "), VIEW_TITLES[state.view]].filter(Boolean).join(" · ");
}

/**
 * @param {State} state
 * @param {string | null} [progress] of the running batches, which stays readable in a background tab
 */
export function pageTitle(state, progress) {
  const parts = [viewTitle(state), "EXIFinator"];
  if (progress) parts.unshift(progress);
  if (state.photo) parts.unshift(oneLine(fileName(state.photo), 80));
  return parts.join(" · ");
}
