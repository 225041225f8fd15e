/**
 * @file How a photo was taken and what it shows. Values link to the photos that share them.
 * @import { ComponentChildren } from "preact"
 * @import { PhotoFields, PhotoRecord } from "../core/types"
 */
import {
  bytes,
  dateTime,
  decimal,
  focal,
  megapixels,
  moment,
  oneLine,
  place,
} from "../core/format.js";
import { cameraName, settingsLine, stars, STATUSES } from "../core/labels.js";

// In characters.
const MAX_TEXT = 1000;
const MAX_DESCRIPTION = 20_000;
const MAX_KEYWORDS = 200;

/** @param {{record: PhotoRecord}} props */
export function Summary({ record }) {
  const { photo } = record;
  // A line may end between two settings, not between a number and its unit.
  const settings = settingsLine(photo).replaceAll(" ", "\u00a0").replaceAll("·\u00a0", "· ");
  const isFullFrame = photo.focal_length_35mm === Math.round(photo.focal_length_mm ?? 0);
  const equivalent = isFullFrame ? undefined : photo.focal_length_35mm;
  const coordinates = photo.location?.coordinates;
  return (
    <section class="summary" aria-label="Summary">
      {settings && (
        <p class="settings">
          {settings}
          {equivalent && (
            <>
              {" "}
              <span class="muted">({focal(equivalent)} equivalent)</span>
            </>
          )}
        </p>
      )}
      {record.status !== "ok" && (
        <p class={`note status-${record.status}`}>
          <b>{STATUSES[record.status] ?? record.status}.</b> {oneLine(record.problem ?? "", 1000)}
        </p>
      )}
      {record.status === "ok" && record.problem && (
        <p class="note">{oneLine(record.problem, 1000)}</p>
      )}
      {photo.description && <p class="description">{multiLine(photo.description)}</p>}
      <dl>
        <Fact name="Taken">
          {photo.taken_at && (
            <>
              {dateTime(photo.taken_at, photo.taken_offset)}
              {!photo.taken_offset && (
                <>
                  {" "}
                  <span class="muted">(camera's clock, its zone is not known)</span>
                </>
              )}
            </>
          )}
        </Fact>
        <Fact name="Camera">
          {cameraName(photo) &&
            (photo.camera_model
              ? link("camera", photo.camera_model, cameraName(photo))
              : cameraName(photo))}
        </Fact>
        <Fact name="Lens">{photo.lens_model && link("lens", photo.lens_model)}</Fact>
        <Fact name="Flash">
          {photo.flash_fired !== undefined && (photo.flash_fired ? "Fired" : "Did not fire")}
        </Fact>
        <Fact name="Rating">
          {photo.rating !== undefined &&
            photo.rating !== null &&
            link("rating", String(photo.rating), stars(photo.rating))}
        </Fact>
        <Fact name="Keywords">
          {keywords(photo).length > 0 && (
            <ul class="keywords">
              {keywords(photo).map((word) => (
                <li key={word}>{link("keyword", word)}</li>
              ))}
            </ul>
          )}
        </Fact>
        <Fact name="Artist">{photo.artist && oneLine(String(photo.artist), MAX_TEXT)}</Fact>
        <Fact name="Copyright">
          {photo.copyright && oneLine(String(photo.copyright), MAX_TEXT)}
        </Fact>
        <Fact name="Software">{photo.software && oneLine(String(photo.software), MAX_TEXT)}</Fact>
        <Fact name="Picture">{pictureSize(photo)}</Fact>
        <Fact name="File">
          {[record.format?.toUpperCase(), record.size !== undefined && bytes(record.size)]
            .filter(Boolean)
            .join(", ")}
        </Fact>
        <Fact name="Bucket">{record.bucket && link("bucket", record.bucket)}</Fact>
        <Fact name="Key">
          {record.key !== undefined && <span class="key">{oneLine(record.key, 2000)}</span>}
        </Fact>
        <Fact name="ETag">
          {record.etag && <span class="key">{oneLine(record.etag, 200)}</span>}
        </Fact>
        <Fact name="Changed in S3">{moment(record.last_modified)}</Fact>
        <Fact name="Read">{moment(record.extracted_at)}</Fact>
        <Fact name="Place">
          {coordinates && (
            <>
              {place(coordinates[1], coordinates[0])}
              {photo.altitude_metres !== undefined && `, ${decimal(photo.altitude_metres, 0)} m`}
              <br />
              <a href={linkToNearby(coordinates)}>Photos within 5 km</a>
            </>
          )}
        </Fact>
      </dl>
    </section>
  );
}

/** @param {[longitude: number, latitude: number]} coordinates */
function linkToNearby([longitude, latitude]) {
  const near = `${latitude.toFixed(5)},${longitude.toFixed(5)},5`;
  return `/?${new URLSearchParams({ near })}`;
}

/** @param {PhotoFields} photo */
function pictureSize({ width_pixels: width, height_pixels: height }) {
  if (!width || !height) return null;
  return `${width} × ${height} pixels, ${megapixels(width, height)}`;
}

/**
 * A fact, unless it is unknown.
 * @param {{name: string, children?: ComponentChildren}} props
 */
function Fact({ name, children }) {
  const shown = [children]
    .flat()
    .some((child) => child !== undefined && child !== null && child !== false && child !== "");
  return shown ? (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  ) : null;
}

/**
 * @param {string} filter
 * @param {string} value
 * @param {string} [shown]
 */
function link(filter, value, shown = value) {
  const address = `/?${new URLSearchParams({ [filter]: value })}`;
  return <a href={address}>{oneLine(shown, MAX_TEXT)}</a>;
}

/** @param {PhotoFields} photo */
const keywords = (photo) =>
  [...new Set([photo.keywords ?? []].flat().map(String))].slice(0, MAX_KEYWORDS);

/**
 * Text with its line breaks, and with control and direction-changing characters written out.
 * @param {unknown} value
 */
function multiLine(value) {
  const lines = String(value).slice(0, MAX_DESCRIPTION).split(/\r?\n/);
  return lines.map((line, at) => (
    <>
      {at > 0 && <br />}
      {oneLine(line, MAX_DESCRIPTION)}
    </>
  ));
}
