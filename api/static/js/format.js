// Values as photographers write them. Everything here returns plain text.
const LOCALE = "en-GB";
const INTEGER = new Intl.NumberFormat(LOCALE);
const SHORT = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });

// 12,345
export const number = (value) => INTEGER.format(value);
// 12.3K, for narrow places
export const shortNumber = (value) => (value < 10_000 ? INTEGER.format(value) : SHORT.format(value));
// How many there are, of an answer that may know of no more than some: more than 50,000
export const ofMany = ({ total, more }) => `${more ? "more than " : ""}${number(total)}`;
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
// Up to `digits` decimals, without zeros at the end
export const decimal = (value, digits = 1) => String(Number(value.toFixed(digits)));

// 1/250 s, 0.8 s, 30 s
export function exposure(seconds) {
  return `${exposureNumber(seconds)} s`;
}

export function exposureNumber(seconds) {
  if (!(seconds > 0)) return "0";
  const below = 1 / seconds;
  if (seconds < 0.3 || (seconds < 0.9 && Math.abs(below - Math.round(below)) < 0.01)) {
    return `1/${decimal(below, below < 10 && Math.abs(below - Math.round(below)) > 0.05 ? 1 : 0)}`;
  }
  return decimal(seconds, seconds < 10 ? 1 : 0);
}

// f/2.8
export const aperture = (value) => `f/${decimal(value, value < 1 ? 2 : 1)}`;
// ISO 400
export const iso = (value) => `ISO ${INTEGER.format(value)}`;
// 35 mm
export const focal = (value) => `${decimal(value, value < 10 ? 2 : 1)} mm`;

// 2.4 MB, in powers of 1000 as disks and S3's bills count
export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  let at = 0;
  for (; count >= 999.5 && at < units.length - 1; at++) count /= 1000;
  return at ? `${decimal(count, count < 10 ? 1 : 0)} ${units[at]}` : plural(count, "byte");
}

// 24.2 MP, 0.03 MP
export function megapixels(width, height) {
  const millions = (width * height) / 1e6;
  return `${millions < 1 ? Number(millions.toPrecision(1)) : decimal(millions, 1)} MP`;
}

// Degrees as 48.8566° N, 2.3522° E
export function place(latitude, longitude) {
  const part = (value, plus, minus) => `${Math.abs(value).toFixed(5)}° ${value < 0 ? minus : plus}`;
  return `${part(latitude, "N", "S")}, ${part(longitude, "E", "W")}`;
}

const DAY = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const MONTH = new Intl.DateTimeFormat(LOCALE, { month: "long", year: "numeric", timeZone: "UTC" });
const CLOCK = new Intl.DateTimeFormat(LOCALE, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: "UTC",
});

// A moment of the camera's own clock. The API writes a Z where the camera said its offset; only then a zone is named.
function cameraClock(text, offset) {
  const match = /^(\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)/.exec(text ?? "");
  if (!match) return null;
  let moment = Date.parse(`${match[0]}Z`);
  const shift = /^([+-])(\d\d):(\d\d)$/.exec(offset ?? "");
  if (shift) moment += (shift[1] === "-" ? -1 : 1) * (Number(shift[2]) * 60 + Number(shift[3])) * 60_000;
  return new Date(moment);
}

// 3 May 2024
export function day(text, offset) {
  const moment = cameraClock(text, offset);
  return moment ? DAY.format(moment) : "";
}

// 3 May 2024, 14:05:09, with +02:00 behind it where the camera said so
export function dateTime(text, offset) {
  const moment = cameraClock(text, offset);
  if (!moment) return "";
  const zone = offset ? ` ${offset}` : "";
  return `${DAY.format(moment)}, ${CLOCK.format(moment)}${zone}`;
}

// A moment in UTC, of machines rather than cameras
export const moment = (text) => (text ? `${dateTime(text)} UTC` : "");

// 2024, May 2024, 3 May 2024 from 2024, 2024-05, 2024-05-03
export function period(text) {
  const [year, month, dayOfMonth] = text.split("-").map(Number);
  if (!month) return String(year);
  const date = new Date(Date.UTC(year, month - 1, dayOfMonth || 1));
  return (dayOfMonth ? DAY : MONTH).format(date);
}

// 4 min 5 s
export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

// Text from a photo for one line: control and direction-changing characters are shown as what they are, not obeyed.
export function oneLine(text, most = 300) {
  const shown = text.length > most ? `${text.slice(0, most)}…` : text;
  return shown.replace(HIDDEN, (char) => ESCAPES[char] ?? `\\u${char.codePointAt(0).toString(16).padStart(4, "0")}`);
}

const ESCAPES = { "\n": "⏎", "\r": "", "\t": " " };
// C0 and C1 controls, bidirectional marks, embeddings, overrides and isolates, zero-width characters but the joiners
// that emoji and some scripts need, line separators, the byte order mark
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
