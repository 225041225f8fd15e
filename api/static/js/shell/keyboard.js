/**
 * @file Keyboard shortcuts that work everywhere except in text boxes and dialogs.
 * @import { RefObject } from "preact"
 * @import { Navigate } from "../core/types"
 */
import { VIEW_NAMES } from "../core/url_state.js";

const TEXT_BOXES =
  "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";

/**
 * Handle a key press. The digits open the views, in the order of the links in the header.
 * @param {KeyboardEvent} event
 * @param {object} actions
 * @param {RefObject<HTMLInputElement | null>} actions.searchBox
 * @param {() => void} actions.showHelp
 * @param {() => void} actions.toggleFilters
 * @param {Navigate} actions.navigate
 */
export function onKey(event, { searchBox, showHelp, toggleFilters, navigate }) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  if (target.matches?.(TEXT_BOXES)) {
    if (event.key === "Escape") target.blur();
    return;
  }
  // A dialog handles its own keys.
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "/") searchBox.current?.focus();
  else if (event.key === "?") showHelp();
  else if (event.key === "f") toggleFilters();
  else {
    const view = VIEW_NAMES[Number(event.key) - 1];
    if (!view) return;
    navigate({ view, photo: null });
  }
  event.preventDefault();
}
