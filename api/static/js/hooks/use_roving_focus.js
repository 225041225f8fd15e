/**
 * @file Roving tabindex: Tab reaches one item of a list, keys move between them.
 * Pattern: https://www.w3.org/WAI/ARIA/apg/practices/keyboard-interface/#kbd_roving_tabindex
 *
 * Items carry `data-at` with their index. In a virtual list the item that gets the focus may not be rendered yet: it
 * is focused as soon as it is.
 */
import { useLayoutEffect, useRef, useState } from "../core/preact.js";

/**
 * @param {object} options
 * @param {{readonly current: HTMLElement | null}} options.container
 * @param {number} options.count of items
 * @param {(at: number, key: string) => number | null | undefined} options.move the index to which a key moves, before
 *   it is limited to the list; null: not a key of this list
 * @param {(at: number) => void} [options.reveal] scrolls an item into sight
 * @param {number} [options.initial] the item that Tab reaches first
 */
export function useRovingFocus({ container, count, move, reveal, initial = 0 }) {
  const [chosen, setActive] = useState(/** @type {number | null} */ (null));
  const active = Math.max(0, Math.min(chosen ?? initial, count - 1));
  const pending = useRef(/** @type {number | null} */ (null));

  const focusPending = () => {
    if (pending.current === null) return;
    /** @type {HTMLElement | null | undefined} */
    const item = container.current?.querySelector(`[data-at="${pending.current}"]`);
    if (!item) return;
    pending.current = null;
    item.focus({ preventScroll: Boolean(reveal) });
  };
  useLayoutEffect(focusPending);

  /**
   * Make an item the one that Tab reaches, and scroll to it.
   * @param {number} at
   * @param {{focus?: boolean}} [options]
   */
  const activate = (at, { focus = false } = {}) => {
    setActive(at);
    reveal?.(at);
    if (!focus) return;
    pending.current = at;
    // If it is active already, nothing renders again.
    if (at === active) focusPending();
  };

  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = /** @type {Element} */ (event.target);
    /** @type {HTMLElement | null} */
    const item = target.closest("[data-at]");
    const to = move(item ? Number(item.dataset.at) : active, event.key);
    if (to === null || to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    activate(Math.min(count - 1, Math.max(0, to)), { focus: true });
  };
  return { active, setActive, activate, onKeyDown };
}
