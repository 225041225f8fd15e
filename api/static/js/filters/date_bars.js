/**
 * @file Computes the timeline's bars: one per year, month or day.
 * @import { FacetRow, IndexRange } from "../core/types"
 */
import { formatMonth, formatPeriod } from "../core/format.js";
import { daysInMonth, monthText } from "../core/months.js";

// Minimum width of a bar for one month.
const MONTH_BAR_PIXELS = 7;
// Space that a tick's label needs.
const TICK_PIXELS = 44;

/** @typedef {{value: string, label: string, count: number}} DateBar */

/** @param {number} value */
const pad = (value) => String(value).padStart(2, "0");

/**
 * Return the month that contains the selected period, or else the year that contains it. Return null if the period
 * spans several years or has no start or end.
 * @param {string | undefined} taken the filter's value
 */
export function enclosingPeriod(taken) {
  if (!taken || !/^\d{4}[\d-]*(\.\.\d{4}[\d-]*)?$/.test(taken)) return null;
  const [first, last = first] = taken.split("..");
  for (const length of ["2024-05".length, "2024".length]) {
    const isLongEnough = first.length >= length && last.length >= length;
    if (isLongEnough && first.slice(0, length) === last.slice(0, length)) {
      return first.slice(0, length);
    }
  }
  return null;
}

/**
 * Return the filter for the selected bars of all years. An end at the edge of the axis stays open, so that the filter
 * also matches photos that are indexed later, unless there are photos with implausible dates at that end.
 * @param {DateBar[]} bars
 * @param {IndexRange} range
 * @param {{before: number, after: number}} outliers
 */
export function openPeriod(bars, [first, last], { before, after }) {
  const low = first === 0 && !before ? "" : bars[first].value;
  const high = last === bars.length - 1 && !after ? "" : bars[last].value;
  return low === high ? low : `${low}..${high}`;
}

/**
 * Return the first and the last day of a period, for the fields of the filter. Empty if an end is open.
 * @param {string | undefined} taken the filter's value
 * @returns {[first: string, last: string]}
 */
export function daysOf(taken) {
  if (!taken) return ["", ""];
  const [first, last] = taken.includes("..") ? taken.split("..") : [taken, taken];
  return [first && firstDay(first), last && lastDay(last)];
}

/** @param {string} period 2024, 2024-05 or 2024-05-03 */
function firstDay(period) {
  const [year, month = "01", day = "01"] = period.split("-");
  return `${year}-${month}-${day}`;
}

/** @param {string} period 2024, 2024-05 or 2024-05-03 */
function lastDay(period) {
  const [year, month = "12", day] = period.split("-");
  return `${year}-${month}-${day ?? daysInMonth(Number(year), Number(month))}`;
}

/**
 * Return the bars of all years: one per month if that many fit, or else one per year.
 * @param {FacetRow[]} months the counts by month, in order
 * @param {number} width in pixels
 * @returns {DateBar[]}
 */
export function allBars(months, width) {
  const first = Number(months[0].value.slice(0, 4));
  const last = Number(months[months.length - 1].value.slice(0, 4));
  const counts = sumBy(months, (row) => row.value);
  if ((last - first + 1) * 12 * MONTH_BAR_PIXELS <= width) {
    return integers(first * 12, last * 12 + 11).map((index) => {
      const value = monthText(index);
      return { value, label: formatPeriod(value), count: counts.get(value) ?? 0 };
    });
  }
  const years = sumBy(months, (row) => row.value.slice(0, 4));
  return integers(first, last).map((year) => ({
    value: String(year),
    label: String(year),
    count: years.get(String(year)) ?? 0,
  }));
}

/**
 * Return the bars of a year, one per month.
 * @param {string} year
 * @param {FacetRow[]} months
 * @returns {DateBar[]}
 */
export function monthBars(year, months) {
  const counts = sumBy(months, (row) => row.value);
  return integers(1, 12).map((month) => {
    const value = `${year}-${pad(month)}`;
    return { value, label: formatPeriod(value), count: counts.get(value) ?? 0 };
  });
}

/**
 * Return the bars of a month, one per day.
 * @param {string} month
 * @param {FacetRow[]} days
 * @returns {DateBar[]}
 */
export function dayBars(month, days) {
  const counts = sumBy(days, (row) => row.value ?? "");
  const [year, monthNumber] = month.split("-").map(Number);
  return integers(1, daysInMonth(year, monthNumber)).map((day) => {
    const value = `${month}-${pad(day)}`;
    return { value, label: formatPeriod(value), count: counts.get(value) ?? 0 };
  });
}

/**
 * Return the sums of the rows' counts by key.
 * @param {FacetRow[]} rows
 * @param {(row: FacetRow) => string} keyOf
 */
function sumBy(rows, keyOf) {
  /** @type {Map<string, number>} */
  const totals = new Map();
  for (const row of rows) totals.set(keyOf(row), (totals.get(keyOf(row)) ?? 0) + row.count);
  return totals;
}

/** @type {(first: number, last: number) => number[]} */
const integers = (first, last) =>
  Array.from({ length: last - first + 1 }, (_, offset) => first + offset);

/**
 * Return the indexes of the first and last bar in the selected period, or null if all bars or none are in it. Dates of
 * different precision are compared by their common part, so 2024-05 is in 2024.
 * @param {DateBar[]} bars
 * @param {string} taken the filter's value
 * @returns {IndexRange | null}
 */
export function selectedBars(bars, taken) {
  const [first, last] = taken.includes("..") ? taken.split("..") : [taken, taken];
  const matching = bars.flatMap(({ value }, index) => {
    const isAfterStart = !first || value >= first.slice(0, value.length);
    const isBeforeEnd = !last || value.slice(0, last.length) <= last;
    return isAfterStart && isBeforeEnd ? [index] : [];
  });
  if (!matching.length || matching.length === bars.length) return null;
  return [matching[0], matching[matching.length - 1]];
}

/**
 * Return as many ticks as there is room for, at equal intervals. There is not always room for every year: wrong camera
 * clocks can stretch the axis from 1900 to 2098.
 * @param {DateBar[]} bars
 * @param {number} width in pixels
 */
export function ticksOf(bars, width) {
  const ticks = bars.flatMap(({ value }, index) => {
    const [year, month, day] = value.split("-");
    if (day) return [{ index, label: String(Number(day)) }];
    if (bars.length === 12 && month) return [{ index, label: formatMonth(Number(month)) }];
    return !month || month === "01" ? [{ index, label: year }] : [];
  });
  const interval = Math.max(1, Math.ceil((ticks.length * TICK_PIXELS) / Math.max(1, width)));
  return ticks.filter((_, position) => position % interval === 0);
}
