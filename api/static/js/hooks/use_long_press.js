/**
 * @file Calls a function when a finger rests on an element. The menu and the click that would follow are suppressed.
 */
import { useEffect, useRef } from "../core/preact.js";

// Browsers open the menu of a link after 500 ms.
const DELAY_MS = 400;
// A finger that moves this far scrolls or drags.
const SLACK_PIXELS = 10;

/**
 * Return event listeners for an element.
 * @param {(target: Element) => boolean} onLongPress is called with the pressed element; returns whether the press is
 *   handled
 */
export function useLongPress(onLongPress) {
  const latest = useRef(onLongPress);
  latest.current = onLongPress;
  const press = useRef({ x: 0, y: 0, isTouch: false, isHandled: false }).current;
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  const stop = () => clearTimeout(timer.current);
  useEffect(() => () => clearTimeout(timer.current), []);
  return {
    /** @param {PointerEvent} event */
    onPointerDown(event) {
      stop();
      const { clientX: x, clientY: y, pointerType, isPrimary } = event;
      const target = /** @type {Element} */ (event.target);
      Object.assign(press, { x, y, isTouch: pointerType === "touch", isHandled: false });
      if (!press.isTouch || !isPrimary) return;
      timer.current = setTimeout(() => {
        press.isHandled = latest.current(target);
      }, DELAY_MS);
    },
    /** @param {PointerEvent} event */
    onPointerMove(event) {
      if (Math.hypot(event.clientX - press.x, event.clientY - press.y) > SLACK_PIXELS) stop();
    },
    onPointerUp: stop,
    onPointerCancel: stop,
    /** @param {Event} event */
    onContextMenu(event) {
      if (press.isTouch) event.preventDefault();
    },
    /** @param {Event} event */
    onClickCapture(event) {
      if (!press.isHandled) return;
      press.isHandled = false;
      event.preventDefault();
      event.stopPropagation();
    },
  };
}
