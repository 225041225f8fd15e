/**
 * @file Describes filters and photos. Every function returns plain text.
 * @import { PhotoFields } from "./types"
 */
import {
  aperture,
  decimal,
  exposure,
  exposureNumber,
  focal,
  hourOfDay,
  iso,
  number,
  oneLine,
  period,
} from "./format.js";

/** @typedef {[low: number | null, high: number | null]} Span null: no limit at that end */

// These tables have no prototype, because a URL may contain "constructor" as a value.
/** @type {Record<string, string>} */
const PROPERTIES = Object.assign(Object.create(null), {
  gps: "location",
  date: "date",
  camera: "camera",
  lens: "lens",
  keywords: "keywords",
  description: "description",
  rating: "rating",
});
/** @type {Record<string, string>} */
export const STATUSES = Object.assign(Object.create(null), {
  ok: "Has EXIF",
  no_exif: "No EXIF",
  unsupported: "Unsupported",
  damaged: "Damaged",
});

/**
 * Parse 100-400, 100-, -400 or 100. Numbers may be fractions.
 * @param {string} text
 * @returns {Span}
 */
export function parseSpan(text) {
  const dash = text.indexOf("-");
  if (dash < 0) return [parseNumber(text), parseNumber(text)];
  return [parseNumber(text.slice(0, dash)), parseNumber(text.slice(dash + 1))];
}

/** @param {string} text */
function parseNumber(text) {
  if (!text) return null;
  const [numerator, denominator] = text.split("/").map(Number);
  return denominator ? numerator / denominator : numerator;
}

/**
 * Format a span for the API.
 * @param {Span} span
 * @param {(value: number) => string} [format]
 */
export function formatSpan([low, high], format = plainNumber) {
  if (low !== null && low === high) return format(low);
  return `${low === null ? "" : format(low)}-${high === null ? "" : format(high)}`;
}

/**
 * Format a number for the API: up to six decimals, in no locale.
 * @param {number} value
 */
export const plainNumber = (value) => String(Number(value.toFixed(6)));

/**
 * Format a number for the API as an exact fraction: 1/250.
 *
 * The convergents of its continued fraction are the best approximations. The fraction that the camera wrote is one of
 * the first.
 * @param {number} value
 */
export function fraction(value) {
  if (value >= 1 && Number.isInteger(value)) return String(value);
  let [numerator, denominator, lastNumerator, lastDenominator] = [Math.floor(value), 1, 1, 0];
  let rest = value - numerator;
  for (let step = 0; step < 20; step++) {
    if (Math.abs(numerator / denominator - value) <= value * 1e-8) break;
    const next = Math.floor(1 / rest);
    [numerator, lastNumerator] = [next * numerator + lastNumerator, numerator];
    [denominator, lastDenominator] = [next * denominator + lastDenominator, denominator];
    if (denominator > 999_999_999 || numerator > 999_999_999) {
      return `${lastNumerator}/${lastDenominator}`;
    }
    rest = 1 / rest - next;
  }
  return denominator === 1 ? String(numerator) : `${numerator}/${denominator}`;
}

/**
 * @param {Span} span
 * @param {(value: number) => string} format
 * @param {string} [unit]
 */
function describeSpan([low, high], format, unit = "") {
  if (low === null) return high === null ? "" : `up to ${format(high)}${unit}`;
  if (high === null) return `from ${format(low)}${unit}`;
  return low === high ? `${format(low)}${unit}` : `${format(low)}–${format(high)}${unit}`;
}

/** @type {Record<"iso" | "f" | "exposure" | "focal", (span: Span) => string>} */
export const SPANS = {
  iso: (span) => `ISO ${describeSpan(span, number)}`,
  f: (span) =>
    `f/${describeSpan(span, (value) => decimal(value, value < 1 ? 2 : 1))}`.replace(
      /f\/(up to|from) /,
      "$1 f/",
    ),
  exposure: (span) => describeSpan(span, exposureNumber, " s"),
  focal: (span) => describeSpan(span, (value) => decimal(value, value < 10 ? 2 : 1), " mm"),
};

/**
 * Describe 2024-05..2024-09.
 * @param {string} text
 */
