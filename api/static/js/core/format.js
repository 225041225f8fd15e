/**
 * @file Values as photographers write them. Every function returns plain text.
 */
const LOCALE = "en-GB";
const INTEGER = new Intl.NumberFormat(LOCALE);
const SHORT = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });

/**
 * 12,345
 * @param {number} value
 */
export const number = (value) => INTEGER.format(value);

/**
 * 12.3K, for narrow places
 * @param {number} value
 */
export const shortNumber = (value) =>
  value < 10_000 ? INTEGER.format(value) : SHORT.format(value);

/**
 * 1,234, or "more than 50,000" where the API stopped counting
 * @param {{total: number, more?: boolean}} counts
 */
export const ofMany = ({ total, more }) => `${more ? "more than " : ""}${number(total)}`;

/**
 * 1 photo, 2 photos
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export const plural = (count, one, many = `${one}s`) =>
  `${number(count)} ${count === 1 ? one : many}`;

/**
 * Up to `digits` decimals, without trailing zeros
 * @param {number} value
 * @param {number} [digits]
 */
export const decimal = (value, digits = 1) => String(Number(value.toFixed(digits)));

/**
 * 1/250 s, 0.8 s, 30 s
 * @param {number} seconds
 */
export const exposure = (seconds) => `${exposureNumber(seconds)} s`;

/**
 * 1/250, 0.8, 30
 * @param {number} seconds
 */
export function exposureNumber(seconds) {
  if (!(seconds > 0)) return "0";
  const denominator = 1 / seconds;
  const distance = Math.abs(denominator - Math.round(denominator));
  if (seconds < 0.3 || (seconds < 0.9 && distance < 0.01)) {
    return `1/${decimal(denominator, denominator < 10 && distance > 0.05 ? 1 : 0)}`;
  }
  return decimal(seconds, seconds < 10 ? 1 : 0);
}

/**
 * f/2.8
 * @param {number} value
 */
export const aperture = (value) => `f/${decimal(value, value < 1 ? 2 : 1)}`;

/**
 * ISO 400
 * @param {number} value
 */
export const iso = (value) => `ISO ${INTEGER.format(value)}`;

/**
 * 35 mm
 * @param {number} value
 */
export const focal = (value) => `${decimal(value, value < 10 ? 2 : 1)} mm`;

/**
 * 2.4 MB, in powers of 1000 as disks and S3 bills count
 * @param {number} count
 */
export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  let value = count;
  let power = 0;
  for (; value >= 999.5 && power < units.length - 1; power++) value /= 1000;
  return power ? `${decimal(value, value < 10 ? 1 : 0)} ${units[power]}` : plural(count, "byte");
}

/**
 * 24.2 MP, 0.03 MP
 * @param {number} width
 * @param {number} height
 */
export function megapixels(width, height) {
  const millions = (width * height) / 1e6;
  return `${millions < 1 ? Number(millions.toPrecision(1)) : decimal(millions, 1)} MP`;
}

/**
 * 48.85660° N, 2.35220° E
 * @param {number} latitude
 * @param {number} longitude
 */
export function place(latitude, longitude) {
  /** @type {(value: number, plus: string, minus: string) => string} */
  const part = (value, plus, minus) => `${Math.abs(value).toFixed(5)}° ${value < 0 ? minus : plus}`;
  return `${part(latitude, "N", "S")}, ${part(longitude, "E", "W")}`;
}

const DAY = new Intl.DateTimeFormat(LOCALE, {
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});
const MONTH = new Intl.DateTimeFormat(LOCALE, { month: "long", year: "numeric", timeZone: "UTC" });
const CLOCK = new Intl.DateTimeFormat(LOCALE, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZone: "UTC",
});

/**
 * Read a time of the camera's own clock, as a Date whose UTC fields are that clock's. The API writes a Z where the
 * camera recorded its offset; only then is a time zone named.
 * @param {string | null | undefined} text
 * @param {string | null} [offset] +02:00
 */
function readCameraTime(text, offset) {
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
export function day(text, offset) {
  const time = readCameraTime(text, offset);
  return time ? DAY.format(time) : "";
}

/**
 * 3 May 2024, 14:05:09, followed by +02:00 where the camera recorded it
 * @param {string | null | undefined} text
 * @param {string | null} [offset]
 */
export function dateTime(text, offset) {
  const time = readCameraTime(text, offset);
  if (!time) return "";
  return `${DAY.format(time)}, ${CLOCK.format(time)}${offset ? ` ${offset}` : ""}`;
}

/**
 * A time in UTC, of machines rather than cameras
 * @param {string | null | undefined} text
 */
export const moment = (text) => (text ? `${dateTime(text)} UTC` : "");

/**
 * 2024, May 2024, 3 May 2024 from 2024, 2024-05, 2024-05-03
 * @param {string} text
 */
export function period(text) {
  const [year, month, dayOfMonth] = text.split("-").map(Number);
  if (!month) return String(year);
  const date = new Date(Date.UTC(year, month - 1, dayOfMonth || 1));
  return (dayOfMonth ? DAY : MONTH).format(date);
}

/**
 * 59 s, 4 min 5 s, 3 h 20 min
 * @param {number} seconds
 */
export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/**
 * 12 %, < 1 %
 * @param {number} part
 * @param {number} whole
 */
export function share(part, whole) {
  if (!whole || !part) return "0 %";
  const percent = (part / whole) * 100;
  if (percent < 1) return "< 1 %";
  if (percent > 99 && part < whole) return "> 99 %";
  return `${Math.round(percent)} %`;
}

/** @type {Record<string, string>} */
const ESCAPES = { "\n": "⏎", "\r": "", "\t": " " };
// C0 and C1 controls, bidirectional marks, embeddings, overrides and isolates, zero-width characters except the
// joiners that emoji and some scripts need, line separators, and the byte order mark.
const HIDDEN =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * Text from a photo for one line, with control and direction-changing characters written out.
 * @param {string} text
 * @param {number} [limit] in characters
 */
export function oneLine(text, limit = 300) {
  const shown = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return shown.replace(HIDDEN, (char) => ESCAPES[char] ?? `\\u${hex(char)}`);
}

/** @param {string} char */
const hex = (char) => char.charCodeAt(0).toString(16).padStart(4, "0");
