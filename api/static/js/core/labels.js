/**
 * @file Describes filters and photos in plain text. Parses and formats the ranges of the API's filters.
 * @import { PhotoFields, RangeName } from "./types"
 */
import { bucketName } from "./folders.js";
import {
  formatAperture,
  formatDecimal,
  formatExposure,
  formatExposureNumber,
  formatFocalLength,
  formatHour,
  formatIso,
  formatNumber,
  oneLine,
  formatPeriod,
  formatVideoDuration,
} from "./format.js";

/** @typedef {[low: number | null, high: number | null]} Span a range of values; null: no limit at that end */

// Values from the URL are looked up in these tables. A URL may contain "constructor", so the tables have no prototype
// in which it would be found.
/** @type {Record<string, string>} */
const PROPERTY_NAMES = Object.assign(Object.create(null), {
  gps: "location",
  date: "date",
  camera: "camera",
  lens: "lens",
  keywords: "keywords",
  people: "people",
  title: "title",
  headline: "headline",
  description: "description",
  rating: "rating",
  regions: "marked areas",
  place: "place name",
  label: "label",
  creator: "creator",
  copyright: "copyright notice",
  owner: "camera owner",
  software: "software",
  camera_serial: "camera serial number",
  lens_serial: "lens serial number",
  white_balance: "white balance",
  flash: "flash data",
  color_space: "colour space",
  date_suspect: "doubtful date",
  duration: "duration",
  frame_rate: "frame rate",
  video_codec: "video codec",
  audio_codec: "audio codec",
});
/** @type {Record<string, string>} */
export const KIND_LABELS = Object.assign(Object.create(null), {
  raw: "RAW",
  hdr: "HDR",
  panorama: "Panorama",
  burst: "Burst",
  motion: "Motion photo",
  generated: "AI-generated",
});
/** @type {Record<string, string>} */
export const FLASH_LABELS = Object.assign(Object.create(null), {
  true: "Fired",
  false: "Did not fire",
});
/** @type {Record<string, string>} */
export const MEDIA_TYPE_LABELS = Object.assign(Object.create(null), {
  image: "Photos",
  video: "Videos",
  other: "Other files",
});

/**
 * Return what the results are called in counts, such as "photo".
 * @param {readonly string[]} [mediaTypes] the selected media types; without any, other files are left out
 */
export function nounOf(mediaTypes = []) {
  if (mediaTypes.includes("other")) return mediaTypes.length === 1 ? "other file" : "file";
  return mediaTypes.length === 1 && mediaTypes[0] === "video" ? "video" : "photo";
}

/** @type {Record<string, string>} */
export const DATE_SUSPECT_LABELS = Object.assign(Object.create(null), {
  future: "In the future",
  before_digital: "Before digital cameras",
  camera_default: "Clock was never set",
  midnight: "Exactly midnight",
});
// Titles of the filters whose values are shown as they are.
/** @type {Record<string, string>} */
const VALUE_TITLES = Object.assign(Object.create(null), {
  camera: "Camera",
  lens: "Lens",
  bucket: "Bucket",
  keyword: "Keyword",
  prefix: "Folder",
  q: "Search",
  person: "Person",
  country: "Country",
  state: "State",
  city: "City",
  place: "Place",
  label: "Label",
  creator: "Creator",
  copyright: "Copyright",
  owner: "Camera owner",
  software: "Software",
  camera_serial: "Camera serial number",
  lens_serial: "Lens serial number",
  white_balance: "White balance",
  color_space: "Colour space",
  video_codec: "Video codec",
  audio_codec: "Audio codec",
});
/** @type {Record<string, string>} */
export const STATUS_LABELS = Object.assign(Object.create(null), {
  ok: "Has EXIF",
  no_exif: "No EXIF",
  unsupported: "Unsupported",
  damaged: "Damaged",
});

/**
 * Parse the value of a range filter: 100-400, 100-, -400 or 100. The numbers may be fractions, such as 1/250.
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
 * Format a span as the value of a range filter.
 * @param {Span} span
 * @param {(value: number) => string} [format]
 */
