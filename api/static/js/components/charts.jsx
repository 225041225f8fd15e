/**
 * @file Bar charts. They are lists of links, so that keyboards and screen readers can reach every bar.
 */
import { formatNumber, pluralize, formatShare, formatShortNumber } from "../core/format.js";
import { useLayoutEffect, useRef, useState } from "../core/preact.js";
import { useRovingFocus } from "../hooks/use_roving_focus.js";

/**
 * @typedef {{label: string, count: number, href: string}} Bar
 * @typedef {Bar & {shortLabel?: string, groupLabel?: string | null}} ColumnBar `shortLabel` is shown below the column.
 *   At the first column of a group, such as a year, `groupLabel` is shown instead.
 */

/**
 * A column chart.
 * @param {object} props
 * @param {ColumnBar[]} props.rows
 * @param {string} props.label accessible name of the chart
 * @param {number} [props.height] in pixels
 * @param {number} [props.minWidth] minimum width of a column, in pixels
 */
export function ColumnChart({ rows, label, height = 150, minWidth = 9 }) {
  const [highlighted, setHighlighted] = useState(/** @type {number | null} */ (null));
  const list = useRef(/** @type {HTMLUListElement | null} */ (null));
  const scroller = useRef(/** @type {HTMLDivElement | null} */ (null));
  const max = maxCount(rows);
  const peak = Math.max(
    0,
    rows.findIndex(({ count }) => count === max),
  );
  const [isCut, setCut] = useState(false);
  const onScroll = () => setCut((scroller.current?.scrollLeft ?? 0) > 0);
  // If the chart is wider than its frame, show its end first: in a chart by month, the newest photos are there.
  useLayoutEffect(() => {
    if (scroller.current) scroller.current.scrollLeft = scroller.current.scrollWidth;
    onScroll();
  }, [rows.length]);
  const { active, setActive, onKeyDown } = useRovingFocus({
    container: list,
    count: rows.length,
    initial: peak,
    move: (index, key) => {
      if (key === "ArrowLeft") return index - 1;
      if (key === "ArrowRight") return index + 1;
      if (key === "Home") return 0;
      return key === "End" ? rows.length - 1 : null;
    },
  });
  const readout = rows[highlighted ?? peak];
  const axisTop = axisMax(max);
  return (
    <figure class="columns">
      <p class="readout" aria-hidden="true">
        {readout && (
          <>
            {highlighted === null ? "Peak: " : ""}
            <b>{readout.label}</b> ({pluralize(readout.count, "photo")})
          </>
        )}
      </p>
      <div class="columns-frame">
        <div class="columns-axis" aria-hidden="true" style={{ height: `${height}px` }}>
          <span>{formatShortNumber(axisTop)}</span>
          <span>{formatShortNumber(axisTop / 2)}</span>
          <span>0</span>
        </div>
        <div class={`columns-scroll ${isCut ? "cut" : ""}`} ref={scroller} onScroll={onScroll}>
          <ul
            ref={list}
            aria-label={label}
            onKeyDown={onKeyDown}
            onMouseLeave={() => setHighlighted(null)}
            style={{ minWidth: `${rows.length * minWidth}px`, "--height": `${height}px` }}
          >
            {rows.map((row, index) => (
              <li key={row.label} class={row.groupLabel ? "group-start" : ""}>
                <a
                  href={row.href}
                  data-index={index}
                  tabindex={index === active ? 0 : -1}
                  aria-label={`${row.label}: ${pluralize(row.count, "photo")}`}
                  class={row.count ? "" : "none"}
                  onFocus={() => {
                    setActive(index);
                    setHighlighted(index);
                  }}
                  onBlur={() => setHighlighted(null)}
                  onMouseEnter={() => setHighlighted(index)}
                >
                  <span
                    class="column"
                    style={{ height: `${columnHeight(row.count, axisTop, height)}px` }}
                  />
                </a>
                <span class="column-name" aria-hidden="true">
                  {row.groupLabel ?? row.shortLabel ?? ""}
                </span>
              </li>
            ))}
          </ul>
        </div>
      </div>
    </figure>
  );
}

/** @param {readonly {count: number}[]} rows */
const maxCount = (rows) => rows.reduce((max, { count }) => Math.max(max, count), 1);

/** @type {(count: number, axisTop: number, height: number) => number} */
const columnHeight = (count, axisTop, height) =>
  count ? Math.max(2, (count / axisTop) * height) : 0;

/**
 * Return the maximum of an axis for values up to this one: 2, 4, 6, 8, 10, 20, 30, ... Its half, which is labelled too,
 * is a whole number.
 * @param {number} value
 */
export function axisMax(value) {
  if (value <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  const tops = [1, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power);
  return tops.find((top) => top >= value && (top / 2) % 1 === 0) ?? 20 * power;
}

/**
 * A chart of horizontal bars.
 * @param {{rows: Bar[], label: string, total: number, limit?: number}} props rows: the longest bar first;
 *   limit: number of bars shown until the user asks for all of them
 */
export function RankedBarChart({ rows, label, total, limit = 8 }) {
  const [showsAll, setShowsAll] = useState(false);
  const max = maxCount(rows);
  const shown = showsAll ? rows : rows.slice(0, limit);
  return (
    <div class="ranking">
      <ul aria-label={label}>
        {shown.map((row) => (
          <li key={row.label}>
            <a
              href={row.href}
              aria-label={`${row.label}: ${pluralize(row.count, "photo")}`}
              title={row.label}
            >
              <span class="bar-name" dir="auto">
                {row.label}
              </span>
              <span class="bar-track">
                <span class="bar-fill" style={{ width: `${(row.count / max) * 100}%` }} />
              </span>
              <span class="bar-count">{formatNumber(row.count)}</span>
              <span class="bar-share">{formatShare(row.count, total)}</span>
            </a>
          </li>
        ))}
      </ul>
      {rows.length > limit && (
        <button
          type="button"
          class="quiet"
          aria-expanded={showsAll}
          onClick={() => setShowsAll(!showsAll)}
        >
          {showsAll ? "Show fewer" : `Show all ${formatNumber(rows.length)}`}
        </button>
      )}
    </div>
  );
}
