/**
 * @file A layer above the map on which the user draws a rectangle: by mouse, with a finger, or by keys.
 * @import { Rectangle } from "./rectangle.js"
 */
import { useLayoutEffect, useRef, useState } from "../core/preact.js";
import { isDrawn, middleOf, moveRectangle, rectangleBetween } from "./rectangle.js";

/**
 * @param {object} props
 * @param {(rectangle: Rectangle) => void} props.finish called with the drawn rectangle
 * @param {() => void} props.cancel
 */
export function DrawArea({ finish, cancel }) {
  const layer = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [rectangle, setRectangle] = useState(/** @type {Rectangle | null} */ (null));
  const start = useRef(/** @type {{x: number, y: number} | null} */ (null));
  const sizeOf = () => ({
    width: layer.current?.clientWidth ?? 0,
    height: layer.current?.clientHeight ?? 0,
  });
  // Before the next key is pressed.
  useLayoutEffect(() => {
    setRectangle(middleOf(sizeOf()));
    layer.current?.focus();
  }, []);
  const reset = () => {
    start.current = null;
    setRectangle(middleOf(sizeOf()));
  };
  /** @param {PointerEvent} event */
  const pointOf = (event) => {
    const box = layer.current?.getBoundingClientRect();
    return { x: event.clientX - (box?.left ?? 0), y: event.clientY - (box?.top ?? 0) };
  };
  /** @param {PointerEvent} event */
  const onPointerDown = (event) => {
    // A second finger would draw another rectangle.
    if (event.button !== 0 || !event.isPrimary) return;
    layer.current?.setPointerCapture(event.pointerId);
    start.current = pointOf(event);
  };
  /** @param {PointerEvent} event */
  const onPointerMove = (event) => {
    if (start.current && event.isPrimary)
      setRectangle(rectangleBetween(start.current, pointOf(event), sizeOf()));
  };
  /** @param {PointerEvent} event */
  const onPointerUp = (event) => {
    if (!start.current || !event.isPrimary) return;
    const drawn = rectangleBetween(start.current, pointOf(event), sizeOf());
    reset();
    if (isDrawn(drawn)) finish(drawn);
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || !rectangle || start.current) return;
    const moved = moveRectangle(rectangle, event.key, event.shiftKey, sizeOf());
    if (moved) setRectangle(moved);
    else if (event.key === "Enter") {
      // The Enter key that opened this layer may still be held.
      if (!event.repeat) finish(rectangle);
    } else if (event.key === "Escape") cancel();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      <div
        class="map-drawing"
        ref={layer}
        role="application"
        aria-label="Area to filter by"
        aria-describedby="drawing-help"
        tabindex={0}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={reset}
        onKeyDown={onKeyDown}
      >
        {rectangle && (
          <div
            class="map-rectangle"
            style={{
              left: `${rectangle.left}px`,
              top: `${rectangle.top}px`,
              width: `${rectangle.right - rectangle.left}px`,
              height: `${rectangle.bottom - rectangle.top}px`,
            }}
          />
        )}
      </div>
      <div
        class="map-note drawing"
        onKeyDown={(event) => {
          if (event.key === "Escape") cancel();
        }}
      >
        <p id="drawing-help">
          Drag to draw an area.{" "}
          <span class="keys">
            Or use the arrow keys to move the frame, and Shift to resize it; Enter applies it.
          </span>
        </p>
        <button
          type="button"
          class="primary"
          disabled={!rectangle}
          onClick={() => rectangle && finish(rectangle)}
        >
          Apply
        </button>
        <button type="button" onClick={cancel}>
          Cancel
        </button>
      </div>
    </>
  );
}
