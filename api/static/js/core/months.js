/**
 * @file Series of months.
 */

// A wrong clock may say 1904: so many empty columns would be no chart.
const MAX_MONTHS = 480;

/**
 * Return every month from the first to the last, also those without photos, so that a gap is visible as one.
 * @param {{value: string, count: number}[]} rows in order, at least one; value: 2024-05
 */
export function everyMonth(rows) {
  const counts = new Map(rows.map(({ value, count }) => [value, count]));
  const first = monthNumber(rows[0].value);
  const last = monthNumber(rows[rows.length - 1].value);
  if (last - first > MAX_MONTHS) return rows;
  const months = [];
  for (let at = first; at <= last; at++) {
    const year = String(Math.floor(at / 12)).padStart(4, "0");
    const value = `${year}-${String((at % 12) + 1).padStart(2, "0")}`;
    months.push({ value, count: counts.get(value) ?? 0 });
  }
  return months;
}

/** @param {string} value 2024-05 */
function monthNumber(value) {
  const [year, month] = value.split("-").map(Number);
  return year * 12 + month - 1;
}