export function describeDates(text) {
  if (!text.includes("..")) return period(text);
  const [first, last] = text.split("..");
  if (!first) return `up to ${period(last)}`;
  return last ? `${period(first)} – ${period(last)}` : `from ${period(first)}`;
}

/** @param {string} text 22-1 */
function describeHours(text) {
  const [first, last = first] = text.split("-").map(Number);
  return `${hourOfDay(first)}–${hourOfDay(last + 1)}`;
}

/** @param {string} text */
const isSpan = (text) => /^[\d./]*-?[\d./]*$/.test(text);
/** @param {string} text */
const isDates = (text) =>
  /^(\.\.)?\d{4}(-\d\d){0,2}$|^\d{4}(-\d\d){0,2}\.\.(\d{4}(-\d\d){0,2})?$/.test(text);
/** @param {string} text */
const isHours = (text) => /^\d\d?(-\d\d?)?$/.test(text);

/**
 * Describe a filter for its chip. The kind is empty if the value says it all.
 * @param {string} name
 * @param {string} value
 * @returns {[kind: string, value: string]}
 */
export function describeFilter(name, value) {
  switch (name) {
    case "camera":
      return ["Camera", oneLine(value, 60)];
    case "lens":
      return ["Lens", oneLine(value, 60)];
    case "bucket":
      return ["Bucket", oneLine(value, 60)];
    case "format":
      return ["Format", oneLine(value, 20).toUpperCase()];
    case "status":
      return ["Status", STATUSES[value] ?? oneLine(value, 60)];
    case "keyword":
      return ["Keyword", oneLine(value, 60)];
    case "rating":
      return ["Rating", stars(Number(value))];
    case "has":
      return ["", `Has ${PROPERTIES[value] ?? oneLine(value, 60)}`];
    case "without":
      return ["", `No ${PROPERTIES[value] ?? oneLine(value, 60)}`];
    case "iso":
    case "f":
    case "exposure":
    case "focal":
      return ["", isSpan(value) ? SPANS[name](parseSpan(value)) : `${name} ${oneLine(value, 60)}`];
    case "taken":
      return ["Date", isDates(value) ? describeDates(value) : oneLine(value, 60)];
    case "hour":
      return ["Time", isHours(value) ? describeHours(value) : oneLine(value, 60)];
    case "near": {
      const [latitude, longitude, kilometres] = value.split(",");
      return ["", oneLine(`Within ${kilometres} km of ${latitude}, ${longitude}`, 90)];
    }
    case "bbox": {
      const sides = value.split(",").map((side) => decimal(Number(side), 2));
      return ["Map area", sides.join(", ")];
    }
    case "prefix":
      return ["Folder", oneLine(value, 60)];
    case "q":
      return ["Search", oneLine(value, 60)];
    default:
      return ["Query", oneLine(value, 60)];
  }
}

/**
 * Describe a filter as a single text, such as "Camera: X-T4".
 * @param {string} name
 * @param {string} value
 */
export const filterTitle = (name, value) => describeFilter(name, value).filter(Boolean).join(": ");

/** @param {number} rating -1 to 5 */
export function stars(rating) {
  if (rating < 0) return "Rejected";
  return rating === 0 ? "0 stars" : "★".repeat(rating);
}

/**
 * Return the last part of a key.
 * @param {string} key
 */
export const fileName = (key) => key.replace(/\/+$/, "").split("/").pop() || key;

/**
 * Return the exposure settings: 1/250 s · f/2.8 · ISO 400 · 35 mm.
 * @param {PhotoFields} photo
 */
export function settingsLine(photo) {
  const parts = [
    photo.exposure_seconds && exposure(photo.exposure_seconds),
    photo.f_number && aperture(photo.f_number),
    photo.iso && iso(photo.iso),
    photo.focal_length_mm && focal(photo.focal_length_mm),
  ];
  return parts.filter(Boolean).join(" · ");
}

/**
 * Return make and model, without the make if the model begins with it.
 * @param {PhotoFields} photo
 */
export function cameraName(photo) {
  const make = oneLine(photo.camera_make ?? "", 60);
  const model = oneLine(photo.camera_model ?? "", 80);
  if (!model) return make;
  const firstWord = make.split(" ")[0].toLowerCase();
  return !make || model.toLowerCase().startsWith(firstWord) ? model : `${make} ${model}`;
}
