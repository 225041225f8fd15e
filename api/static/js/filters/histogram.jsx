/**
 * @file Filters by a range of numbers, such as ISO. The user selects the range in a histogram.
 * @import { IndexRange, RangeName, RangeRow } from "../core/types"
 * @import { Span } from "../core/spans.js"
 */
import { RangeFields } from "../components/range_fields.jsx";
import { RangeHistogram } from "../components/range_histogram.jsx";
import {
  formatDecimal,
  formatExposureNumber,
  formatShortNumber,
  formatVideoDuration,
} from "../core/format.js";
import {
  formatFraction,
  formatPlainNumber,
  formatSpan,
  parseSpan,
  SPAN_FORMATTERS,
} from "../core/spans.js";
import { FacetValue } from "./facet_value.jsx";
import { NoData } from "./values.jsx";

/** @type {Record<RangeName, (value: number) => string>} */
const TICK_FORMATS = {
  iso: formatShortNumber,
  f: (value) => formatDecimal(value, 1),
  exposure: formatExposureNumber,
  focal: (value) => formatDecimal(value, 0),
  focal35: (value) => formatDecimal(value, 0),
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
    return <NoData name={name === "iso" ? title : title.toLowerCase()} />;
  }
  const bars = ranges.map((row) => ({
    label: SPAN_FORMATTERS[name]([row.least, row.greatest]),
    ...row,
  }));
  const formatValue = name === "exposure" ? formatFraction : formatPlainNumber;
  const [low, high] = value ? parseSpan(value) : [null, null];
  /** @param {number | null} end */
  const textOf = (end) => (end === null || Number.isNaN(end) ? "" : formatValue(end));
  const selected = value ? selectedBars(bars, parseSpan(value)) : null;
  /** @type {(first: number, last: number) => string} */
  const describe = (first, last) => SPAN_FORMATTERS[name]([bars[first].least, bars[last].greatest]);
  /** @param {IndexRange | null} range */
  const onSelect = (range) => onChange(range && spanOfBars(bars, range, formatValue));
  const interval = Math.ceil(bars.length / 6);
  const ticks = bars.flatMap((bar, index) =>
    index % interval === 0 ? [{ index, label: TICK_FORMATS[name](bar.from ?? bar.least) }] : [],
  );
  return (
    <>
      {bars.length === 1 ? (
        <ul class="values">
          <FacetValue
            label={bars[0].label}
            count={bars[0].count}
            max={bars[0].count}
            isOn={selected !== null}
            toggle={() =>
              onChange(selected ? null : formatSpan([bars[0].least, bars[0].greatest], formatValue))
            }
          />
        </ul>
      ) : (
        <RangeHistogram
          bars={bars}
          selected={selected}
          onSelect={onSelect}
          name={title}
          describe={describe}
          ticks={ticks}
        />
      )}
      <RangeFields
        title={title}
        low={textOf(low)}
        high={textOf(high)}
        lowHint={textOf(bars[0].least)}
        highHint={textOf(bars[bars.length - 1].greatest)}
        parse={name === "exposure" ? parseFraction : parsePlainNumber}
        onChange={(from, to) => onChange(from || to ? joinEnds(from, to) : null)}
      />
    </>
  );
}

/**
 * Return the filter of a range of bars. The end at the edge of the histogram stays open, so that the filter also
 * matches photos that are indexed later. The other ends are values that photos have, not the bounds of the bars, so
 * that the filter matches exactly the photos in the bars.
 * @param {RangeRow[]} bars
 * @param {IndexRange} range indexes of the first and the last bar
 * @param {(value: number) => string} format
 */
export function spanOfBars(bars, [first, last], format) {
  const low = first === 0 ? null : bars[first].least;
  const high = last === bars.length - 1 ? null : bars[last].greatest;
  return formatSpan(/** @type {Span} */ ([low, high]), format);
}

/** @type {(low: string, high: string) => string} */
export const joinEnds = (low, high) => (low === high ? low : `${low}-${high}`);

/**
 * Return a number in the form that the API's filters accept, or null if it is invalid. The decimal separator may be a
 * comma.
 * @param {string} text
 */
export function parsePlainNumber(text) {
  const plain = text.replace(",", ".");
  return /^\d{1,9}(\.\d{1,9})?$/.test(plain) ? plain : null;
}

/**
 * Return a number of seconds, such as 1/250 or 0.5, in the form that the API's filter accepts, or null if it is
 * invalid.
 * @param {string} text
 */
export function parseFraction(text) {
  return /^\d{1,9}\/[1-9]\d{0,8}$/.test(text) ? text : parsePlainNumber(text);
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
