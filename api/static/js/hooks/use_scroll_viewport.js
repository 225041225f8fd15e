/**
 * @file Measures the visible part of a scrolling element, at most once per frame.
 * @import { RefObject } from "preact"
 */
import { useLayoutEffect, useRef, useState } from "../core/preact.js";
import { saveScrollPosition, getScrollPosition } from "../core/scroll_positions.js";

/** Scroll positions are rounded to a multiple of this, in pixels, so that the list renders less often. */
export const SCROLL_STEP = 40;

/**
 * @param {string} view name under which the scroll position is saved
 * @param {unknown} content restores the saved scroll position when it changes
 * @returns {{ref: RefObject<HTMLDivElement | null>, width: number, height: number, top: number}} in pixels
 */
export function useScrollViewport(view, content) {
  const ref = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [box, setBox] = useState({ width: 0, height: 0, top: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    let frame = 0;
    const measure = () => {
      frame = 0;
      const { clientWidth: width, clientHeight: height } = element;
      const top = Math.round(element.scrollTop / SCROLL_STEP) * SCROLL_STEP;
      setBox((last) => {
        const isSame = last.top === top && last.width === width && last.height === height;
        return isSame ? last : { width, height, top };
      });
    };
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
  // The position can be restored only once the list has its full height.
  const isMeasured = box.width > 0;
  useLayoutEffect(() => {
    if (ref.current) ref.current.scrollTop = getScrollPosition(view);
  }, [view, content, isMeasured]);
  return { ref, ...box };
}
