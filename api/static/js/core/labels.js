/**
 * @file Describes filters and photos in plain text.
 * @import { PhotoFields, RangeName } from "./types"
 */
import { bucketName } from "./folders.js";
import {
  formatAperture,
  formatDecimal,
  formatExposure,
  formatFocalLength,
  formatHour,
  formatIso,
  formatPeriod,
  oneLine,
} from "./format.js";
import { lookupTable } from "./lookup_table.js";
import { formatFraction, formatPlainNumber, parseSpan, SPAN_FORMATTERS } from "./spans.js";

const PROPERTY_NAMES = lookupTable({
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
  make: "camera maker",
  focal35: "35 mm equivalent",
});
export const KIND_LABELS = lookupTable({
  raw: "RAW",
  hdr: "HDR",
  panorama: "Panorama",
  burst: "Burst",
  motion: "Motion photo",
  generated: "AI-generated",
});
export const FLASH_LABELS = lookupTable({
  true: "Fired",
  false: "Did not fire",
});
export const MEDIA_TYPE_LABELS = lookupTable({
  image: "Photos",
  video: "Videos",
  other: "Other files",
});

/**
 * Return what the results are called in counts, such as "photo".
 * @param {readonly string[]} [mediaTypes] the selected media types; if none is selected, the results exclude other
 *   files
 */
export function nounOf(mediaTypes = []) {
  if (mediaTypes.includes("other")) return mediaTypes.length === 1 ? "other file" : "file";
  return mediaTypes.length === 1 && mediaTypes[0] === "video" ? "video" : "photo";
}

export const DATE_SUSPECT_LABELS = lookupTable({
  future: "In the future",
  before_digital: "Before digital cameras",
  camera_default: "Clock was never set",
  midnight: "Exactly midnight",
});
// Titles of the filters whose values are shown as they are.
const VALUE_TITLES = lookupTable({
  camera: "Camera",
  make: "Camera maker",
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
export const STATUS_LABELS = lookupTable({
  ok: "Has EXIF",
  no_exif: "No EXIF",
  unsupported: "Unsupported",
  damaged: "Damaged",
});

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

export const ROLE_LABELS = lookupTable({
  photo: "photo",
  edited: "edited copy",
  raw: "RAW file",
  video: "video",
  burst: "burst",
  bracket: "bracket",
  hdr: "HDR photo",
  panorama: "panorama",
});

// Titles of the range filters whose values are unclear without a title.
const SPAN_TITLES = lookupTable({ duration: "Duration", focal35: "35 mm equivalent" });

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
    case "focal35":
    case "duration":
    case "frame_rate":
      return [
        SPAN_TITLES[name] ?? "",
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

/**
 * Return a camera model with its make, if the rows of the facet `camera` tell it.
 * @param {string} model
 * @param {readonly {value: any, make?: string}[]} rows
 */
export function cameraLabel(model, rows) {
  const make = rows.find(({ value }) => value === model)?.make;
  return cameraName({ camera_make: make, camera_model: model });
}
