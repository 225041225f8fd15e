/**
 * @file Headings of the gallery when it is sorted by date: one for each month, and a label where a day begins.
 *
 * Only months begin a new row. If each day began one, a library with few photos a day would consist of short rows.
 * @import { Photo } from "../core/types"
 */
import { formatPeriod, formatWeekday } from "../core/format.js";
import { dayTaken } from "../core/taken.js";

// Heights in pixels.
const MONTH_HEIGHT = 38;
const DAY_HEIGHT = 22;
// Minimum gap between two labels.
const LABEL_GAP = 10;

/**
 * Return the day of a photo as a number: 20240503, 20240500 if only the month is known, 20240000 if only the year is
 * known, or 0 without a date.
 * @param {Photo} record
 */
export function dayNumber({ photo }) {
  const match = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?$/.exec(dayTaken(photo));
  return match
    ? Number(match[1]) * 10_000 + Number(match[2] ?? 0) * 100 + Number(match[3] ?? 0)
    : 0;
}

/** @param {number} day */
const monthOf = (day) => Math.trunc(day / 100);

/**
 * @typedef {object} Headings the headings above one row
 * @property {number} height in pixels
 * @property {string} month empty unless a month begins with the row
 * @property {{index: number, text: string}[]} days the days that begin in the row, with the indexes of
 *   their first photos
 */

/** The headings of a list of photos. */
export class DateHeadings {
  /** @param {ArrayLike<number>} days day of each photo, see dayNumber */
  constructor(days) {
    this.days = days;
  }

  /**
   * Return whether a photo begins a new row.
   * @param {number} index
   */
  isBreak(index) {
    return index === 0 || monthOf(this.days[index]) !== monthOf(this.days[index - 1]);
  }

  /**
   * @param {number} start index of the row's first photo
   * @param {number} end index after the row's last photo
   * @returns {Headings}
   */
  above(start, end) {
    const month = this.isBreak(start) ? formatMonthHeading(this.days[start]) : "";
    const days = [];
    for (let index = start; index < end; index++) {
      const day = this.days[index];
      const isFirst = index === 0 || day !== this.days[index - 1];
      if (isFirst && day % 100 > 0) days.push({ index, text: formatDayLabel(day) });
    }
    const height = (month ? MONTH_HEIGHT : 0) + (days.length ? DAY_HEIGHT : 0);
    return { height, month, days };
  }
}

/**
 * Return the labels of days with their positions. Labels that would have no room are left out.
 * @param {{text: string, left: number}[]} labels in the order of their positions, in pixels
 * @param {number} rowWidth
 * @param {number} minWidth of a label
 * @returns {{text: string, left: number, width: number}[]}
 */
export function placeLabels(labels, rowWidth, minWidth) {
  /** @type {{text: string, left: number, width: number}[]} */
  const placed = [];
  for (const { text, left } of labels) {
    const last = placed.at(-1);
    if (last && left - last.left < minWidth + LABEL_GAP) continue;
    if (last) last.width = left - last.left - LABEL_GAP;
    placed.push({ text, left, width: rowWidth - left });
  }
  return placed;
}

/**
 * May 2024, 2024, No date
 * @param {number} day
 */
function formatMonthHeading(day) {
  if (!day) return "No date";
  const month = monthOf(day) % 100;
  const year = String(Math.trunc(day / 10_000)).padStart(4, "0");
  return formatPeriod(month ? `${year}-${String(month).padStart(2, "0")}` : year);
}

/**
 * Fri 3
 * @param {number} day
 */
const formatDayLabel = (day) =>
  formatWeekday(Math.trunc(day / 10_000), monthOf(day) % 100, day % 100);
