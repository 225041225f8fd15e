/**
 * @file The table's columns.
 * @import { Photo, State } from "../core/types"
 */
import {
  aperture,
  bytes,
  dateTime,
  decimal,
  exposure,
  focal,
  formatPosition,
  localTime,
  number,
  oneLine,
} from "../core/format.js";
import { cameraName, fileName, settingsLine, stars, STATUSES } from "../core/labels.js";

/** @param {unknown} value */
const text = (value) => (value === undefined || value === null ? "" : oneLine(String(value), 200));
/**
 * @template T
 * @param {T | null | undefined} value
 * @param {(value: T) => string} format
 */
const ifKnown = (value, format) => (value === undefined || value === null ? "" : format(value));

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {number} width in pixels
 * @property {(photo: Photo) => string} show
 * @property {boolean} [end] aligned at the end, as numbers are
 * @property {string} [sort] the API's name of the sort order
 * @property {string} [first] direction of the first click on the header: "-" for descending
 */

// No prototype, because a URL may contain "constructor" as a name.
/** @type {Record<string, Column>} */
export const COLUMNS = Object.assign(
  Object.create(null),
  /** @type {Record<string, Column>} */ ({
    name: {
      title: "File",
      width: 190,
      show: ({ key, id }) => text(fileName(key ?? id)),
      sort: "key",
    },
    taken: {
      title: "Taken",
      width: 250,
      show: ({ photo }) => dateTime(photo.taken_at, photo.taken_offset),
      sort: "taken",
      first: "-",
    },
    camera: { title: "Camera", width: 160, show: ({ photo }) => cameraName(photo), sort: "camera" },
    lens: { title: "Lens", width: 225, show: ({ photo }) => text(photo.lens_model), sort: "lens" },
    exposure: {
      title: "Exposure",
      width: 96,
      end: true,
      show: ({ photo }) => ifKnown(photo.exposure_seconds, exposure),
      sort: "exposure",
    },
    f: {
      title: "Aperture",
      width: 92,
      end: true,
      show: ({ photo }) => ifKnown(photo.f_number, aperture),
      sort: "f",
    },
    iso: {
      title: "ISO",
      width: 80,
      end: true,
      show: ({ photo }) => ifKnown(photo.iso, number),
      sort: "iso",
    },
    focal: {
      title: "Focal length",
      width: 116,
      end: true,
      show: ({ photo }) => ifKnown(photo.focal_length_mm, focal),
      sort: "focal",
    },
    focal35: {
      title: "35 mm equivalent",
      width: 142,
      end: true,
      show: ({ photo }) => ifKnown(photo.focal_length_35mm, focal),
    },
    settings: { title: "Settings", width: 260, show: ({ photo }) => settingsLine(photo) },
    rating: {
      title: "Rating",
      width: 92,
      show: ({ photo }) => ifKnown(photo.rating, (value) => (value === 0 ? "" : stars(value))),
      sort: "rating",
      first: "-",
    },
    keywords: {
      title: "Keywords",
      width: 240,
      show: ({ photo }) => text([photo.keywords ?? []].flat().join(", ")),
    },
    description: { title: "Description", width: 280, show: ({ photo }) => text(photo.description) },
    size: { title: "Size", width: 90, end: true, show: ({ size }) => ifKnown(size, bytes) },
    pixels: {
      title: "Dimensions",
      width: 116,
      end: true,
      show: ({ photo }) =>
        photo.width_pixels ? `${photo.width_pixels} × ${photo.height_pixels}` : "",
    },
    place: {
      title: "Location",
      width: 220,
      show: ({ photo }) =>
        ifKnown(photo.location?.coordinates, ([longitude, latitude]) =>
          formatPosition(latitude, longitude),
        ),
    },
    altitude: {
      title: "Altitude",
      width: 96,
      end: true,
      show: ({ photo }) => ifKnown(photo.altitude_metres, (value) => `${decimal(value, 0)} m`),
    },
    flash: {
      title: "Flash",
      width: 80,
      show: ({ photo }) => ifKnown(photo.flash_fired, (fired) => (fired ? "Fired" : "Off")),
    },
    software: { title: "Software", width: 180, show: ({ photo }) => text(photo.software) },
    artist: { title: "Artist", width: 160, show: ({ photo }) => text(photo.artist) },
    copyright: { title: "Copyright", width: 200, show: ({ photo }) => text(photo.copyright) },
    folder: {
      title: "Folder",
      width: 220,
      show: ({ key }) => text((key ?? "").split("/").slice(0, -1).join("/")),
      sort: "key",
    },
    bucket: { title: "Bucket", width: 130, show: ({ bucket }) => text(bucket), sort: "bucket" },
    format: {
      title: "Format",
      width: 86,
      show: ({ format }) => text(format).toUpperCase(),
      sort: "format",
    },
    status: {
      title: "Status",
      width: 130,
      show: ({ status }) => STATUSES[status] ?? text(status),
      sort: "status",
    },
    problem: { title: "Problem", width: 280, show: ({ problem }) => text(problem) },
    modified: {
      title: "Last modified",
      width: 190,
      show: (photo) => localTime(photo.last_modified),
    },
    extracted: {
      title: "Indexed",
      width: 190,
      show: (photo) => localTime(photo.extracted_at),
      sort: "extracted",
      first: "-",
    },
    etag: { title: "ETag", width: 270, show: ({ etag }) => text(etag) },
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
 * Return the columns of a state that exist, each once.
 * @param {State} state
 */
export function columnsOf(state) {
  const columns = [...new Set(state.columns ?? [])].filter((name) => COLUMNS[name]);
  return columns.length ? columns : DEFAULT_COLUMNS;
}
