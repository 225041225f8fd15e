/**
 * @file Adds the months without photos to counts by month.
 */

// Longer spans are left as they are. They occur when a camera's clock was wrong and dated a photo to 1904, for example.
// A column for every month since then would make the chart unreadable.
const MAX_MONTHS = 480;

/**
 * Return the counts of every month from the first to the last, including months without photos, so that a chart shows
 * the gaps. If there are more than MAX_MONTHS, return the rows unchanged.
 * @param {{value: string, count: number}[]} rows at least one, sorted by month; value: 2024-05
 */
export function fillMonths(rows) {
  const counts = new Map(rows.map(({ value, count }) => [value, count]));
  const first = monthIndex(rows[0].value);
  const last = monthIndex(rows[rows.length - 1].value);
  if (last - first > MAX_MONTHS) return rows;
  const months = [];
  for (let index = first; index <= last; index++) {
    const year = String(Math.floor(index / 12)).padStart(4, "0");
    const value = `${year}-${String((index % 12) + 1).padStart(2, "0")}`;
    months.push({ value, count: counts.get(value) ?? 0 });
  }
  return months;
}

/**
 * Return the number of months since year 0.
 * @param {string} value 2024-05
 */
function monthIndex(value) {
  const [year, month] = value.split("-").map(Number);
  return year * 12 + month - 1;
}
