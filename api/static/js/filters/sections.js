/**
 * @file The sections of the filter panel.
 */
import { bucketName } from "../core/folders.js";
import {
  cameraLabel,
  capitalize,
  DATE_SUSPECT_LABELS,
  FLASH_LABELS,
  KIND_LABELS,
  MEDIA_TYPE_LABELS,
  STATUS_LABELS,
} from "../core/labels.js";

/**
 * @typedef {object} SectionOptions
 * @property {string} name name of the facet and of the filter
 * @property {string} title
 * @property {"values" | "range" | "rating" | "location" | "bucket" | "dates" | "duplicates"} kind
 * @property {string} [property] value for the filters `has` and `without`, if it differs from `name`
 * @property {string} [noneLabel] label of the choice of photos without a value
 * @property {string} [noun] what the section is called in a sentence, if not `name`
 * @property {boolean} [isRare] whether the section is closed at first, and its counts are fetched when it is opened
 * @property {(value: string, rows: readonly {value: any, make?: string}[]) => string} [format] returns the label of a
 *   value; `rows` are those of the facet
 */

/** @type {SectionOptions[]} */
export const SECTIONS = [
  { name: "taken", title: "Date taken", kind: "dates", property: "date", noneLabel: "No date" },
  {
    name: "camera",
    title: "Camera",
    kind: "values",
    noneLabel: "No camera",
    format: cameraLabel,
  },
  rare("make", "Camera maker", "camera maker"),
  { name: "lens", title: "Lens", kind: "values", noneLabel: "No lens" },
  { name: "iso", title: "ISO", kind: "range" },
  { name: "f", title: "Aperture", kind: "range" },
  { name: "exposure", title: "Exposure time", kind: "range" },
  { name: "focal", title: "Focal length", kind: "range" },
  { ...rare("focal35", "35 mm equivalent", "35 mm equivalent"), kind: "range" },
  {
    name: "media_type",
    title: "Media type",
    kind: "values",
    noun: "media type",
    format: (value) => MEDIA_TYPE_LABELS[value] ?? value,
  },
  { ...rare("duration", "Duration", "duration"), kind: "range" },
  { ...rare("frame_rate", "Frame rate", "frame rate"), kind: "range" },
  rare("video_codec", "Video codec", "video codec"),
  rare("audio_codec", "Audio codec", "audio codec"),
  {
    name: "keyword",
    title: "Keywords",
    kind: "values",
    property: "keywords",
    noneLabel: "No keywords",
  },
  {
    name: "person",
    title: "People",
    kind: "values",
    property: "people",
    noneLabel: "No people",
    noun: "people",
  },
  { name: "rating", title: "Rating", kind: "rating" },
  rare("label", "Label", "label"),
  { name: "gps", title: "Location", kind: "location" },
  { name: "country", title: "Country", kind: "values", property: "place", noun: "country" },
  rare("state", "State or province", "state or province"),
  rare("city", "City", "city"),
  rare("place", "Place", "place"),
  { ...rare("kind", "Kind", "kind"), format: (value) => KIND_LABELS[value] ?? value },
  { name: "bucket", title: "Bucket and folder", kind: "bucket", format: bucketName },
  { name: "format", title: "Format", kind: "values", format: (value) => value.toUpperCase() },
  {
    name: "status",
    title: "Status",
    kind: "values",
    format: (value) => STATUS_LABELS[value] ?? value,
  },
  { ...rare("fingerprint", "Duplicates", "duplicate"), kind: "duplicates" },
  rare("creator", "Creator", "creator"),
  rare("copyright", "Copyright", "copyright"),
  rare("owner", "Camera owner", "camera owner"),
  rare("camera_serial", "Camera serial number", "camera serial number"),
  rare("lens_serial", "Lens serial number", "lens serial number"),
  rare("software", "Software", "software"),
  { ...rare("white_balance", "White balance", "white balance"), format: capitalize },
  { ...rare("flash", "Flash", "flash"), format: (value) => FLASH_LABELS[value] ?? value },
  rare("color_space", "Colour space", "colour space"),
  {
    ...rare("date_suspect", "Doubtful date", "doubtful date"),
    format: (value) => DATE_SUSPECT_LABELS[value] ?? value,
  },
];

/**
 * Return a section that is closed at first.
 * @param {string} name
 * @param {string} title
 * @param {string} noun
 * @returns {SectionOptions}
 */
function rare(name, title, noun) {
  return { name, title, kind: "values", noun, isRare: true };
}
