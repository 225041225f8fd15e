/**
 * @file Filters by a range of numbers, such as ISO. The user selects the range in a histogram.
 * @import { IndexRange, RangeName, RangeRow } from "../core/types"
 * @import { Span } from "../core/labels.js"
 */
import { RangeHistogram } from "../components/range_histogram.jsx";
import {
  formatDecimal,
  formatExposureNumber,
  formatShortNumber,
  formatVideoDuration,
} from "../core/format.js";
import {
  formatSpan,
  formatFraction,
  parseSpan,
  formatPlainNumber,
  SPAN_FORMATTERS,
} from "../core/labels.js";

/** @type {Record<RangeName, (value: number) => string>} */
const TICK_FORMATS = {
  iso: formatShortNumber,
  f: (value) => formatDecimal(value, 1),
  exposure: formatExposureNumber,
  focal: (value) => formatDecimal(value, 0),
  duration: formatVideoDuration,
  frame_rate: (value) => formatDecimal(value, 0),
};

/**
 * @param {object} props
 * @param {RangeName} props.name
 * @param {string} props.title
 * @param {RangeRow[]} props.rows the facet's rows in the response of /facets
 * @param {string | undefined} props.value the filter's value
 * @param {(value: string | null) => void} props.onChange
 */
export function Histogram({ name, title, rows, value, onChange }) {
  const ranges = rows.filter((row) => row.greatest !== undefined);
  if (ranges.length === 0) {
    const subject = name === "iso" ? title : title.toLowerCase();
    return <p class="none">No {subject} data in these photos.</p>;
  }
  const bars = ranges.map((row) => ({
    label: SPAN_FORMATTERS[name]([row.least, row.greatest]),
    ...row,
  }));
  const selected = value ? selectedBars(bars, parseSpan(value)) : null;
  /** @type {(first: number, last: number) => string} */
  const describe = (first, last) => SPAN_FORMATTERS[name]([bars[first].least, bars[last].greatest]);
  /** @param {IndexRange | null} range */
  const onSelect = (range) => {
    if (!range) {
      onChange(null);
      return;
    }
    // Use values that photos have, not the bounds of the bars, so that the filter matches exactly the photos in the
    // bars.
    const [first, last] = range;
    const span = /** @type {Span} */ ([bars[first].least, bars[last].greatest]);
    onChange(formatSpan(span, name === "exposure" ? formatFraction : formatPlainNumber));
  };
  const interval = Math.ceil(bars.length / 6);
  const ticks = bars.flatMap((bar, index) =>
    index % interval === 0 ? [{ index, label: TICK_FORMATS[name](bar.from ?? bar.least) }] : [],
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
 * Return the indexes of the first and last bar that overlap a span, or null if none does.
 * @param {RangeRow[]} bars
 * @param {Span} span
 * @returns {IndexRange | null}
 */
export function selectedBars(bars, [low, high]) {
  const tolerance = 1 + 1e-6;
  const overlapping = bars.flatMap((bar, index) =>
    (low === null || bar.greatest * tolerance >= low) &&
    (high === null || bar.least <= high * tolerance)
      ? [index]
      : [],
  );
  return overlapping.length ? [overlapping[0], overlapping[overlapping.length - 1]] : null;
}
