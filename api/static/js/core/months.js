/**
 * @file Arithmetic with months, and the months or years without photos in counts by month.
 */

// Longer spans are shown by year: a column for every month would make the chart unreadable.
const MAX_MONTHS = 480;

/**
 * Return the number of months since year 0.
 * @param {string} month 2024-05
 */
export function monthIndex(month) {
  const [year, number] = month.split("-").map(Number);
  return year * 12 + number - 1;
}

/**
 * Return a month as text, such as 2024-05.
 * @param {number} index number of months since year 0
 */
export const monthText = (index) =>
  `${yearText(index)}-${String((index % 12) + 1).padStart(2, "0")}`;

/** @param {number} index number of months since year 0 */
const yearText = (index) => String(Math.floor(index / 12)).padStart(4, "0");

/**
 * Return the month before or after a month.
 * @param {string} month 2024-05
 * @param {1 | -1} step
 */
export const neighbouringMonth = (month, step) => monthText(monthIndex(month) + step);

/**
 * Return the number of days in a month.
 * @param {number} year
 * @param {number} month 1 to 12
 */
export function daysInMonth(year, month) {
  // Day 0 of the next month is the last day of this one.
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/**
 * Return the counts of every month from the first to the last, including months without photos, so that a chart shows
 * the gaps. If there are more than MAX_MONTHS, return the counts of every year.
 * @param {{value: string, count: number}[]} rows at least one, sorted by month; value: 2024-05
 */
export function fillMonths(rows) {
  const first = monthIndex(rows[0].value);
  const last = monthIndex(rows[rows.length - 1].value);
  if (last - first > MAX_MONTHS) return fillYears(rows);
  const counts = new Map(rows.map(({ value, count }) => [value, count]));
  const months = [];
  for (let index = first; index <= last; index++) {
    const value = monthText(index);
    months.push({ value, count: counts.get(value) ?? 0 });
  }
  return months;
}

/** @param {{value: string, count: number}[]} rows */
function fillYears(rows) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { value, count } of rows) {
    const year = value.slice(0, 4);
    counts.set(year, (counts.get(year) ?? 0) + count);
  }
  const years = [];
  const last = rows[rows.length - 1].value.slice(0, 4);
  for (let index = monthIndex(rows[0].value); yearText(index) <= last; index += 12) {
    const value = yearText(index);
    years.push({ value, count: counts.get(value) ?? 0 });
  }
  return years;
}
