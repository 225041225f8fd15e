/**
 * @file Hides the page's header on a phone while the user scrolls down, as browsers hide their address bar.
 *
 * The header changes only after scrolling has ended, and never between a press and its click. The view is scrolled by
 * the change in its height, so that what it shows stays where it is on the screen.
 */
import { useEffect, useLayoutEffect, useRef, useState } from "../core/preact.js";

// The header changes after the user has scrolled this far in one direction.
const DISTANCE_PIXELS = 48;
// The header is hidden only if the view can be scrolled this far. A shorter view would be scrolled back to its top.
const MIN_SCROLL_PIXELS = 600;
// The parts of the page that are hidden.
const PARTS = ".top, .body .timeline";
// Scrolling has ended if no event follows for this long. A click follows the end of its press within this time.
const PAUSE_MS = 150;
const HAS_SCROLL_END = "onscrollend" in globalThis;

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

const hiddenHeight = () =>
  [...document.querySelectorAll(PARTS)].reduce(
    (sum, part) => sum + /** @type {HTMLElement} */ (part).offsetHeight,
    0,
  );

/**
 * Return whether the header is hidden.
 * @param {boolean} isEnabled
 * @param {string} content stands for what the view shows; when it changes, the header is shown
 */
export function useCollapsedHeader(isEnabled, content) {
  const [isCollapsed, setCollapsed] = useState(false);
  // The view that the user scrolls, the position at which the movement began, and the view's place on the screen before
  // the header changes.
  const scrolled = useRef({
    view: /** @type {Element | null} */ (null),
    start: 0,
    place: /** @type {number | null} */ (null),
  }).current;

  useLayoutEffect(() => {
    const { view, place } = scrolled;
    scrolled.place = null;
    if (!view || place === null) return;
    view.scrollTop += view.getBoundingClientRect().top - place;
    scrolled.start = view.scrollTop;
  }, [isCollapsed, scrolled]);

  useEffect(() => setCollapsed(false), [content]);

  useEffect(() => {
    if (!isEnabled) {
      setCollapsed(false);
      return undefined;
    }
    /** @type {boolean | null} */
    let isDown = null;
    let isPressed = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    // The height of the view also changes when the browser hides its address bar, which may scroll the view. The user
    // did not cause such a movement.
    const sizes = new ResizeObserver(() => {
      scrolled.start = scrolled.view?.scrollTop ?? 0;
    });
    const changeHeader = () => {
      const { view } = scrolled;
      if (isPressed || isDown === null || !view) return;
      const hides = isDown;
      isDown = null;
      const top = view.scrollTop;
      if (hides && top < hiddenHeight() + DISTANCE_PIXELS) return;
      // A view at its top cannot be scrolled up to make its content stay in place.
      scrolled.place = top > 0 ? view.getBoundingClientRect().top : null;
      setCollapsed(hides);
    };
    const changeAfterPause = () => {
      clearTimeout(timer);
      timer = setTimeout(changeHeader, PAUSE_MS);
    };
    /** @param {Event} event */
    const onScroll = (event) => {
      const view = /** @type {Element} */ (event.target);
      if (!(view instanceof Element) || !view.closest("main")) return;
      if (view.scrollHeight - view.clientHeight < MIN_SCROLL_PIXELS) return;
      if (view !== scrolled.view) {
        sizes.disconnect();
        sizes.observe(view);
        scrolled.view = view;
        scrolled.start = 0;
      }
      const direction = scrollDirection(scrolled.start, view.scrollTop);
      scrolled.start = direction.start;
      isDown = direction.isDown ?? isDown;
      if (!HAS_SCROLL_END) changeAfterPause();
    };
    const onPress = () => {
      isPressed = true;
    };
    const onRelease = () => {
      isPressed = false;
      changeAfterPause();
    };
    // The touch scrolls, so no click follows.
    const onCancel = () => {
      isPressed = false;
    };
    // The header must be visible when one of its elements gets the focus.
    /** @param {FocusEvent} event */
    const onFocus = (event) => {
      if (event.target instanceof Element && event.target.closest("header.top"))
        setCollapsed(false);
    };
    /** @type {[type: string, listener: (event: any) => void][]} */
    const listeners = [
      ["scroll", onScroll],
      ["scrollend", changeHeader],
      ["pointerdown", onPress],
      ["pointerup", onRelease],
      ["pointercancel", onCancel],
      ["focusin", onFocus],
    ];
    const options = { capture: true, passive: true };
    for (const [type, listener] of listeners) document.addEventListener(type, listener, options);
    return () => {
      clearTimeout(timer);
      sizes.disconnect();
      for (const [type, listener] of listeners)
        document.removeEventListener(type, listener, options);
    };
  }, [isEnabled, scrolled]);
  return isCollapsed;
}
