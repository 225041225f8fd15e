/**
 * @file The table's columns.
 * @import { Photo, State } from "../core/types"
 */
import { bucketName } from "../core/folders.js";
import {
  formatAperture,
  formatBitRate,
  formatBytes,
  formatDecimal,
  formatExposure,
  formatFocalLength,
  formatFrameRate,
  formatPosition,
  formatLocalTime,
  formatNumber,
  formatVideoDuration,
  oneLine,
} from "../core/format.js";
import {
  cameraName,
  capitalize,
  fileName,
  formatRating,
  KIND_LABELS,
  settingsLine,
  STATUS_LABELS,
} from "../core/labels.js";
import { lookupTable } from "../core/lookup_table.js";
import { formatTimeTaken } from "../core/taken.js";

/** @param {unknown} value */
const toText = (value) =>
  value === undefined || value === null ? "" : oneLine(String(value), 200);
/**
 * Format a value. Return an empty text if there is none.
 * @template T
 * @param {T | null | undefined} value
 * @param {(value: T) => string} format
 */
const formatIfKnown = (value, format) =>
  value === undefined || value === null ? "" : format(value);

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {number} width in pixels
 * @property {(photo: Photo) => string} format returns the text of a cell
 * @property {boolean} [alignsEnd] whether the text is aligned at the end, as numbers are
 * @property {string} [sort] the API's name of the sort order; absent if there is none
 * @property {string} [firstDirection] "-" if the first click on the header sorts in descending order
 */

/** The columns by name. */
export const COLUMNS = lookupTable(
  /** @type {Record<string, Column>} */ ({
    name: {
      title: "File",
      width: 190,
      format: ({ key, id }) => toText(fileName(key ?? id)),
      sort: "key",
    },
    taken: {
      title: "Taken",
      width: 250,
      format: ({ photo }) => formatTimeTaken(photo),
      sort: "taken",
      firstDirection: "-",
    },
    camera: {
      title: "Camera",
      width: 160,
      format: ({ photo }) => cameraName(photo),
      sort: "camera",
    },
    lens: {
      title: "Lens",
      width: 225,
      format: ({ photo }) => toText(photo.lens_model),
      sort: "lens",
    },
    exposure: {
      title: "Exposure",
      width: 96,
      alignsEnd: true,
      format: ({ photo }) => formatIfKnown(photo.exposure_seconds, formatExposure),
      sort: "exposure",
    },
    f: {
      title: "Aperture",
      width: 92,
      alignsEnd: true,
      format: ({ photo }) => formatIfKnown(photo.f_number, formatAperture),
      sort: "f",
    },
    iso: {
      title: "ISO",
      width: 80,
      alignsEnd: true,
      format: ({ photo }) => formatIfKnown(photo.iso, formatNumber),
      sort: "iso",
    },
    focal: {
      title: "Focal length",
      width: 116,
      alignsEnd: true,
      format: ({ photo }) => formatIfKnown(photo.focal_length_mm, formatFocalLength),
      sort: "focal",
    },
    focal35: {
      title: "35 mm equivalent",
      width: 142,
      alignsEnd: true,
      format: ({ photo }) => formatIfKnown(photo.focal_length_35mm, formatFocalLength),
    },
    settings: { title: "Settings", width: 260, format: ({ photo }) => settingsLine(photo) },
    rating: {
      title: "Rating",
      width: 92,
      format: ({ photo }) =>
        formatIfKnown(photo.rating, (value) => (value === 0 ? "" : formatRating(value))),
      sort: "rating",
      firstDirection: "-",
    },
    keywords: {
      title: "Keywords",
      width: 240,
      format: ({ photo }) => toText([photo.keywords ?? []].flat().join(", ")),
    },
    people: {
      title: "People",
      width: 200,
      format: ({ photo }) => toText((photo.people ?? []).join(", ")),
    },
    title: { title: "Title", width: 220, format: ({ photo }) => toText(photo.title) },
    headline: { title: "Headline", width: 220, format: ({ photo }) => toText(photo.headline) },
    label: { title: "Label", width: 92, format: ({ photo }) => toText(photo.label) },
    kinds: {
      title: "Kind",
      width: 120,
      format: ({ kinds }) =>
        toText((kinds ?? []).map((kind) => KIND_LABELS[kind] ?? kind).join(", ")),
    },
    description: {
      title: "Description",
      width: 280,
      format: ({ photo }) => toText(photo.description),
    },
    size: {
      title: "Size",
      width: 90,
      alignsEnd: true,
      format: ({ size }) => formatIfKnown(size, formatBytes),
    },
    pixels: {
      title: "Dimensions",
      width: 116,
      alignsEnd: true,
      format: ({ photo }) =>
        photo.width_pixels ? `${photo.width_pixels} × ${photo.height_pixels}` : "",
    },
    duration: {
      title: "Duration",
      width: 92,
      alignsEnd: true,
      format: ({ photo }) => formatIfKnown(photo.duration_seconds, formatVideoDuration),
    },
    frame_rate: {
      title: "Frame rate",
      width: 104,
      alignsEnd: true,
      format: ({ photo }) => formatIfKnown(photo.frame_rate, formatFrameRate),
    },
    video_codec: {
      title: "Video codec",
      width: 116,
      format: ({ photo }) => toText(photo.video_codec),
    },
    audio_codec: {
      title: "Audio codec",
      width: 116,
      format: ({ photo }) => toText(photo.audio_codec),
    },
    bit_rate: {
      title: "Bit rate",
      width: 104,
      alignsEnd: true,
      format: ({ photo }) => formatIfKnown(photo.bit_rate, formatBitRate),
    },
    place: {
      title: "Location",
      width: 220,
      format: ({ photo }) =>
        formatIfKnown(photo.location?.coordinates, ([longitude, latitude]) =>
          formatPosition(latitude, longitude),
        ),
    },
    town: {
      title: "Place",
      width: 180,
      format: ({ photo }) => toText(photo.sublocation ?? photo.city ?? photo.place?.name),
    },
    country: {
      title: "Country",
      width: 130,
      format: ({ photo }) => toText(photo.country ?? photo.place?.country),
    },
    altitude: {
      title: "Altitude",
      width: 96,
      alignsEnd: true,
      format: ({ photo }) =>
        formatIfKnown(photo.altitude_metres, (value) => `${formatDecimal(value, 0)} m`),
    },
    flash: {
      title: "Flash",
      width: 104,
      format: ({ photo }) =>
        formatIfKnown(photo.flash_fired, (fired) => (fired ? "Fired" : "Did not fire")),
    },
    white_balance: {
      title: "White balance",
      width: 130,
      format: ({ photo }) => capitalize(toText(photo.white_balance)),
    },
    color_space: {
      title: "Colour space",
      width: 130,
      format: ({ photo }) => toText(photo.color_space),
    },
    camera_serial: {
      title: "Camera serial",
      width: 140,
      format: ({ photo }) => toText(photo.camera_serial),
    },
    lens_serial: {
      title: "Lens serial",
      width: 140,
      format: ({ photo }) => toText(photo.lens_serial),
    },
    shutter_count: {
      title: "Shutter count",
      width: 118,
      alignsEnd: true,
      format: ({ photo }) => formatIfKnown(photo.shutter_count, formatNumber),
    },
    software: { title: "Software", width: 180, format: ({ photo }) => toText(photo.software) },
    artist: { title: "Artist", width: 160, format: ({ photo }) => toText(photo.artist) },
    copyright: { title: "Copyright", width: 200, format: ({ photo }) => toText(photo.copyright) },
    folder: {
      title: "Folder",
      width: 220,
      format: ({ key }) => toText((key ?? "").split("/").slice(0, -1).join("/")),
      sort: "key",
    },
    bucket: {
      title: "Bucket",
      width: 130,
      format: ({ bucket }) => toText(bucket && bucketName(bucket)),
      sort: "bucket",
    },
    format: {
      title: "Format",
      width: 86,
      format: ({ format }) => toText(format).toUpperCase(),
      sort: "format",
    },
    status: {
      title: "Status",
      width: 130,
      format: ({ status }) => STATUS_LABELS[status] ?? toText(status),
      sort: "status",
    },
    problem: { title: "Problem", width: 280, format: ({ problem }) => toText(problem) },
    modified: {
      title: "Last modified",
      width: 190,
      format: (photo) => formatLocalTime(photo.last_modified),
    },
    extracted: {
      title: "Indexed",
      width: 190,
      format: (photo) => formatLocalTime(photo.extracted_at),
      sort: "extracted",
      firstDirection: "-",
    },
    etag: { title: "ETag", width: 270, format: ({ etag }) => toText(etag) },
  }),
);

