/**
 * @file Fills the gaps in counts by month.
 */

// A camera with a wrong clock may date a photo to 1904. Filling such a gap would flatten the chart.
const MAX_MONTHS = 480;

/**
 * Return every month from the first to the last, including those without photos, so that gaps are visible.
 * @param {{value: string, count: number}[]} rows in order, at least one; value: 2024-05
 */
export function everyMonth(rows) {
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
