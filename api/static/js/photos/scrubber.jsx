/**
 * @file The scrubber: a slider along the edge of the gallery that reaches every month of a list sorted by date. The
 * space of a month on the slider is proportional to its number of photos.
 * @import { Segment } from "./date_segments.js"
 */
import { pluralize } from "../core/format.js";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "../core/preact.js";
import { moveInSegments, segmentAt, yearTicks } from "./date_segments.js";

// While the pointer moves or a key is held, the list follows at most this often.
const JUMP_INTERVAL_MS = 200;
const YEAR_LABEL_PIXELS = 18;
// The label beside the pointer stays within the scrubber.
const LABEL_MARGIN_PIXELS = 16;

/**
 * @param {object} props
 * @param {Segment[]} props.segments at least one
 * @param {number} props.current index of the segment that is visible
 * @param {number} props.place share of the photos before the visible ones
 * @param {(index: number) => Promise<void>} props.jump shows the beginning of a segment
 * @param {(pixels: number) => void} props.scrollBy scrolls the list
 */
export function Scrubber({ segments, current, place, jump, scrollBy }) {
  const track = useRef(/** @type {HTMLDivElement | null} */ (null));
  const height = useHeight(track);
  // The place to which the pointer or a key has moved, until the list has followed.
  const [target, setTarget] = useState(/** @type {{index: number, share: number} | null} */ (null));
  const [hovered, setHovered] = useState(/** @type {number | null} */ (null));
  const isDragging = useRef(false);
  const jumps = useRef(0);
  const { request, flush, isPending } = useThrottled(async (index) => {
    const number = ++jumps.current;
    await jump(index);
    // The list has followed, unless there is a later request.
    if (number === jumps.current && !isDragging.current && !isPending()) setTarget(null);
  });
  const ticks = useMemo(() => yearTicks(segments, height, YEAR_LABEL_PIXELS), [segments, height]);
  const last = segments.length - 1;
  const index = Math.min(last, target?.index ?? current);

  /** @param {PointerEvent} event */
  const shareAt = (event) => {
    const box = track.current?.getBoundingClientRect();
    if (!box) return 0;
    return Math.min(1, Math.max(0, (event.clientY - box.top) / box.height));
  };
  /** @param {number} share */
  const moveTo = (share) => {
    const next = segmentAt(segments, share);
    setTarget({ index: next, share });
    if (next !== target?.index) request(next);
  };
  /** @param {PointerEvent} event */
  const onPointerDown = (event) => {
    if (event.button !== 0) return;
    track.current?.setPointerCapture(event.pointerId);
    isDragging.current = true;
    moveTo(shareAt(event));
  };
  /** @param {PointerEvent} event */
  const onPointerMove = (event) => {
    if (isDragging.current) moveTo(shareAt(event));
    else if (event.pointerType === "mouse") setHovered(shareAt(event));
  };
  const finish = () => {
    if (!isDragging.current) return;
    isDragging.current = false;
    setHovered(null);
    if (isPending()) flush();
    else if (target?.index === current) setTarget(null);
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const next = moveInSegments(segments, index, event.key);
    if (next === null) return;
    event.preventDefault();
    event.stopPropagation();
    if (next === index) return;
    setTarget({ index: next, share: segments[next].top });
    request(next);
  };
  const share = target?.share ?? place;
  const labelShare = target?.share ?? hovered;
  const labelIndex = target ? index : segmentAt(segments, hovered ?? 0);
  return (
    <div
      class={`scrubber ${target ? "moving" : ""}`}
      ref={track}
      role="slider"
      tabindex={0}
      aria-label="Jump to date"
      aria-orientation="vertical"
      aria-valuemin={0}
      aria-valuemax={last}
      aria-valuenow={index}
      aria-valuetext={`${segments[index].label}, ${pluralize(segments[index].count, "photo")}`}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={finish}
      onPointerCancel={finish}
      onPointerLeave={() => setHovered(null)}
      onKeyDown={onKeyDown}
      onWheel={(event) => scrollBy(event.deltaY)}
    >
      {ticks.map(({ top, label }) => (
        <span
          key={top}
          class={label ? "year" : "tick"}
          aria-hidden="true"
          style={{ top: `${top * 100}%` }}
        >
          {label}
        </span>
      ))}
      <span class="mark" aria-hidden="true" style={{ top: `${share * 100}%` }} />
      {labelShare !== null && (
        <span class="place" aria-hidden="true" style={{ top: `${labelTop(labelShare, height)}px` }}>
          {segments[labelIndex].label}
        </span>
      )}
    </div>
  );
}

/** @type {(share: number, height: number) => number} */
const labelTop = (share, height) =>
  Math.min(height - LABEL_MARGIN_PIXELS, Math.max(LABEL_MARGIN_PIXELS, share * height));

/** @param {{readonly current: HTMLElement | null}} ref */
function useHeight(ref) {
  const [height, setHeight] = useState(0);
  useLayoutEffect(() => {
    if (!ref.current) return undefined;
    const sizes = new ResizeObserver(([entry]) => setHeight(Math.round(entry.contentRect.height)));
    sizes.observe(ref.current);
    return () => sizes.disconnect();
  }, [ref]);
  return height;
}

/**
 * Return functions that limit how often `action` is called. `request` calls it after the previous call has ended and
 * JUMP_INTERVAL_MS have passed; of several requests until then, only the latest is served. `flush` serves it
 * immediately.
 * @param {(index: number) => Promise<void>} action
 */
function useThrottled(action) {
  const latestAction = useRef(action);
  latestAction.current = action;
  const wait = useRef(
    /** @type {{next: number | null, isServing: boolean}} */ ({ next: null, isServing: false }),
  ).current;
  useEffect(
    () => () => {
      wait.next = null;
    },
    [wait],
  );
  const flush = () => {
    const { next } = wait;
    wait.next = null;
    return next === null ? undefined : latestAction.current(next);
  };
  /** @param {number} index */
  const request = async (index) => {
    wait.next = index;
    if (wait.isServing) return;
    wait.isServing = true;
    while (wait.next !== null) {
      const pause = new Promise((resolve) => setTimeout(resolve, JUMP_INTERVAL_MS));
      await Promise.all([flush(), pause]);
    }
    wait.isServing = false;
  };
  return { request, flush, isPending: () => wait.next !== null };
}
