/**
 * @file Formats values for display, as plain text. Numbers and dates follow the browser's locale.
 *
 * The comment of each format function begins with examples of what it returns.
 */
const INTEGER = new Intl.NumberFormat();
const COMPACT = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const PERCENT = new Intl.NumberFormat(undefined, { style: "percent" });
const ONE_DIGIT = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 1 });
const USD = /** @type {const} */ ({
  style: "currency",
  currency: "USD",
  currencyDisplay: "narrowSymbol",
});
const DOLLARS = new Intl.NumberFormat(undefined, USD);
const SMALL_DOLLARS = new Intl.NumberFormat(undefined, { ...USD, maximumSignificantDigits: 3 });
// Formats by maximum number of decimals. Digits are not grouped, because photographers write 1/8000 s.
const DECIMALS = [0, 1, 2].map(
  (digits) =>
    new Intl.NumberFormat(undefined, {
      maximumFractionDigits: digits,
      signDisplay: "negative",
      useGrouping: false,
    }),
);

/**
 * 12,345
 * @param {number} value
 */
export const formatNumber = (value) => INTEGER.format(value);

/**
 * 12.3K, for places with little room. Numbers below 10,000 are not shortened.
 * @param {number} value
 */
export const formatShortNumber = (value) =>
  value < 10_000 ? INTEGER.format(value) : COMPACT.format(value);

/**
 * 1,234, or "more than 50,000" if the API stopped counting at that number
 * @param {{total: number, more?: boolean}} counts
 */
export const formatTotal = ({ total, more }) => `${more ? "more than " : ""}${formatNumber(total)}`;

/**
 * 1 photo, 2 photos
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export const pluralize = (count, one, many = `${one}s`) =>
  `${formatNumber(count)} ${count === 1 ? one : many}`;

/**
 * Up to `digits` decimals, without trailing zeros
 * @param {number} value
 * @param {0 | 1 | 2} [digits]
 */
export const formatDecimal = (value, digits = 1) => DECIMALS[digits].format(value);

/**
 * 1/250 s, 0.8 s, 30 s
 * @param {number} seconds
 */
export const formatExposure = (seconds) => `${formatExposureNumber(seconds)} s`;

/**
 * 1/250, 0.8, 30
 * @param {number} seconds
 */
export function formatExposureNumber(seconds) {
  if (!(seconds > 0)) return "0";
  const denominator = 1 / seconds;
  const distance = Math.abs(denominator - Math.round(denominator));
  if (seconds < 0.3 || (seconds < 0.9 && distance < 0.01)) {
    return `1/${formatDecimal(denominator, denominator < 10 && distance > 0.05 ? 1 : 0)}`;
  }
  return formatDecimal(seconds, seconds < 10 ? 1 : 0);
}

/**
 * $12.30, or three significant digits as in $0.0421
 * @param {number} value
 */
export const formatDollars = (value) => (value < 1 ? SMALL_DOLLARS : DOLLARS).format(value);

/**
 * f/2.8
 * @param {number} value
 */
export const formatAperture = (value) => `f/${formatDecimal(value, value < 1 ? 2 : 1)}`;

/**
 * ISO 400
 * @param {number} value
 */
export const formatIso = (value) => `ISO ${INTEGER.format(value)}`;

/**
 * 35 mm
 * @param {number} value
 */
export const formatFocalLength = (value) => `${formatDecimal(value, value < 10 ? 2 : 1)} mm`;

/**
 * 2.4 MB. Units are powers of 1000.
 * @param {number} count
 */
export function formatBytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  let value = count;
  let power = 0;
  for (; value >= 999.5 && power < units.length - 1; power++) value /= 1000;
  return power
    ? `${formatDecimal(value, value < 10 ? 1 : 0)} ${units[power]}`
    : pluralize(count, "byte");
}

/**
 * 24.2 MP, 0.03 MP
 * @param {number} width
 * @param {number} height
 */