export const DEFAULT_COLUMNS = [
  "name",
  "taken",
  "camera",
  "lens",
  "exposure",
  "f",
  "iso",
  "focal",
  "rating",
  "folder",
  "status",
];

/**
 * Return the names of the columns in a state, without duplicates and unknown names. If none is left, return the
 * defaults.
 * @param {State} state
 */
export function columnsOf(state) {
  const columns = [...new Set(state.columns ?? [])].filter((name) => COLUMNS[name]);
  return columns.length ? columns : DEFAULT_COLUMNS;
}

/**
 * The names of a column's values in exports, if they are not a single value with the column's name.
 * @type {Record<string, string[]>}
 */
const EXPORTED = Object.assign(Object.create(null), {
  name: ["key"],
  taken: ["taken_local", "taken_offset"],
  camera: ["camera_make", "camera_model"],
  lens: ["lens_model"],
  exposure: ["exposure_seconds"],
  f: ["f_number"],
  focal: ["focal_length_mm"],
  focal35: ["focal_length_35mm"],
  settings: ["exposure_seconds", "f_number", "iso", "focal_length_mm"],
  pixels: ["width_pixels", "height_pixels"],
  duration: ["duration_seconds"],
  place: ["latitude", "longitude"],
  town: ["sublocation", "city", "place"],
  country: ["country", "place_country"],
  altitude: ["altitude_metres"],
  flash: ["flash_fired"],
  folder: ["key"],
  modified: ["last_modified"],
  extracted: ["extracted_at"],
});

/**
 * Return the names, in exports, of the values in a state's columns, in the order of the columns. The first one is the
 * id, by which the rows can be joined with other data.
 * @param {State} state
 */
export const exportedColumns = (state) => [
  ...new Set(["id", ...columnsOf(state).flatMap((name) => EXPORTED[name] ?? [name])]),
];
