/**
 * @file The months of a list that is sorted by date, with their places in the list. The scrubber shows them.
 * @import { FacetRow } from "../core/types"
 * @import { PhotoPages } from "./photo_pages.js"
 */
import { formatPeriod } from "../core/format.js";

/** The value of the segment of photos without a date. */
export const NO_DATE = "none";
// Months whose place in the list the API can find.
const MONTH = /^[12]\d{3}-\d\d$/;

/**
 * @typedef {object} Segment
 * @property {string} value a month, such as 2024-05, or NO_DATE
 * @property {string} label
 * @property {number} count number of photos
 * @property {number} first number of photos before the segment
 * @property {number} top share of the photos before the segment
 * @property {number} bottom share of the photos up to its end
 */

/**
 * Return the segments in the order of the list. Photos without a date come last.
 * @param {FacetRow[]} rows the counts by month, in ascending order
 * @param {string} sort `taken` or `-taken`
 * @returns {Segment[]}
 */
export function segmentsOf(rows, sort) {
  const dated = rows.filter(({ value, count }) => value && count);
  if (sort.startsWith("-")) dated.reverse();
  const ordered = [...dated, ...rows.filter(({ value, count }) => !value && count)];
  const total = ordered.reduce((sum, { count }) => sum + count, 0);
  let first = 0;
  const segments = ordered.map(({ value, count }) => {
    const top = first / total;
    first += count;
    const label = value ? formatPeriod(value) : "No date";
    return {
      value: value ?? NO_DATE,
      label,
      count,
      first: first - count,
      top,
      bottom: first / total,
    };
  });
  return segments.filter(({ value }) => value === NO_DATE || MONTH.test(value));
}

/**
 * Return the index of the segment at a place in the list.
 * @param {Segment[]} segments at least one
 * @param {number} share of the photos before the place
 */
export function segmentAt(segments, share) {
  const index = segments.findIndex(({ bottom }) => share < bottom);
  return index < 0 ? segments.length - 1 : index;
}

/**
 * Return the index of the segment with a photo.
 * @param {Segment[]} segments at least one
 * @param {number} day of the photo, see dayNumber
 * @param {number} position number of photos before it, which is used if no segment has its month
 */
export function segmentOfPhoto(segments, day, position) {
  const digits = String(day).padStart(8, "0");
  const value = day ? `${digits.slice(0, 4)}-${digits.slice(4, 6)}` : NO_DATE;
  const index = segments.findIndex((segment) => segment.value === value);
  if (index >= 0) return index;
  const following = segments.findIndex(({ first }) => first > position);
  return Math.max(0, (following < 0 ? segments.length : following) - 1);
}

/**
 * Return the index of the first photo of a segment, or null if it has not been fetched.
 * @param {Pick<PhotoPages, "days" | "count" | "hasPrevious" | "start" | "inserted">} pages
 * @param {string} value of the segment
 */
export function firstOfSegment({ days, count, hasPrevious, start, inserted }, value) {
  // If the photos were fetched from this segment on, its first photo is known even if the days of its photos are not.
  if (value === start) return inserted;
  const month = value === NO_DATE ? 0 : Number(value.replace("-", ""));
  for (let index = 0; index < count; index++) {
    if (Math.trunc(days[index] / 100) !== month) continue;
    // The photos before the first one may be of the same month.
    return index === 0 && hasPrevious ? null : index;
  }
  return null;
}

/** @param {Segment} segment */
const yearOf = ({ value }) => value.slice(0, 4);

/**
 * Return the index of the segment to which a key moves, or null for other keys.
 * @param {Segment[]} segments
 * @param {number} index
 * @param {string} key
 */
export function moveInSegments(segments, index, key) {
  const last = segments.length - 1;
  const differs = (/** @type {Segment} */ segment) => yearOf(segment) !== yearOf(segments[index]);
  switch (key) {
    case "ArrowDown":
    case "ArrowRight":
      return Math.min(last, index + 1);
    case "ArrowUp":
    case "ArrowLeft":
      return Math.max(0, index - 1);
    case "PageDown": {
      const next = segments.findIndex((segment, at) => at > index && differs(segment));
      return next < 0 ? last : next;
    }
    case "PageUp":
      return Math.max(
        0,
        segments.findLastIndex((segment, at) => at < index && differs(segment)),
      );
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return null;
  }
}

/**
 * Return where the years begin. Only years for which there is room have a label. Years beside a label are left out.
 * @param {Segment[]} segments
 * @param {number} height in pixels
 * @param {number} labelHeight in pixels
 * @returns {{top: number, label: string}[]} top: share of the photos before the year; label: empty if there is no room
 */
export function yearTicks(segments, height, labelHeight) {
  const begins = segments.filter(
    (segment, index) => !index || yearOf(segment) !== yearOf(segments[index - 1]),
  );
  const years = begins.map((segment, index) => ({
    top: segment.top,
    length: (begins[index + 1]?.top ?? 1) - segment.top,
    text: segment.value === NO_DATE ? "–" : yearOf(segment),
    label: "",
  }));
  /** @type {number[]} */
  const labelled = [];
  // Years with many photos get their labels first.
  const hasRoom = (/** @type {{length: number}} */ year) => year.length * height >= labelHeight;
  for (const year of [...years.filter(hasRoom), ...years.filter((other) => !hasRoom(other))]) {
    const top = year.top * height;
    if (top + labelHeight > height) continue;
    if (labelled.some((other) => Math.abs(other - top) < labelHeight)) continue;
    labelled.push(top);
    year.label = year.text;
  }
  const isCovered = (/** @type {number} */ top) =>
    labelled.some((other) => Math.abs(other - top * height) < labelHeight);
  return years
    .filter(({ top, label }) => label || !isCovered(top))
    .map(({ top, label }) => ({ top, label }));
}
