// When the photos were taken: years, the months of a year, the days of a month, each a step closer; a range is dragged.
import { html, useLayoutEffect, useState } from "./html.js";
import { Bars } from "./bars.js";
import { describeDates } from "./describe.js";
import { period } from "./format.js";
import { useLoad } from "./load.js";
import { filterParams } from "./state.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const pad = (value) => String(value).padStart(2, "0");

// rows: `taken` of /facets, {value: "2024-05", count}.
export function Timeline({ rows, state, navigate, api }) {
  const { taken } = state.filters;
  const [ref, width] = useWidth();
  const around = windowOf(taken);
  const days = useDays(state, api, around?.length === 7 ? around : null);
  const months = rows.filter((row) => row.value);
  if (!months.length) return null;
  const bars = around?.length === 7 ? dayBars(around, days ?? []) : around ? monthBars(around, months) : allBars(months, width);
  const selected = taken ? chosen(bars, taken) : null;
  const onSelect = (range) => {
    const first = range && bars[range[0]].value;
    const last = range && bars[range[1]].value;
    // Everything in sight is the period in sight.
    navigate({ filters: { taken: range ? (first === last ? first : `${first}..${last}`) : around } });
  };
  const describe = (first, last) =>
    first === last ? period(bars[first].value) : `${period(bars[first].value)} – ${period(bars[last].value)}`;
  return html`<section class="timeline" aria-label="Timeline" ref=${ref}>
    <${Trail} around=${around} taken=${taken} navigate=${navigate} />
    <${Bars} bars=${bars} selected=${selected} onSelect=${onSelect} name="Date taken" describe=${describe} ticks=${ticksOf(bars, width)} />
  </section>`;
}

// The ways back out: all years, the year.
function Trail({ around, taken, navigate }) {
  const go = (value) => () => navigate({ filters: { taken: value } });
  const steps = [["All years", null], ...(around ? [[around.slice(0, 4), around.slice(0, 4)]] : [])];
  if (around?.length === 7) steps.push([MONTHS[Number(around.slice(5)) - 1], around]);
  const isAt = (value) => (value ?? undefined) === taken;
  return html`<nav class="trail" aria-label="Period">
    ${steps.map(
      ([label, value]) => html`<button type="button" key=${label} aria-current=${isAt(value) ? "true" : undefined} onClick=${go(value)}>${label}</button>`,
    )}
    ${taken && !steps.some(([, value]) => value === taken) && html`<span class="period">${describeDates(taken)}</span>`}
  </nav>`;
}

// The year or the month that a filter lies in as a whole; null where it reaches over years.
function windowOf(taken) {
  if (!taken || !/^\d{4}[\d-]*(\.\.\d{4}[\d-]*)?$/.test(taken)) return null;
  const [first, last = first] = taken.split("..");
  for (const length of [7, 4]) {
    const isIn = first.length >= length && last.length >= length && first.slice(0, length) === last.slice(0, length);
    if (isIn) return first.slice(0, length);
  }
  return null;
}

function useDays(state, api, month) {
  const pairs = month ? filterParams({ ...state.filters, taken: month }) : [];
  const { data } = useLoad(
    async (signal) => (month ? { month, ...(await api.get("/facets", [...pairs, ["fields", "day"]], { signal })) } : null),
    JSON.stringify([month, pairs]),
  );
  return data?.month === month ? data?.facets.day : null;
}

function allBars(months, width) {
  const first = Number(months[0].value.slice(0, 4));
  const last = Number(months.at(-1).value.slice(0, 4));
  const counts = sums(months, (row) => row.value);
  if ((last - first + 1) * 12 * 7 <= width) {
    return series(first * 12, last * 12 + 11).map((at) => {
      const value = `${Math.floor(at / 12)}-${pad((at % 12) + 1)}`;
      return { value, label: period(value), count: counts.get(value) ?? 0 };
    });
  }
  const years = sums(months, (row) => row.value.slice(0, 4));
  // Clocks that were never set say 1900 or 2098: only so many years as there is room for, in equal steps.
  return series(first, last).map((year) => ({ value: String(year), label: String(year), count: years.get(String(year)) ?? 0 }));
}

function monthBars(year, months) {
  const counts = sums(months, (row) => row.value);
  return series(1, 12).map((month) => {
    const value = `${year}-${pad(month)}`;
    return { value, label: period(value), count: counts.get(value) ?? 0 };
  });
}

function dayBars(month, days) {
  const counts = sums(days, (row) => row.value ?? "");
  const [year, at] = month.split("-").map(Number);
  return series(1, new Date(Date.UTC(year, at, 0)).getUTCDate()).map((day) => {
    const value = `${month}-${pad(day)}`;
    return { value, label: period(value), count: counts.get(value) ?? 0 };
  });
}

function sums(rows, keyOf) {
  const found = new Map();
  for (const row of rows) found.set(keyOf(row), (found.get(keyOf(row)) ?? 0) + row.count);
  return found;
}

const series = (first, last) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

// Two dates of any length compare by their common part: 2024-05 is in 2024.
function chosen(bars, taken) {
  const [first, last] = taken.includes("..") ? taken.split("..") : [taken, taken];
  const inside = bars.flatMap(({ value }, at) => {
    const after = !first || value >= first.slice(0, value.length);
    const before = !last || value.slice(0, last.length) <= last;
    return after && before ? [at] : [];
  });
  if (!inside.length || inside.length === bars.length) return null;
  return [inside[0], inside.at(-1)];
}

function ticksOf(bars, width) {
  const marks = bars.flatMap(({ value }, at) => {
    const [year, month, day] = value.split("-");
    if (day) return [{ at, label: String(Number(day)) }];
    if (bars.length === 12 && month) return [{ at, label: MONTHS[Number(month) - 1] }];
    return !month || month === "01" ? [{ at, label: year }] : [];
  });
  const every = Math.max(1, Math.ceil((marks.length * 44) / Math.max(1, width)));
  return marks.filter((_, at) => at % every === 0);
}

function useWidth() {
  const [element, setElement] = useState(null);
  const [width, setWidth] = useState(900);
  useLayoutEffect(() => {
    if (!element) return undefined;
    const sizes = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    sizes.observe(element);
    return () => sizes.disconnect();
  }, [element]);
  return [setElement, width];
}
