/**
 * @file Roving tabindex: Tab reaches one item of a list, and other keys move between the items.
 * See https://www.w3.org/WAI/ARIA/apg/practices/keyboard-interface/#kbd_roving_tabindex
 *
 * Each item has its index in `data-index`. In a virtual list, the item to focus may not be rendered yet. It then
 * receives the focus once it is rendered. If the user has scrolled away from the item that Tab reaches, Tab reaches the
 * first visible one instead.
 */
import { useLayoutEffect, useRef, useState } from "../core/preact.js";

/**
 * Return the index of the item that Tab reaches.
 * @param {number} index of the item that had the focus last
 * @param {number} count number of items
 * @param {false | [first: number, end: number]} [visible] the visible items, of which Tab reaches one
 */
export function reachableItem(index, count, visible) {
  const isAway = visible && visible[0] < visible[1] && (index < visible[0] || index >= visible[1]);
  return Math.max(0, Math.min(isAway ? visible[0] : index, count - 1));
}

/**
 * Return the item that Tab reaches, functions that change it, and the key handler for the container.
 * @param {object} options
 * @param {{readonly current: HTMLElement | null}} options.container
 * @param {number} options.count number of items
 * @param {(index: number, key: string) => number | null | undefined} options.move returns the index to which a key
 *   moves from an index, or null for other keys; indexes outside the list are clamped
 * @param {(index: number) => void} [options.reveal] scrolls an item into view
 * @param {number} [options.initial] index of the item that Tab reaches first
 * @param {[first: number, end: number]} [options.visible] the visible items of a virtual list; `end` is excluded
 */
export function useRovingFocus({ container, count, move, reveal, initial = 0, visible }) {
  const [lastActive, setActive] = useState(/** @type {number | null} */ (null));
  const pendingIndex = useRef(/** @type {number | null} */ (null));
  // The view is about to scroll to the item that is to be focused.
  const isScrolling = pendingIndex.current !== null;
  const active = reachableItem(lastActive ?? initial, count, !isScrolling && visible);

  const focusPending = () => {
    if (pendingIndex.current === null) return;
    /** @type {HTMLElement | null | undefined} */
    const item = container.current?.querySelector(`[data-index="${pendingIndex.current}"]`);
    if (!item) return;
    pendingIndex.current = null;
    item.focus({ preventScroll: Boolean(reveal) });
  };
  useLayoutEffect(focusPending);

  /**
   * Make an item the one that Tab reaches, and scroll to it.
   * @param {number} index
   * @param {{focus?: boolean}} [options]
   */
  const activate = (index, { focus = false } = {}) => {
    setActive(index);
    reveal?.(index);
    if (!focus) return;
    pendingIndex.current = index;
    // If the item is already active, no render follows, so focus the item here.
    if (index === active) focusPending();
  };

  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    /** @type {HTMLElement | null} */
    const item = /** @type {Element} */ (event.target).closest("[data-index]");
    const target = move(item ? Number(item.dataset.index) : active, event.key);
    if (target === null || target === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    activate(Math.min(count - 1, Math.max(0, target)), { focus: true });
  };
  return { active, setActive, activate, onKeyDown };
}