export function formatSpan([low, high], format = formatPlainNumber) {
  if (low !== null && low === high) return format(low);
  return `${low === null ? "" : format(low)}-${high === null ? "" : format(high)}`;
}

/**
 * Format a number for the API, with up to six decimals and independent of the locale.
 * @param {number} value
 */
export const formatPlainNumber = (value) => String(Number(value.toFixed(6)));

/**
 * Format a number for the API as the fraction that the camera wrote, such as 1/250.
 *
 * The convergents of the number's continued fraction are its best approximations by fractions with small denominators.
 * The first one that is close enough is the camera's fraction.
 * @param {number} value
 */
export function formatFraction(value) {
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

/**
 * Describe a span, by the name of its filter.
 * @type {Record<RangeName, (span: Span) => string>}
 */
export const SPAN_FORMATTERS = {
  iso: (span) => `ISO ${describeSpan(span, formatNumber)}`,
  f: (span) =>
    `f/${describeSpan(span, (value) => formatDecimal(value, value < 1 ? 2 : 1))}`.replace(
      /f\/(up to|from) /,
      "$1 f/",
    ),
  exposure: (span) => describeSpan(span, formatExposureNumber, " s"),
  focal: (span) => describeSpan(span, (value) => formatDecimal(value, value < 10 ? 2 : 1), " mm"),
  duration: (span) => describeSpan(span, formatVideoDuration),
  frame_rate: (span) => describeSpan(span, (value) => formatDecimal(value, 2), " fps"),
};

/**
 * Describe the value of the filter `taken`, such as 2024-05..2024-09.
 * @param {string} text
 */
export function describeDates(text) {
  if (!text.includes("..")) return formatPeriod(text);
  const [first, last] = text.split("..");
  if (!first) return `up to ${formatPeriod(last)}`;
  return last ? `${formatPeriod(first)} – ${formatPeriod(last)}` : `from ${formatPeriod(first)}`;
}

/**
 * Describe the value of the filter `hour`, such as 22-1.
 * @param {string} text
 */
function describeHours(text) {
  const [first, last = first] = text.split("-").map(Number);
  return `${formatHour(first)}–${formatHour(last + 1)}`;
}

/** @param {string} text */
const isSpan = (text) => /^[\d./]*-?[\d./]*$/.test(text);
/** @param {string} text */
const isDates = (text) =>
  /^(\.\.)?\d{4}(-\d\d){0,2}$|^\d{4}(-\d\d){0,2}\.\.(\d{4}(-\d\d){0,2})?$/.test(text);
/** @param {string} text */
const isHours = (text) => /^\d\d?(-\d\d?)?$/.test(text);

/** @type {Record<string, string>} */
export const ROLE_LABELS = Object.assign(Object.create(null), {
  photo: "photo",
  edited: "edited copy",
  raw: "RAW file",
  video: "video",
  burst: "photo of a burst",
  bracket: "photo of a bracket",
  panorama: "part of a panorama",
});

/**
 * Describe a filter for its chip. The kind is empty if the value alone is clear, such as "ISO 400".
 * @param {string} name
 * @param {string} value
 * @returns {[kind: string, value: string]}
 */
export function describeFilter(name, value) {
  switch (name) {
    case "bucket":
      return ["Bucket", oneLine(bucketName(value), 60)];
    case "format":
      return ["Format", oneLine(value, 20).toUpperCase()];
    case "status":
      return ["Status", STATUS_LABELS[value] ?? oneLine(value, 60)];
    case "primary":
      return ["", value === "true" ? "Stacks as one photo" : "All files of stacks"];
    case "stack":
      return ["Stack", oneLine(fileName(value), 60)];
    case "kind":
      return ["Kind", KIND_LABELS[value] ?? oneLine(value, 60)];
    case "media_type":
      return ["", MEDIA_TYPE_LABELS[value] ?? oneLine(value, 60)];
    case "date_suspect":
      return ["Doubtful date", DATE_SUSPECT_LABELS[value] ?? oneLine(value, 60)];
    case "flash":
      return ["Flash", FLASH_LABELS[value] ?? oneLine(value, 60)];
    case "fingerprint":
      return ["", "Copies of one file"];
    case "rating":
      return ["Rating", formatRating(Number(value))];
    case "has":
      return ["", `Has ${PROPERTY_NAMES[value] ?? oneLine(value, 60)}`];
    case "without":
      return ["", `No ${PROPERTY_NAMES[value] ?? oneLine(value, 60)}`];
    case "iso":
    case "f":
    case "exposure":
    case "focal":
    case "duration":
    case "frame_rate":
      return [
        name === "duration" ? "Duration" : "",
        isSpan(value) ? SPAN_FORMATTERS[name](parseSpan(value)) : `${name} ${oneLine(value, 60)}`,
      ];
    case "taken":
      return ["Date", isDates(value) ? describeDates(value) : oneLine(value, 60)];
    case "hour":
      return ["Time", isHours(value) ? describeHours(value) : oneLine(value, 60)];
    case "near": {
      const [latitude, longitude, kilometres] = value.split(",");
      return ["", oneLine(`Within ${kilometres} km of ${latitude}, ${longitude}`, 90)];
    }
    case "bbox": {
      const sides = value.split(",").map((side) => formatDecimal(Number(side), 2));
      return ["Map area", sides.join(", ")];
    }
    default:
      return [VALUE_TITLES[name] ?? "Query", oneLine(value, 60)];
  }
}

/**
 * Describe a filter in a single text, such as "Camera: X-T4".
 * @param {string} name
 * @param {string} value
 */
export const filterTitle = (name, value) => describeFilter(name, value).filter(Boolean).join(": ");

/**
 * Return a text with its first letter in upper case.
 * @param {string} text
 */
export const capitalize = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** @param {number} rating -1 to 5 */
export function formatRating(rating) {
  if (rating < 0) return "Rejected";
  return rating === 0 ? "0 stars" : "★".repeat(rating);
}

/**
 * Return the part of a key after its last slash.
 * @param {string} key
 */
export const fileName = (key) => key.replace(/\/+$/, "").split("/").pop() || key;

/**
 * Return the exposure settings, each with the filter for the photos that share it.
 * @param {PhotoFields} photo
 * @returns {[filter: RangeName, value: string, text: string][]}
 */
export function exposureSettings(photo) {
  const { exposure_seconds: exposure, f_number: aperture, iso, focal_length_mm: focal } = photo;
  /** @type {[RangeName, string, string][]} */
  const settings = [];
  if (exposure) settings.push(["exposure", formatFraction(exposure), formatExposure(exposure)]);
  if (aperture) settings.push(["f", formatPlainNumber(aperture), formatAperture(aperture)]);
  if (iso) settings.push(["iso", formatPlainNumber(iso), formatIso(iso)]);
  if (focal) settings.push(["focal", formatPlainNumber(focal), formatFocalLength(focal)]);
  return settings;
}

/**
 * Return the exposure settings, such as 1/250 s · f/2.8 · ISO 400 · 35 mm.
 * @param {PhotoFields} photo
 */
export const settingsLine = (photo) =>
  exposureSettings(photo)
    .map(([, , text]) => text)
    .join(" · ");

/**
 * Return the city and the country of a photo. The names in the file take precedence over those of the nearest place.
 * @param {PhotoFields} photo
 */
export function placeName({ place, city, sublocation, state, country }) {
  const named = city ?? sublocation ?? state;
  const parts =
    (named ?? country)
      ? [named, country]
      : [place?.city ?? place?.name ?? place?.region, place?.country];
  return oneLine([...new Set(parts.filter(Boolean))].join(", "), 80);
}

/**
 * Return the camera's make and model. If the model begins with the first word of the make, return only the model.
 * @param {PhotoFields} photo
 */
export function cameraName(photo) {
  const make = oneLine(photo.camera_make ?? "", 60);
  const model = oneLine(photo.camera_model ?? "", 80);
  if (!model) return make;
  const firstWord = make.split(" ")[0].toLowerCase();
  return !make || model.toLowerCase().startsWith(firstWord) ? model : `${make} ${model}`;
}
