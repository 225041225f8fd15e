/**
 * @file A histogram in which the user selects a range by dragging, clicking, or with keys. The filter panel uses it for
 * ISO, aperture and so on, and the timeline uses it for dates.
 * @import { JSX } from "preact"
 * @import { IndexRange } from "../core/types"
 */
import { formatNumber } from "../core/format.js";
import { useEffect, useRef, useState } from "../core/preact.js";

/** @type {Record<string, number>} */
const STEP_OF_KEY = {
  ArrowRight: 1,
  ArrowUp: 1,
  ArrowLeft: -1,
  ArrowDown: -1,
  PageUp: 5,
  PageDown: -5,
  Home: -1e6,
  End: 1e6,
};
// The range becomes the filter this long after the last key press, so that holding a key sends only one request.
const KEY_DELAY_MS = 350;

/**
 * A histogram whose range is a filter.
 * @param {object} props
 * @param {{label: string, count: number}[]} props.bars
 * @param {IndexRange | null} props.selected indexes of the first and last selected bar; null: no selection
 * @param {(range: IndexRange | null) => void} props.onSelect
 * @param {string} props.name name of the quantity on the axis
 * @param {(first: number, last: number) => string} props.describe returns a description of a range of bars
 * @param {{index: number, label: string}[]} [props.ticks]
 */
export function RangeHistogram({ bars, selected, onSelect, name, describe, ticks = [] }) {
  const plot = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [dragged, setDragged] = useState(/** @type {IndexRange | null} */ (null));
  const drag = useRef(/** @type {{anchor: number, range: IndexRange} | null} */ (null));
  const last = bars.length - 1;
  const [from, to] = dragged ?? selected ?? [0, last];
  const isUnfiltered = !dragged && !selected;
  const max = Math.max(1, ...bars.map(({ count }) => count));

  /** @param {PointerEvent} event */
  const barAt = (event) => {
    const box = plot.current?.getBoundingClientRect();
    if (!box) return 0;
    const index = Math.floor(((event.clientX - box.left) / box.width) * bars.length);
    return Math.min(last, Math.max(0, index));
  };
  /** @type {(a: number, b: number) => IndexRange} */
  const ordered = (a, b) => [Math.min(a, b), Math.max(a, b)];
  /** @param {PointerEvent} event */
  const onPointerDown = (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    plot.current?.setPointerCapture(event.pointerId);
    const index = barAt(event);
    const { handle } = /** @type {HTMLElement} */ (event.target).dataset;
    // Dragging a handle moves its end of the range. The other end stays in place: it is the anchor.
    const anchor = handle === "low" ? to : handle === "high" ? from : index;
    drag.current = { anchor, range: ordered(anchor, index) };
    setDragged(drag.current.range);
  };
  /** @param {PointerEvent} event */
  const onPointerMove = (event) => {
    if (!drag.current) return;
    drag.current.range = ordered(drag.current.anchor, barAt(event));
    setDragged(drag.current.range);
  };
  /** @param {IndexRange | null | undefined} range */
  const finish = (range) => {
    drag.current = null;
    setDragged(null);
    if (range) select(range);
  };
  /** @param {IndexRange} range */
  const select = ([first, end]) => {
    const isAll = first === 0 && end === last;
    // A click on the only selected bar clears the selection.
    const isRepeated = first === end && selected?.[0] === first && selected[1] === end;
    onSelect(isAll || isRepeated ? null : [first, end]);
  };
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  useEffect(() => () => clearTimeout(timer.current), []);
  /** @type {(event: KeyboardEvent, end: "low" | "high") => void} */
  const onKeyDown = (event, end) => {
    const step = STEP_OF_KEY[event.key];
    if (event.key === "Escape" && dragged) {
      clearTimeout(timer.current);
      finish(null);
      event.stopPropagation();
      return;
    }
    if (!step) return;
    event.preventDefault();
    /** @type {IndexRange} */
    const range =
      end === "low"
        ? [Math.min(to, Math.max(0, from + step)), to]
        : [from, Math.max(from, Math.min(last, to + step))];
    setDragged(range);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => finish(range), KEY_DELAY_MS);
  };
  /** @type {(end: "low" | "high", index: number, label: string) => JSX.Element} */
  const renderHandle = (end, index, label) => (
    <span
      class={`handle ${end}`}
      role="slider"
      tabindex={0}
      data-handle={end}
      aria-label={`${name}: ${label}`}
      aria-valuemin={0}
      aria-valuemax={last}
      aria-valuenow={index}
      aria-valuetext={bars[index].label}
      style={{ left: `${((end === "low" ? index : index + 1) / bars.length) * 100}%` }}
      onKeyDown={(event) => onKeyDown(event, end)}
    />
  );

  // The label is above the range, and moves back by as much of its width, so that it stays inside the histogram.
  const middle = ((from + to + 1) / 2 / bars.length) * 100;
  const total = bars.slice(from, to + 1).reduce((sum, { count }) => sum + count, 0);
  return (
    <div class={`bars ${isUnfiltered ? "unfiltered" : ""} ${dragged ? "dragged" : ""}`}>
      <div
        class="plot"
        ref={plot}
        role="group"
        aria-label={name}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={() => finish(drag.current?.range)}
        onPointerCancel={() => finish(null)}
      >
        {bars.map(({ label, count }, index) => (
          <span
            key={index}
            class={`bar ${index >= from && index <= to ? "in" : "out"}`}
            title={`${label}: ${formatNumber(count)}`}
          >
            <span style={{ height: count ? `max(2px, ${(count / max) * 100}%)` : "0" }} />
          </span>
        ))}
        {renderHandle("low", from, "from")}
        {renderHandle("high", to, "to")}
      </div>
      {ticks.length > 0 && (
        <div class="ticks" aria-hidden="true">
          {ticks.map(({ index, label }) => (
            <span key={index} style={{ left: `${(index / bars.length) * 100}%` }}>
              {label}
            </span>
          ))}
        </div>
      )}
      <output
        class="range"
        aria-live="polite"
        style={{ left: `${middle}%`, transform: `translateX(-${middle}%)` }}
      >
        {dragged ? `${describe(from, to)} · ${formatNumber(total)}` : ""}
      </output>
    </div>
  );
}
