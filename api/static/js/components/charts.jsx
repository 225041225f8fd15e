/**
 * @file Bar charts. They are lists of links, so that keyboards and screen readers reach every bar.
 */
import { number, plural, share, shortNumber } from "../core/format.js";
import { useLayoutEffect, useRef, useState } from "../core/preact.js";
import { useRovingFocus } from "../hooks/use_roving_focus.js";

/**
 * @typedef {{label: string, count: number, href: string}} Bar
 * @typedef {Bar & {short?: string, mark?: string | null}} Column `short` is written below the column; `mark` begins a
 *   group of columns (a year) and is written instead
 */

/**
 * Columns from left to right.
 * @param {{rows: Column[], label: string, height?: number, minWidth?: number}} props in pixels; minWidth: of a column
 */
export function Columns({ rows, label, height = 150, minWidth = 9 }) {
  const [pointedAt, setPointedAt] = useState(/** @type {number | null} */ (null));
  const list = useRef(/** @type {HTMLUListElement | null} */ (null));
  const scroller = useRef(/** @type {HTMLDivElement | null} */ (null));
  const max = rows.reduce((high, { count }) => Math.max(high, count), 1);
  const peak = Math.max(
    0,
    rows.findIndex(({ count }) => count === max),
  );
  // Long periods start at their newest end.
  useLayoutEffect(() => {
    if (scroller.current) scroller.current.scrollLeft = scroller.current.scrollWidth;
  }, [rows.length]);
  const { active, setActive, onKeyDown } = useRovingFocus({
    container: list,
    count: rows.length,
    initial: peak,
    move: (at, key) => {
      if (key === "ArrowLeft") return at - 1;
      if (key === "ArrowRight") return at + 1;
      if (key === "Home") return 0;
      return key === "End" ? rows.length - 1 : null;
    },
  });
  const described = rows[pointedAt ?? peak];
  const top = niceTop(max);
  return (
    <figure class="columns">
      <p class="readout" aria-hidden="true">
        {described && (
          <>
            {pointedAt === null ? "Most: " : ""}
            <b>{described.label}</b>, {plural(described.count, "photo")}
          </>
        )}
      </p>
      <div class="columns-frame">
        <div class="columns-axis" aria-hidden="true" style={{ height: `${height}px` }}>
          <span>{shortNumber(top)}</span>
          <span>{shortNumber(top / 2)}</span>
          <span>0</span>
        </div>
        <div class="columns-scroll" ref={scroller}>
          <ul
            ref={list}
            aria-label={label}
            onKeyDown={onKeyDown}
            onMouseLeave={() => setPointedAt(null)}
            style={{ minWidth: `${rows.length * minWidth}px`, "--height": `${height}px` }}
          >
            {rows.map((row, index) => (
              <li key={row.label} class={row.mark ? "marked" : ""}>
                <a
                  href={row.href}
                  data-at={index}
                  tabindex={index === active ? 0 : -1}
                  aria-label={`${row.label}: ${plural(row.count, "photo")}`}
                  class={row.count ? "" : "none"}
                  onFocus={() => {
                    setActive(index);
                    setPointedAt(index);
                  }}
                  onBlur={() => setPointedAt(null)}
                  onMouseEnter={() => setPointedAt(index)}
                >
                  <span
                    class="column"
                    style={{ height: `${columnHeight(row.count, top, height)}px` }}
                  />
                </a>
                <span class="column-name" aria-hidden="true">
                  {row.mark ?? row.short ?? ""}
                </span>
              </li>
            ))}
          </ul>
        </div>
      </div>
    </figure>
  );
}

/** @type {(count: number, top: number, height: number) => number} */
const columnHeight = (count, top, height) => (count ? Math.max(2, (count / top) * height) : 0);

/**
 * Return the next of 2, 4, 6, 8, 10, 20, 30, 40, ... from `value` up: half of it is a round number too.
 * @param {number} value
 */
export function niceTop(value) {
  if (value <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  const tops = [1, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power);
  return tops.find((top) => top >= value && (top / 2) % 1 === 0) ?? 20 * power;
}

/**
 * Horizontal bars, the longest first.
 * @param {{rows: Bar[], label: string, total: number, limit?: number}} props limit: how many are shown at first
 */
export function RankedBars({ rows, label, total, limit = 8 }) {
  const [isWhole, setWhole] = useState(false);
  const max = rows.reduce((high, { count }) => Math.max(high, count), 1);
  const shown = isWhole ? rows : rows.slice(0, limit);
  return (
    <div class="ranking">
      <ul aria-label={label}>
        {shown.map((row) => (
          <li key={row.label}>
            <a
              href={row.href}
              aria-label={`${row.label}: ${plural(row.count, "photo")}`}
              title={row.label}
            >
              <span class="bar-name">{row.label}</span>
              <span class="bar-track">
                <span class="bar-fill" style={{ width: `${(row.count / max) * 100}%` }} />
              </span>
              <span class="bar-count">{number(row.count)}</span>
              <span class="bar-share">{share(row.count, total)}</span>
            </a>
          </li>
        ))}
      </ul>
      {rows.length > limit && (
        <button
          type="button"
          class="quiet"
          aria-expanded={isWhole}
          onClick={() => setWhole(!isWhole)}
        >
          {isWhole ? "Show fewer" : `Show all ${number(rows.length)}`}
        </button>
      )}
    </div>
  );
}
