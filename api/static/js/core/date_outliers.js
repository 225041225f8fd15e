/**
 * @file Finds implausible dates, so that one camera with a wrong clock does not stretch the axis of a chart.
 */
import { monthIndex } from "./months.js";

// Dates after tomorrow are wrong. So are a few old dates far from all others, such as the 1st of January 1970 of a
// clock that was never set: they are left out if they are at most this share of the photos, and leaving them out
// shortens the axis by at least half.
const MAX_OUTLIER_SHARE = 0.01;

/**
 * Return the months that the axis of a chart covers, and the number of photos before and after them.
 * @template {{value: string, count: number}} Row
 * @param {Row[]} months the counts by month, in order
 * @param {Date} [now]
 * @returns {{months: Row[], before: number, after: number}} months: empty only if the argument is empty
 */
export function plausibleMonths(months, now = new Date()) {
  const tomorrow = new Date(now.getTime() + 24 * 3600 * 1000).toISOString().slice(0, 7);
  const known = months.filter(({ value }) => value <= tomorrow);
  if (!known.length) return { months, before: 0, after: 0 };
  const total = known.reduce((sum, { count }) => sum + count, 0);
  let start = 0;
  let before = 0;
  while (before + known[start].count <= total * MAX_OUTLIER_SHARE) before += known[start++].count;
  const end = monthIndex(known[known.length - 1].value);
  const isShorter =
    2 * (end - monthIndex(known[start].value) + 1) <= end - monthIndex(known[0].value) + 1;
  const plausible = isShorter ? known.slice(start) : known;
  const after = months.slice(known.length).reduce((sum, { count }) => sum + count, 0);
  return { months: plausible, before: isShorter ? before : 0, after };
}
