// Keys that work wherever one is, but in a text box.
import { VIEWS } from "./state.js";

const TYPED = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";

export function onKey(event, { searchBox, setHelp, setOpen, navigate }) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  if (event.target.matches?.(TYPED)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  // A dialog has its own keys.
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "/") searchBox.current?.focus();
  else if (event.key === "?") setHelp(true);
  else if (event.key === "f") setOpen((was) => !was);
  else if (/^[1-5]$/.test(event.key)) navigate({ view: VIEWS[Number(event.key) - 1], photo: null });
  else return;
  event.preventDefault();
}
