/**
 * @file Filters and photos in words. Every function returns plain text.
 * @import { PhotoFields } from "./types"
 */
import {
  aperture,
  decimal,
  exposure,
  exposureNumber,
  focal,
  iso,
  number,
  oneLine,
  period,
} from "./format.js";

/** @typedef {[low: number | null, high: number | null]} Span null: an open end */

// Without a prototype: an address may name "constructor".
/** @type {Record<string, string>} */
const THINGS = Object.assign(Object.create(null), {
  gps: "place",
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
  no_exif: "Without EXIF",
  unsupported: "Not a photo",
  damaged: "Damaged",
});

/**
 * Read 100-400, 100-, -400 or 100. Numbers may be fractions.
 * @param {string} text
 * @returns {Span}
 */
export function readSpan(text) {
  const dash = text.indexOf("-");
  if (dash < 0) return [readNumber(text), readNumber(text)];
  return [readNumber(text.slice(0, dash)), readNumber(text.slice(dash + 1))];
}

/** @param {string} text */
function readNumber(text) {
  if (!text) return null;
  const [numerator, denominator] = text.split("/").map(Number);
  return denominator ? numerator / denominator : numerator;
}

/**
 * Write a span as the API takes it.
 * @param {Span} span
 * @param {(value: number) => string} [write]
 */
export function writeSpan([low, high], write = String) {
  if (low !== null && low === high) return write(low);
  return `${low === null ? "" : write(low)}-${high === null ? "" : write(high)}`;
}

/**
 * Write a number as an exact fraction: 1/250.
 *
 * The convergents of its continued fraction are the best approximations; cameras write one of the first.
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
 * @param {(value: number) => string} write
 * @param {string} [unit]
 */
function between([low, high], write, unit = "") {
  if (low === null) return high === null ? "" : `up to ${write(high)}${unit}`;
  if (high === null) return `from ${write(low)}${unit}`;
  return low === high ? `${write(low)}${unit}` : `${write(low)}–${write(high)}${unit}`;
}

/** @type {Record<"iso" | "f" | "exposure" | "focal", (span: Span) => string>} */
export const SPANS = {
  iso: (span) => `ISO ${between(span, number)}`,
  f: (span) =>
    `f/${between(span, (value) => decimal(value, value < 1 ? 2 : 1))}`.replace(
      /f\/(up to|from) /,
      "$1 f/",
    ),
  exposure: (span) => between(span, exposureNumber, " s"),
  focal: (span) => between(span, (value) => decimal(value, value < 10 ? 2 : 1), " mm"),
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

/** @param {string} text */
function describeHours(text) {
  const [first, last = first] = text.split("-").map(Number);
  /** @param {number} hour */
  const clock = (hour) => `${String(hour).padStart(2, "0")}:00`;
  return `${clock(first)}–${clock((last + 1) % 24)}`;
}

/** @param {string} text */
const isSpan = (text) => /^[\d./]*-?[\d./]*$/.test(text);

/**
 * Describe a filter for its chip.
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
      return ["Status", STATUSES[value] ?? value];
    case "keyword":
      return ["Keyword", oneLine(value, 60)];
    case "rating":
      return ["Rating", stars(Number(value))];
    case "has":
      return ["With", THINGS[value] ?? value];
    case "without":
      return ["Without", THINGS[value] ?? value];
    case "iso":
    case "f":
    case "exposure":
    case "focal":
      return ["", isSpan(value) ? SPANS[name](readSpan(value)) : `${name} ${value}`];
    case "taken":
      return ["Taken", /^[\d.-]+$/.test(value) ? describeDates(value) : value];
    case "hour":
      return ["Hour", /^[\d-]+$/.test(value) ? describeHours(value) : value];
    case "near": {
      const [latitude, longitude, kilometres] = value.split(",");
      return ["Within", `${kilometres} km of ${latitude}, ${longitude}`];
    }
    case "bbox": {
      const sides = value.split(",").map((side) => decimal(Number(side), 2));
      return ["Area", sides.join(", ")];
    }
    case "prefix":
      return ["Folder", oneLine(value, 60)];
    case "q":
      return ["Words", oneLine(value, 60)];
    default:
      return ["Query", oneLine(value, 60)];
  }
}

/** @param {number} rating */
export function stars(rating) {
  if (rating < 0) return "Rejected";
  return rating === 0 ? "No stars" : "★".repeat(rating);
}

/**
 * Return the last part of a key.
 * @param {string} key
 */
export const fileName = (key) => key.replace(/\/+$/, "").split("/").pop() || key;

/**
 * 1/250 s · f/2.8 · ISO 400 · 35 mm
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
 * Return maker and model, without the maker where the model begins with it.
 * @param {PhotoFields} photo
 */
export function cameraName(photo) {
  const make = oneLine(photo.camera_make ?? "", 60);
  const model = oneLine(photo.camera_model ?? "", 80);
  if (!model) return make;
  const first = make.split(" ")[0].toLowerCase();
  return !make || model.toLowerCase().startsWith(first) ? model : `${make} ${model}`;
}
