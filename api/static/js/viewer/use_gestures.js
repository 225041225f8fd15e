/**
 * @file Gestures of the viewer: pan, pinch, wheel, double tap and swipe, from pointer events.
 *
 * No library is used, because zoom libraries capture the pointer events that swiping needs too.
 * @import { Point, Size, Zoom } from "./zoom.js"
 */
import { useEffect, useLayoutEffect, useRef, useState } from "../core/preact.js";
import {
  clamp,
  FIT,
  fitSize,
  fullScale,
  maxScale,
  pinchOf,
  swipeOf,
  wheelFactor,
  zoomAt,
} from "./zoom.js";

// Two taps within this time and distance are a double tap.
const DOUBLE_TAP_MS = 300;
const DOUBLE_TAP_PIXELS = 30;
// A pointer that moves less than this has been tapped.
const TAP_PIXELS = 8;

/**
 * Handle the gestures on a stage with one picture.
 * @param {object} options
 * @param {string} options.key identifies the picture; the zoom is reset for each
 * @param {Size | null} options.picture size of the picture in pixels; null if only swiping is possible
 * @param {(swipe: "previous" | "next" | "close") => void} options.onSwipe
 */
export function useGestures({ key, picture, onSwipe }) {
  const stageRef = useRef(/** @type {HTMLDivElement | null} */ (null));
  const stage = useStageSize(stageRef);
  const [view, setView] = useState({ key, zoom: /** @type {Zoom} */ (FIT), drag: { x: 0, y: 0 } });
  const { zoom, drag } = view.key === key ? view : { zoom: FIT, drag: { x: 0, y: 0 } };
  const fit = picture ? fitSize(picture, stage, devicePixelRatio) : { width: 0, height: 0 };
  const full = picture ? fullScale(picture, fit, devicePixelRatio) : 1;
  const limits = { fit, stage, max: maxScale(full) };
  const canZoom = fit.width > 0;

  /** @param {Zoom} next */
  const setZoom = (next) => setView({ key, zoom: next, drag: { x: 0, y: 0 } });
  /** @type {(factor: number, point?: Point) => void} */
  const zoomBy = (factor, point = { x: 0, y: 0 }) => {
    if (canZoom) setZoom(zoomAt(zoom, factor, point, limits));
  };
  /**
   * Switch between the whole picture and full resolution. A picture that fits at full resolution is doubled in size.
   * @param {Point} [point]
   */
  const toggle = (point) => {
    if (zoom.scale > 1) setZoom(FIT);
    else zoomBy(full > 1.1 ? full : 2, point);
  };
  const showFull = () => zoomBy(full / zoom.scale);

  const pointers = useRef(/** @type {Map<number, Point>} */ (new Map()));
  const start = useRef({ x: 0, y: 0, time: 0, isSwipe: false });
  const lastPointerType = useRef("mouse");
  const lastTap = useRef({ x: 0, y: 0, time: 0 });

  /**
   * Return the position of an event from the centre of the stage.
   * @param {MouseEvent} event
   * @returns {Point}
   */
  const pointOf = (event) => {
    const box = stageRef.current?.getBoundingClientRect();
    if (!box) return { x: 0, y: 0 };
    return {
      x: event.clientX - box.left - box.width / 2,
      y: event.clientY - box.top - box.height / 2,
    };
  };
  /** @param {PointerEvent} event */
  const onPointerDown = (event) => {
    const target = /** @type {Element} */ (event.target);
    if (event.button !== 0 || target.closest("video, a, button")) return;
    lastPointerType.current = event.pointerType;
    stageRef.current?.setPointerCapture(event.pointerId);
    const point = pointOf(event);
    pointers.current.set(event.pointerId, point);
    const isFirst = pointers.current.size === 1;
    start.current = { ...point, time: event.timeStamp, isSwipe: isFirst && zoom.scale === 1 };
    if (!isFirst) setView({ key, zoom, drag: { x: 0, y: 0 } });
  };
  /** @param {PointerEvent} event */
  const onPointerMove = (event) => {
    const previous = pointers.current.get(event.pointerId);
    if (!previous) return;
    const point = pointOf(event);
    if (pointers.current.size === 2) {
      const [a, b] = pointers.current.values();
      const before = pinchOf(a, b);
      pointers.current.set(event.pointerId, point);
      const [c, d] = pointers.current.values();
      const after = pinchOf(c, d);
      const moved = {
        ...zoom,
        x: zoom.x + after.middle.x - before.middle.x,
        y: zoom.y + after.middle.y - before.middle.y,
      };
      if (canZoom && before.distance > 0)
        setZoom(zoomAt(moved, after.distance / before.distance, after.middle, limits));
      return;
    }
    pointers.current.set(event.pointerId, point);
    if (start.current.isSwipe) {
      const dx = point.x - start.current.x;
      const dy = point.y - start.current.y;
      setView({
        key,
        zoom,
        drag: Math.abs(dx) > Math.abs(dy) ? { x: dx, y: 0 } : { x: 0, y: Math.max(0, dy) },
      });
    } else if (zoom.scale > 1) {
      const panned = {
        ...zoom,
        x: zoom.x + point.x - previous.x,
        y: zoom.y + point.y - previous.y,
      };
      setZoom(clamp(panned, fit, stage));
    }
  };
  /** @param {PointerEvent} event */
  const onPointerUp = (event) => {
    const point = pointers.current.get(event.pointerId);
    if (!point) return;
    pointers.current.delete(event.pointerId);
    if (pointers.current.size) {
      start.current.isSwipe = false;
      return;
    }
    const dx = point.x - start.current.x;
    const dy = point.y - start.current.y;
    const swipe =
      start.current.isSwipe && event.type === "pointerup"
        ? swipeOf(dx, dy, event.timeStamp - start.current.time)
        : null;
    if (drag.x || drag.y) setView({ key, zoom, drag: { x: 0, y: 0 } });
    if (swipe) onSwipe(swipe);
    else if (Math.hypot(dx, dy) < TAP_PIXELS && event.pointerType !== "mouse") onTap(event, point);
  };
  /** @type {(event: PointerEvent, point: Point) => void} */
  const onTap = (event, point) => {
    const { x, y, time } = lastTap.current;
    const isDouble =
      event.timeStamp - time < DOUBLE_TAP_MS &&
      Math.hypot(point.x - x, point.y - y) < DOUBLE_TAP_PIXELS;
    lastTap.current = isDouble ? { x: 0, y: 0, time: 0 } : { ...point, time: event.timeStamp };
    if (isDouble) toggle(point);
  };
  /** @param {MouseEvent} event */
  const onDblClick = (event) => {
    const target = /** @type {Element} */ (event.target);
    // Browsers send this event for a double tap too, which onTap handles.
    if (lastPointerType.current === "mouse" && !target.closest("video, a, button"))
      toggle(pointOf(event));
  };
  const latestWheel = useRef(/** @type {(event: WheelEvent) => void} */ (() => {}));
  latestWheel.current = (event) => {
    event.preventDefault();
    zoomBy(wheelFactor(event), pointOf(event));
  };
  useEffect(() => {
    // Preact cannot register non-passive listeners, and passive ones cannot stop the browser from zooming the page.
    const element = stageRef.current;
    const listener = (/** @type {WheelEvent} */ event) => latestWheel.current(event);
    element?.addEventListener("wheel", listener, { passive: false });
    return () => element?.removeEventListener("wheel", listener);
  }, []);
  return {
    stageRef,
    fit,
    zoom,
    drag,
    canZoom,
    isAtLimit: zoom.scale >= limits.max,
    percent: Math.round((zoom.scale / full) * 100),
    zoomBy,
    toggle,
    showFull,
    reset: () => setZoom(FIT),
    /** @type {(dx: number, dy: number) => void} */
    panBy: (dx, dy) => setZoom(clamp({ ...zoom, x: zoom.x + dx, y: zoom.y + dy }, fit, stage)),
    handlers: {
      onPointerDown,
      onPointerMove,
      onPointerUp,
      onPointerCancel: onPointerUp,
      onDblClick,
    },
  };
}

/**
 * Return the size of an element, and render again when it changes.
 * @param {{current: HTMLElement | null}} ref
 * @returns {Size}
 */
function useStageSize(ref) {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return size;
}
