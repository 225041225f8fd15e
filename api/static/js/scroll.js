// The part of a long list that is in sight, followed at most once a frame.
import { useLayoutEffect, useRef, useState } from "./html.js";
import { keepPlace, placeOf } from "./pages.js";

// Places are told in steps of so many pixels: in between nothing new comes in sight.
export const STEP = 40;

// Returns {ref, width, height, top}: of the scrolling element, in pixels. `view` names the place that is kept.
export function useScroll(view, pages) {
  const ref = useRef(null);
  const [box, setBox] = useState({ width: 0, height: 0, top: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    let frame = 0;
    const measure = () => {
      frame = 0;
      const top = Math.round(element.scrollTop / STEP) * STEP;
      setBox((was) =>
        was.top === top && was.width === element.clientWidth && was.height === element.clientHeight
          ? was
          : { width: element.clientWidth, height: element.clientHeight, top },
      );
    };
    const later = () => {
      frame ||= requestAnimationFrame(measure);
    };
    const scrolled = () => {
      keepPlace(view, element.scrollTop);
      later();
    };
    element.addEventListener("scroll", scrolled, { passive: true });
    const sizes = new ResizeObserver(later);
    sizes.observe(element);
    measure();
    return () => {
      element.removeEventListener("scroll", scrolled);
      sizes.disconnect();
      cancelAnimationFrame(frame);
    };
  }, [pages]);
  // Once the list is as long as it was, back to where it was.
  useLayoutEffect(() => {
    ref.current.scrollTop = placeOf(view);
  }, [pages, box.width > 0]);
  return { ref, ...box };
}
