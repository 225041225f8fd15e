/**
 * @file Bars with a range over them that is dragged, clicked or moved by keys: the histograms and the timeline.
 * @import { JSX } from "preact"
 * @import { IndexRange } from "../core/types"
 */
import { number } from "../core/format.js";
import { useEffect, useRef, useState } from "../core/preact.js";

/** @type {Record<string, number>} */
const STEPS = {
  ArrowRight: 1,
  ArrowUp: 1,
  ArrowLeft: -1,
  ArrowDown: -1,
  PageUp: 5,
  PageDown: -5,
  Home: -1e6,
  End: 1e6,
};
const KEY_PAUSE_MS = 350;

/**
 * A histogram whose range is a filter.
 * @param {object} props
 * @param {{label: string, count: number}[]} props.bars
 * @param {IndexRange | null} props.selected first and last selected bar; null: all
 * @param {(range: IndexRange | null) => void} props.onSelect
 * @param {string} props.name of what is counted
 * @param {(first: number, last: number) => string} props.describe a range in words
 * @param {{at: number, label: string}[]} [props.ticks]
 */
export function RangeHistogram({ bars, selected, onSelect, name, describe, ticks = [] }) {
  const plot = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [dragged, setDragged] = useState(/** @type {IndexRange | null} */ (null));
  const drag = useRef(/** @type {{anchor: number, range: IndexRange} | null} */ (null));
  const last = bars.length - 1;
  const [from, to] = dragged ?? selected ?? [0, last];
  const isWhole = !dragged && !selected;
  const max = Math.max(1, ...bars.map(({ count }) => count));

  /** @param {PointerEvent} event */
  const barAt = (event) => {
    const box = plot.current?.getBoundingClientRect();
    if (!box) return 0;
    const at = Math.floor(((event.clientX - box.left) / box.width) * bars.length);
    return Math.min(last, Math.max(0, at));
  };
  /** @type {(one: number, other: number) => IndexRange} */
  const ordered = (one, other) => [Math.min(one, other), Math.max(one, other)];
  /** @param {PointerEvent} event */
  const onPointerDown = (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    plot.current?.setPointerCapture(event.pointerId);
    const at = barAt(event);
    const { handle } = /** @type {HTMLElement} */ (event.target).dataset;
    // A handle moves one end; the other stays.
    const anchor = handle === "low" ? to : handle === "high" ? from : at;
    drag.current = { anchor, range: ordered(anchor, at) };
    setDragged(drag.current.range);
  };
  /** @param {PointerEvent} event */
  const onPointerMove = (event) => {
    if (!drag.current) return;
    const { anchor } = drag.current;
    const at = barAt(event);
    drag.current.range = ordered(anchor, at);
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
    const isSame = selected && selected[0] === first && selected[1] === end;
    const isAll = first === 0 && end === last;
    // A click on the selected bar clears the selection.
    onSelect(isAll || (isSame && first === end) ? null : [first, end]);
  };
  // A filter set by keys follows when no key was pressed for a moment.
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  useEffect(() => () => clearTimeout(timer.current), []);
  /** @type {(event: KeyboardEvent, end: "low" | "high") => void} */
  const onKeyDown = (event, end) => {
    const step = STEPS[event.key];
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
    timer.current = setTimeout(() => finish(range), KEY_PAUSE_MS);
  };
  /** @type {(end: "low" | "high", at: number, label: string) => JSX.Element} */
  const handle = (end, at, label) => (
    <span
      class={`handle ${end}`}
      role="slider"
      tabindex={0}
      data-handle={end}
      aria-label={`${name}: ${label}`}
      aria-valuemin={0}
      aria-valuemax={last}
      aria-valuenow={at}
      aria-valuetext={bars[at].label}
      style={{ left: `${((end === "low" ? at : at + 1) / bars.length) * 100}%` }}
      onKeyDown={(event) => onKeyDown(event, end)}
    />
  );

  const total = bars.slice(from, to + 1).reduce((sum, { count }) => sum + count, 0);
  return (
    <div class={`bars ${isWhole ? "whole" : ""} ${dragged ? "dragged" : ""}`}>
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
        {bars.map(({ label, count }, at) => (
          <span
            key={at}
            class={`bar ${at >= from && at <= to ? "in" : "out"}`}
            title={`${label}: ${number(count)}`}
          >
            <span style={{ height: count ? `max(2px, ${(count / max) * 100}%)` : "0" }} />
          </span>
        ))}
        {handle("low", from, "from")}
        {handle("high", to, "to")}
      </div>
      {ticks.length > 0 && (
        <div class="ticks" aria-hidden="true">
          {ticks.map(({ at, label }) => (
            <span key={at} style={{ left: `${(at / bars.length) * 100}%` }}>
              {label}
            </span>
          ))}
        </div>
      )}
      <output class="range" aria-live="polite">
        {dragged ? `${describe(from, to)} · ${number(total)}` : ""}
      </output>
    </div>
  );
}
