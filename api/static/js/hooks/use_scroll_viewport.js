/**
 * @file Tracks the size and scroll position of a scrolling element, at most once per frame.
 * @import { RefObject } from "preact"
 */
import { useLayoutEffect, useRef, useState } from "../core/preact.js";
import { saveScrollPosition, getScrollPosition } from "../core/scroll_positions.js";

/** Scroll positions are rounded to multiples of this many pixels, so that the list renders less often. */
export const SCROLL_STEP = 40;

/**
 * @param {string} view name under which the scroll position is saved
 * @param {unknown} content when it changes, the saved scroll position is restored
 * @returns {{ref: RefObject<HTMLDivElement | null>, width: number, height: number, scrollTop: number,
 *   scrollTo: (top: number) => void, scrollBy: (pixels: number) => void}} `ref` is for the scrolling element; the
 *   numbers are in pixels; `scrollTo` and `scrollBy` take effect before the next paint
 */
export function useScrollViewport(view, content) {
  const ref = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [box, setBox] = useState({ width: 0, height: 0, scrollTop: 0 });
  const measureNow = useRef(() => {});
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    let frame = 0;
    const measure = () => {
      frame = 0;
      const { clientWidth: width, clientHeight: height } = element;
      const scrollTop = Math.round(element.scrollTop / SCROLL_STEP) * SCROLL_STEP;
      setBox((last) => {
        const isSame =
          last.scrollTop === scrollTop && last.width === width && last.height === height;
        return isSame ? last : { width, height, scrollTop };
      });
    };
    measureNow.current = measure;
    const measureInFrame = () => {
      frame ||= requestAnimationFrame(measure);
    };
    const onScroll = () => {
      saveScrollPosition(view, element.scrollTop);
      measureInFrame();
    };
    element.addEventListener("scroll", onScroll, { passive: true });
    const sizes = new ResizeObserver(measureInFrame);
    sizes.observe(element);
    measure();
    return () => {
      element.removeEventListener("scroll", onScroll);
      sizes.disconnect();
      cancelAnimationFrame(frame);
    };
  }, [view, content]);
  // The list has its full height only after it has been measured. Restore the position then.
  const isMeasured = box.width > 0;
  useLayoutEffect(() => {
    if (ref.current) ref.current.scrollTop = getScrollPosition(view);
  }, [view, content, isMeasured]);
  /** @param {number} top */
  const scrollTo = (top) => {
    if (!ref.current) return;
    ref.current.scrollTop = top;
    saveScrollPosition(view, ref.current.scrollTop);
    measureNow.current();
  };
  /** @param {number} pixels */
  const scrollBy = (pixels) => scrollTo((ref.current?.scrollTop ?? 0) + pixels);
  return { ref, scrollTo, scrollBy, ...box };
}

/**
 * Scroll an element by as little as possible, so that a row is entirely visible.
 * @param {HTMLElement} element
 * @param {number} top position at which the row is at the top of the visible part, in pixels
 * @param {number} height of the row plus everything that covers or surrounds the rows, in pixels
 */
export function scrollIntoView(element, top, height) {
  const lowest = top + height - element.clientHeight;
  if (element.scrollTop > top) element.scrollTop = top;
  else if (element.scrollTop < lowest) element.scrollTop = lowest;
}
