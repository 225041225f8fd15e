/**
 * @file Formats when a photo was taken, as precisely as it is known.
 * @import { PhotoFields } from "./types"
 */
import { formatDateTime, formatDay, formatPeriod } from "./format.js";
import { lookupTable } from "./lookup_table.js";

// Number of characters of an ISO 8601 date that are known, by the precision of the date.
const KNOWN_CHARACTERS = lookupTable({ year: 4, month: 7, day: 10 });
const DAY_CHARACTERS = 10;

/**
 * Return the day on which a photo was taken by the camera's clock, such as 2024-05-03, or only the known part of it:
 * 2024-05 or 2024. Without a date, return an empty text.
 * @param {PhotoFields} photo
 */
export function dayTaken({ taken_local: local, taken_at: taken, taken_precision: precision }) {
  return (local ?? taken ?? "").slice(0, KNOWN_CHARACTERS[precision ?? ""] ?? DAY_CHARACTERS);
}

/**
 * Return whether only the day, month or year is known.
 * @param {PhotoFields} photo
 */
export const hasOnlyDay = (photo) => Boolean(KNOWN_CHARACTERS[photo.taken_precision ?? ""]);

/**
 * 3 May 2024, May 2024, 2024
 * @param {PhotoFields} photo
 */
export const formatDayTaken = (photo) => formatTimeTaken(photo, formatDay);

/**
 * 3 May 2024, 14:05:09 +02:00; or 3 May 2024, May 2024, 2024. Without a date, return an empty text.
 * @param {PhotoFields} photo
 * @param {typeof formatDateTime} [formatTime] formats a time that is known
 */
export function formatTimeTaken(photo, formatTime = formatDateTime) {
  const day = dayTaken(photo);
  return day && hasOnlyDay(photo)
    ? formatPeriod(day)
    : formatTime(photo.taken_at, photo.taken_offset);
}
