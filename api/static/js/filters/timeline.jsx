/**
 * @file When the photos were taken: years, the months of a year, or the days of a month. A range is a filter.
 * @import { RefCallback } from "preact"
 * @import { Api, FacetRow, IndexRange, Navigate, State } from "../core/types"
 */
import { RangeHistogram } from "../components/range_histogram.jsx";
import { period } from "../core/format.js";
import { describeDates } from "../core/labels.js";
import { useLayoutEffect, useState } from "../core/preact.js";
import { filterParams } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";
import {
  allBars,
  dayBars,
  monthBars,
  MONTHS,
  selectedBars,
  ticksOf,
  windowOf,
} from "./date_bars.js";

/** @param {{rows: FacetRow[], state: State, navigate: Navigate, api: Api}} props rows: the facet `taken`, by month */
export function Timeline({ rows, state, navigate, api }) {
  const { taken } = state.filters;
  const [ref, width] = useWidth();
  const around = windowOf(taken);
  const days = useDays(state, api, around?.length === 7 ? around : null);
  const months = rows.filter((row) => row.value);
  if (!months.length) return null;
  const bars =
    around?.length === 7
      ? dayBars(around, days ?? [])
      : around
        ? monthBars(around, months)
        : allBars(months, width);
  const selected = taken ? selectedBars(bars, taken) : null;
  /** @param {IndexRange | null} range */
  const onSelect = (range) => {
    const first = range && bars[range[0]].value;
    const last = range && bars[range[1]].value;
    // All bars: the period that they show.
    navigate({
      filters: { taken: range ? (first === last ? first : `${first}..${last}`) : around },
    });
  };
  /** @type {(first: number, last: number) => string} */
  const describe = (first, last) =>
    first === last
      ? period(bars[first].value)
      : `${period(bars[first].value)} – ${period(bars[last].value)}`;
  return (
    <section class="timeline" aria-label="Timeline" ref={ref}>
      <Trail around={around} taken={taken} navigate={navigate} />
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
 * The periods around: all years, the year, the month.
 * @param {{around: string | null, taken: string | undefined, navigate: Navigate}} props
 */
function Trail({ around, taken, navigate }) {
  /** @param {string | null} value */
  const go = (value) => () => navigate({ filters: { taken: value } });
  const steps = [
    ["All years", null],
    ...(around ? [[around.slice(0, 4), around.slice(0, 4)]] : []),
  ];
  if (around?.length === 7) steps.push([MONTHS[Number(around.slice(5)) - 1], around]);
  /** @param {string | null} value */
  const isAt = (value) => (value ?? undefined) === taken;
  return (
    <nav class="trail" aria-label="Period">
      {steps.map(([label, value]) => (
        <button
          type="button"
          key={label}
          aria-current={isAt(value) ? "true" : undefined}
          onClick={go(value)}
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
 * Return the counts by day of a month.
 * @param {State} state
 * @param {Api} api
 * @param {string | null} month
 * @returns {FacetRow[] | null}
 */
function useDays(state, api, month) {
  const pairs = month ? filterParams({ ...state.filters, taken: month }) : [];
  const { data } = useRequest(
    async (signal) =>
      month
        ? { month, ...(await api.get("/facets", [...pairs, ["fields", "day"]], { signal })) }
        : null,
    JSON.stringify([month, pairs]),
  );
  return data?.month === month ? data?.facets.day : null;
}

/** @returns {[ref: RefCallback<HTMLElement>, width: number]} */
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