export function formatMegapixels(width, height) {
  const millions = (width * height) / 1e6;
  return `${millions < 1 ? ONE_DIGIT.format(millions) : formatDecimal(millions, 1)} MP`;
}

/**
 * 48.85660° N, 2.35220° E. The decimal separator is always a point, so that other maps accept the copied text.
 * @param {number} latitude
 * @param {number} longitude
 */
export function formatPosition(latitude, longitude) {
  /** @type {(value: number, positive: string, negative: string) => string} */
  const part = (value, positive, negative) =>
    `${Math.abs(value).toFixed(5)}° ${value < 0 ? negative : positive}`;
  return `${part(latitude, "N", "S")}, ${part(longitude, "E", "W")}`;
}

// Formats for camera times. parseCameraTime returns dates whose UTC fields show the camera's clock.
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
const DAY_TIME = new Intl.DateTimeFormat(undefined, {
  dateStyle: "medium",
  timeStyle: "medium",
  timeZone: "UTC",
});
const MONTH_YEAR = new Intl.DateTimeFormat(undefined, {
  month: "long",
  year: "numeric",
  timeZone: "UTC",
});
const WEEKDAY = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  day: "numeric",
  timeZone: "UTC",
});
const MONTH = new Intl.DateTimeFormat(undefined, { month: "short", timeZone: "UTC" });
const HOUR = new Intl.DateTimeFormat(undefined, { timeStyle: "short", timeZone: "UTC" });
// Formats for times from the server, in the browser's time zone.
const LOCAL_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const CLOCK_TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const AGE = new Intl.RelativeTimeFormat(undefined, { numeric: "always" });

/**
 * Parse the time at which a photo was taken. Return a Date whose UTC fields show the camera's clock.
 * @param {string | null | undefined} text UTC time, with a Z, if the camera recorded its UTC offset; otherwise local
 *   time
 * @param {string | null} [offset] UTC offset of the camera, such as +02:00
 */
function parseCameraTime(text, offset) {
  const match = /^(\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)/.exec(text ?? "");
  if (!match) return null;
  let milliseconds = Date.parse(`${match[0]}Z`);
  const shift = /^([+-])(\d\d):(\d\d)$/.exec(offset ?? "");
  if (shift) {
    const minutes = Number(shift[2]) * 60 + Number(shift[3]);
    milliseconds += (shift[1] === "-" ? -1 : 1) * minutes * 60_000;
  }
  return new Date(milliseconds);
}

/**
 * 3 May 2024
 * @param {string | null | undefined} text
 * @param {string | null} [offset]
 */
export function formatDay(text, offset) {
  const time = parseCameraTime(text, offset);
  return time ? DAY.format(time) : "";
}

/**
 * 3 May 2024, 14:05:09, followed by +02:00 if the camera recorded its UTC offset
 * @param {string | null | undefined} text
 * @param {string | null} [offset]
 */
export function formatDateTime(text, offset) {
  const time = parseCameraTime(text, offset);
  return time ? `${DAY_TIME.format(time)}${offset ? ` ${offset}` : ""}` : "";
}

/**
 * 3 May 2024, 14:05:09. The time is from the server, and shown in the browser's time zone.
 * @param {string | null | undefined} text ISO 8601, with time zone
 */
export function formatLocalTime(text) {
  const milliseconds = Date.parse(text ?? "");
  return Number.isNaN(milliseconds) ? "" : LOCAL_TIME.format(milliseconds);
}

/**
 * 5 minutes ago; null for a time that is not within the last 24 hours
 * @param {string | null | undefined} text ISO 8601, with time zone
 * @param {number} [now] in milliseconds since 1970
 */
export function formatAge(text, now = Date.now()) {
  const minutes = Math.floor((now - Date.parse(text ?? "")) / 60_000);
  if (!(minutes >= 0 && minutes < 24 * 60)) return null;
  if (minutes < 1) return "just now";
  return minutes < 60
    ? AGE.format(-minutes, "minute")
    : AGE.format(-Math.floor(minutes / 60), "hour");
}

