/**
 * @file ISO, aperture, exposure time and focal length: counts by stop, and a range over them.
 * @import { IndexRange, RangeRow } from "../core/types"
 * @import { Span } from "../core/labels.js"
 */
import { RangeHistogram } from "../components/range_histogram.jsx";
import { decimal, exposureNumber, shortNumber } from "../core/format.js";
import { fraction, readSpan, SPANS, writeSpan } from "../core/labels.js";

/** @typedef {"iso" | "f" | "exposure" | "focal"} RangeName */

/** @type {Record<RangeName, (value: number) => string>} */
const TICKS = {
  iso: shortNumber,
  f: (value) => decimal(value, 1),
  exposure: exposureNumber,
  focal: (value) => decimal(value, 0),
};
/**
 * Return how the API takes numbers of a filter: exposure times as exact fractions.
 * @param {RangeName} name
 * @returns {(value: number) => string}
 */
const writerOf = (name) => (name === "exposure" ? fraction : (value) => decimal(value, 6));

/**
 * @param {object} props
 * @param {RangeName} props.name
 * @param {string} props.title
 * @param {RangeRow[]} props.rows of /facets
 * @param {string | undefined} props.value of the filter
 * @param {(value: string | null) => void} props.onChange
 */
export function Histogram({ name, title, rows, value, onChange }) {
  const ranges = rows.filter((row) => row.greatest !== undefined);
  if (ranges.length === 0) return <p class="none">None of these photos says so.</p>;
  const bars = ranges.map((row) => ({
    label: SPANS[name]([row.least, row.greatest]),
    ...row,
  }));
  const selected = value ? selectedBars(bars, readSpan(value)) : null;
  /** @type {(first: number, last: number) => string} */
  const describe = (first, last) => SPANS[name]([bars[first].least, bars[last].greatest]);
  /** @param {IndexRange | null} range */
  const onSelect = (range) => {
    // From and to values that exist: the bars and the photos that pass then count the same.
    onChange(range && writeSpan([bars[range[0]].least, bars[range[1]].greatest], writerOf(name)));
  };
  const every = Math.ceil(bars.length / 6);
  const ticks = bars.flatMap((bar, at) =>
    at % every === 0 ? [{ at, label: TICKS[name](bar.from ?? bar.least) }] : [],
  );
  return (
    <RangeHistogram
      bars={bars}
      selected={selected}
      onSelect={onSelect}
      name={title}
      describe={describe}
      ticks={ticks}
    />
  );
}

/**
 * Return the first and last bar that a span reaches into.
 * @param {RangeRow[]} bars
 * @param {Span} span
 * @returns {IndexRange | null}
 */
export function selectedBars(bars, [low, high]) {
  const tolerance = 1 + 1e-6;
  const inside = bars.flatMap((bar, at) =>
    (low === null || bar.greatest * tolerance >= low) &&
    (high === null || bar.least <= high * tolerance)
      ? [at]
      : [],
  );
  return inside.length ? [inside[0], inside[inside.length - 1]] : null;
}
