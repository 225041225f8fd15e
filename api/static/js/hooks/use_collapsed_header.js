/**
 * @file Hides the page's header on a phone while the user scrolls down, as browsers hide their address bar.
 */
import { useEffect, useState } from "../core/preact.js";

// The header changes after the user has scrolled this far in one direction.
const DISTANCE_PIXELS = 48;
// In a short view, hiding the header would scroll the view back to its start.
const MIN_ROOM_PIXELS = 600;

/**
 * Return the direction in which the user has scrolled far enough, and the position to compare the next one with.
 * @param {number} start position at which the movement began
 * @param {number} top current position
 * @returns {{isDown: boolean | null, start: number}}
 */
export function scrollDirection(start, top) {
  if (top <= 0) return { isDown: false, start: 0 };
  if (top - start > DISTANCE_PIXELS) return { isDown: true, start: top };
  if (start - top > DISTANCE_PIXELS) return { isDown: false, start: top };
  return { isDown: null, start };
}

/**
 * Return whether the header is hidden.
 * @param {boolean} isEnabled
 */
export function useCollapsedHeader(isEnabled) {
  const [isCollapsed, setCollapsed] = useState(false);
  useEffect(() => {
    if (!isEnabled) {
      setCollapsed(false);
      return undefined;
    }
    let start = 0;
    /** @type {Element | null} */
    let observed = null;
    // Hiding the header makes the view taller, which may scroll it. The user did not cause such a movement.
    const sizes = new ResizeObserver(() => {
      start = observed?.scrollTop ?? 0;
    });
    /** @param {Event} event */
    const onScroll = (event) => {
      const view = /** @type {Element} */ (event.target);
      if (!(view instanceof Element) || !view.closest("main")) return;
      if (view.scrollHeight - view.clientHeight < MIN_ROOM_PIXELS) return;
      if (view !== observed) {
        sizes.disconnect();
        sizes.observe(view);
        observed = view;
        start = 0;
      }
      const direction = scrollDirection(start, view.scrollTop);
      start = direction.start;
      if (direction.isDown !== null) setCollapsed(direction.isDown);
    };
    // The header must be visible when one of its elements gets the focus, and when another view opens.
    const expand = () => setCollapsed(false);
    /** @param {FocusEvent} event */
    const onFocus = (event) => {
      if (event.target instanceof Element && event.target.closest("header.top")) expand();
    };
    document.addEventListener("scroll", onScroll, { capture: true, passive: true });
    document.addEventListener("focusin", onFocus);
    return () => {
      sizes.disconnect();
      document.removeEventListener("scroll", onScroll, { capture: true });
      document.removeEventListener("focusin", onFocus);
    };
  }, [isEnabled]);
  return isCollapsed;
}