/**
 * 14:05:09, in the browser's time zone
 * @param {number} seconds seconds since 1970
 */
export const formatClockTime = (seconds) => CLOCK_TIME.format(seconds * 1000);

/**
 * 06:00, or 6:00 AM
 * @param {number} hour 0 to 24; 24 is midnight, as is 0
 */
export const formatHour = (hour) => HOUR.format(Date.UTC(2000, 0, 1, hour));

/**
 * May
 * @param {number} month 1 to 12
 */
export const formatMonth = (month) => MONTH.format(Date.UTC(2000, month - 1, 1));

/**
 * 2024, May 2024, 3 May 2024
 * @param {string} text 2024, 2024-05 or 2024-05-03
 */
export function formatPeriod(text) {
  const [year, month, dayOfMonth] = text.split("-").map(Number);
  if (!month) return String(year);
  const date = new Date(Date.UTC(year, month - 1, dayOfMonth || 1));
  return (dayOfMonth ? DAY : MONTH_YEAR).format(date);
}

/**
 * Fri 3
 * @param {number} year
 * @param {number} month 1 to 12
 * @param {number} day
 */
export const formatWeekday = (year, month, day) =>
  WEEKDAY.format(new Date(0).setUTCFullYear(year, month - 1, day));

/**
 * 59 s, 4 min 5 s, 3 h 20 min
 * @param {number} seconds
 */
export function formatDuration(seconds) {
  const rounded = Math.round(seconds);
  if (rounded < 60) return `${rounded} s`;
  if (rounded < 3600) return `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
  return `${Math.floor(rounded / 3600)} h ${Math.floor((rounded % 3600) / 60)} min`;
}

/**
 * 0:05, 4:05, 1:02:05; the duration of a video, as players show it
 * @param {number} seconds
 */
export function formatVideoDuration(seconds) {
  const whole = Math.floor(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const shown = hours ? `${hours}:${String(minutes).padStart(2, "0")}` : String(minutes);
  return `${shown}:${String(whole % 60).padStart(2, "0")}`;
}

/**
 * 29.97 fps
 * @param {number} rate
 */
export const formatFrameRate = (rate) => `${formatDecimal(rate, 2)} fps`;

/**
 * 17.2 Mbit/s, 640 kbit/s
 * @param {number} rate in bits per second
 */
export function formatBitRate(rate) {
  if (rate >= 999_500) return `${formatDecimal(rate / 1e6, 1)} Mbit/s`;
  return rate >= 1000
    ? `${formatDecimal(rate / 1000, 0)} kbit/s`
    : `${formatDecimal(rate, 0)} bit/s`;
}

/**
 * 12%
 * @param {number} fraction
 */
export const formatPercent = (fraction) => PERCENT.format(fraction);

/**
 * 12%, <1% or >99%. 0% means none, and 100% means all.
 * @param {number} part
 * @param {number} total
 */
export function formatShare(part, total) {
  if (!total || !part) return formatPercent(0);
  const fraction = part / total;
  if (fraction < 0.01) return `<${formatPercent(0.01)}`;
  if (fraction > 0.99 && part < total) return `>${formatPercent(0.99)}`;
  return formatPercent(fraction);
}

/** @type {Record<string, string>} */
const ESCAPES = { "\n": "⏎", "\r": "", "\t": " " };
// C0 and C1 controls; bidirectional marks, embeddings, overrides and isolates; line separators; the byte order mark;
// and zero-width characters, except the joiners, which emoji and some scripts need.
const INVISIBLE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * Return text from a photo as one line. Control and bidirectional characters, which could make the text look like
 * another, are escaped.
 * @param {string} text
 * @param {number} [limit] maximum number of characters; longer text is truncated
 */
export function oneLine(text, limit = 300) {
  const shown = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return shown.replace(INVISIBLE, (char) => ESCAPES[char] ?? `\\u${hex(char)}`);
}

/** @param {string} char */
const hex = (char) => char.charCodeAt(0).toString(16).padStart(4, "0");
