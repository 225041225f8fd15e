/**
 * @file Filters by date with a histogram of all years, of a year, or of a month.
 * @import { RefCallback } from "preact"
 * @import { Api, FacetRow, IndexRange, Navigate, State } from "../core/types"
 */
import { RangeHistogram } from "../components/range_histogram.jsx";
import { plausibleMonths } from "../core/date_outliers.js";
import { formatMonth, formatPeriod, pluralize } from "../core/format.js";
import { describeDates } from "../core/labels.js";
import { neighbouringMonth } from "../core/months.js";
import { useLayoutEffect, useState } from "../core/preact.js";
import { href, shownParams } from "../core/url_state.js";
import { useRefetchPartial } from "../hooks/use_refetch_partial.js";
import { useRequest } from "../hooks/use_request.js";
import {
  allBars,
  dayBars,
  enclosingPeriod,
  monthBars,
  openPeriod,
  selectedBars,
  ticksOf,
} from "./date_bars.js";

/** @param {string | null} date a year or a month */
const isMonth = (date) => date?.length === "2024-05".length;

/**
 * @param {object} props
 * @param {FacetRow[]} props.rows the facet `taken`, by month
 * @param {State} props.state
 * @param {Navigate} props.navigate
 * @param {Api} props.api
 * @param {number} props.changes of the library; each change fetches the counts by day again
 */
export function Timeline({ rows, state, navigate, api, changes }) {
  const { taken } = state.filters;
  const [ref, width] = useWidth();
  // The bars show this period: a year, a month, or null for all years.
  const shownPeriod = enclosingPeriod(taken);
  const days = useDays(state, api, isMonth(shownPeriod) ? shownPeriod : null, changes);
  const allMonths = rows.filter((row) => row.value);
  if (!allMonths.length) return null;
  const { months, ...outliers } = plausibleMonths(allMonths);
  const makeBars = () => {
    if (shownPeriod === null) return allBars(months, width);
    return isMonth(shownPeriod)
      ? dayBars(shownPeriod, days ?? [])
      : monthBars(shownPeriod, allMonths);
  };
  const bars = makeBars();
  const selected = taken ? selectedBars(bars, taken) : null;
  /** @param {IndexRange | null} range null: all bars */
  const onSelect = (range) => {
    if (!range) {
      navigate({ filters: { taken: shownPeriod } });
      return;
    }
    if (shownPeriod === null) {
      navigate({ filters: { taken: openPeriod(bars, range, outliers) } });
      return;
    }
    const [first, last] = range.map((index) => bars[index].value);
    navigate({ filters: { taken: first === last ? first : `${first}..${last}` } });
  };
  /** @type {(first: number, last: number) => string} */
  const describe = (first, last) =>
    first === last
      ? formatPeriod(bars[first].value)
      : `${formatPeriod(bars[first].value)} – ${formatPeriod(bars[last].value)}`;
  return (
    <section class="timeline" aria-label="Timeline" ref={ref}>
      <div class="timeline-head">
        <Breadcrumbs shownPeriod={shownPeriod} taken={taken} navigate={navigate} />
        {shownPeriod === null && <Outliers months={months} outliers={outliers} state={state} />}
      </div>
      <RangeHistogram
        bars={bars}
        selected={selected}
        onSelect={onSelect}
        name="Date taken"
        describe={describe}
        ticks={ticksOf(bars, width)}
      />
    </section>
  );
}

/**
 * Links to the photos with dates outside the axis.
 * @param {{months: FacetRow[], outliers: {before: number, after: number}, state: State}} props
 */
function Outliers({ months, outliers: { before, after }, state }) {
  const earlier = `..${neighbouringMonth(months[0].value, -1)}`;
  const later = `${neighbouringMonth(months[months.length - 1].value, 1)}..`;
  return (
    <>
      {before > 0 && (
        <a href={href(state, { filters: { taken: earlier } })}>
          {pluralize(before, "photo")} before
        </a>
      )}
      {after > 0 && (
        <a href={href(state, { filters: { taken: later } })}>
          {pluralize(after, "photo")} in the future
        </a>
      )}
    </>
  );
}

/**
 * Buttons for the periods around the bars: all years, the year and the month.
 * @param {{shownPeriod: string | null, taken: string | undefined, navigate: Navigate}} props
 */
function Breadcrumbs({ shownPeriod, taken, navigate }) {
  /** @type {[label: string, value: string | null][]} */
  const steps = [["All years", null]];
  if (shownPeriod) steps.push([shownPeriod.slice(0, 4), shownPeriod.slice(0, 4)]);
  if (shownPeriod && isMonth(shownPeriod))
    steps.push([formatMonth(Number(shownPeriod.slice(5))), shownPeriod]);
  return (
    <nav class="breadcrumbs" aria-label="Period">
      {steps.map(([label, value]) => (
        <button
          type="button"
          key={label}
          aria-current={(value ?? undefined) === taken ? "true" : undefined}
          onClick={() => navigate({ filters: { taken: value } })}
        >
          {label}
        </button>
      ))}
      {taken && !steps.some(([, value]) => value === taken) && (
        <span class="period">{describeDates(taken)}</span>
      )}
    </nav>
  );
}

/**
 * Fetch a month's counts by day. Return null until they have arrived, and without a month.
 * @param {State} state
 * @param {Api} api
 * @param {string | null} month
 * @param {number} changes
 * @returns {FacetRow[] | null}
 */
function useDays(state, api, month, changes) {
  const pairs = month ? shownParams({ ...state, filters: { ...state.filters, taken: month } }) : [];
  const key = JSON.stringify([month, pairs, month && changes]);
  const request = useRequest(
    async (signal) =>
      month
        ? { month, ...(await api.get("/facets", [...pairs, ["fields", "day"]], { signal })) }
        : null,
    key,
  );
  useRefetchPartial(request, key);
  const { data } = request;
  return data?.month === month ? data?.facets.day : null;
}

/**
 * Track the width of an element.
 * @returns {[ref: RefCallback<HTMLElement>, width: number]} width in pixels
 */
function useWidth() {
  const [element, setElement] = useState(/** @type {HTMLElement | null} */ (null));
  const [width, setWidth] = useState(900);
  useLayoutEffect(() => {
    if (!element) return undefined;
    const sizes = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    sizes.observe(element);
    return () => sizes.disconnect();
  }, [element]);
  return [setElement, width];
}
