/**
 * @file The bars of the timeline: years, the months of a year, or the days of a month.
 * @import { FacetRow, IndexRange } from "../core/types"
 */
import { period } from "../core/format.js";

export const MONTHS = [
  "Jan",
  "Feb",
  "Mar",
  "Apr",
  "May",
  "Jun",
  "Jul",
  "Aug",
  "Sep",
  "Oct",
  "Nov",
  "Dec",
];
/** @typedef {{value: string, label: string, count: number}} DateBar */

/** @param {number} value */
const pad = (value) => String(value).padStart(2, "0");

/**
 * Return the year or month that contains the filter; null where it spans years.
 * @param {string | undefined} taken
 */
export function windowOf(taken) {
  if (!taken || !/^\d{4}[\d-]*(\.\.\d{4}[\d-]*)?$/.test(taken)) return null;
  const [first, last = first] = taken.split("..");
  for (const length of [7, 4]) {
    const isIn =
      first.length >= length &&
      last.length >= length &&
      first.slice(0, length) === last.slice(0, length);
    if (isIn) return first.slice(0, length);
  }
  return null;
}

/**
 * @param {FacetRow[]} months
 * @param {number} width
 * @returns {DateBar[]}
 */
export function allBars(months, width) {
  const first = Number(months[0].value.slice(0, 4));
  const last = Number(months[months.length - 1].value.slice(0, 4));
  const counts = sumBy(months, (row) => row.value);
  if ((last - first + 1) * 12 * 7 <= width) {
    return series(first * 12, last * 12 + 11).map((at) => {
      const value = `${Math.floor(at / 12)}-${pad((at % 12) + 1)}`;
      return { value, label: period(value), count: counts.get(value) ?? 0 };
    });
  }
  const years = sumBy(months, (row) => row.value.slice(0, 4));
  // Clocks that were never set say 1900 or 2098: only so many years as there is room for, in equal steps.
  return series(first, last).map((year) => ({
    value: String(year),
    label: String(year),
    count: years.get(String(year)) ?? 0,
  }));
}

/**
 * @param {string} year
 * @param {FacetRow[]} months
 * @returns {DateBar[]}
 */
export function monthBars(year, months) {
  const counts = sumBy(months, (row) => row.value);
  return series(1, 12).map((month) => {
    const value = `${year}-${pad(month)}`;
    return { value, label: period(value), count: counts.get(value) ?? 0 };
  });
}

/**
 * @param {string} month
 * @param {FacetRow[]} days
 * @returns {DateBar[]}
 */
export function dayBars(month, days) {
  const counts = sumBy(days, (row) => row.value ?? "");
  const [year, at] = month.split("-").map(Number);
  return series(1, new Date(Date.UTC(year, at, 0)).getUTCDate()).map((day) => {
    const value = `${month}-${pad(day)}`;
    return { value, label: period(value), count: counts.get(value) ?? 0 };
  });
}

/**
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
const series = (first, last) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

/**
 * Return the first and last bar within the filter; null for all or none. Dates of different length compare by their
 * common part: 2024-05 is in 2024.
 * @param {DateBar[]} bars
 * @param {string} taken
 * @returns {IndexRange | null}
 */
export function selectedBars(bars, taken) {
  const [first, last] = taken.includes("..") ? taken.split("..") : [taken, taken];
  const inside = bars.flatMap(({ value }, at) => {
    const after = !first || value >= first.slice(0, value.length);
    const before = !last || value.slice(0, last.length) <= last;
    return after && before ? [at] : [];
  });
  if (!inside.length || inside.length === bars.length) return null;
  return [inside[0], inside[inside.length - 1]];
}

/**
 * @param {DateBar[]} bars
 * @param {number} width
 */
export function ticksOf(bars, width) {
  const marks = bars.flatMap(({ value }, at) => {
    const [year, month, day] = value.split("-");
    if (day) return [{ at, label: String(Number(day)) }];
    if (bars.length === 12 && month) return [{ at, label: MONTHS[Number(month) - 1] }];
    return !month || month === "01" ? [{ at, label: year }] : [];
  });
  const every = Math.max(1, Math.ceil((marks.length * 44) / Math.max(1, width)));
  return marks.filter((_, at) => at % every === 0);
}
