/**
 * @file Summary of a photo's metadata. Values such as the camera link to the photos that share them.
 * @import { ComponentChildren } from "preact"
 * @import { PhotoFields, PhotoRecord } from "../core/types"
 */
import { Time } from "../components/time.jsx";
import { toSentence } from "../core/error_messages.js";
import {
  formatBytes,
  formatDateTime,
  formatDecimal,
  formatFocalLength,
  formatPosition,
  formatMegapixels,
  oneLine,
} from "../core/format.js";
import { cameraName, settingsLine, formatRating, STATUS_LABELS } from "../core/labels.js";

const MAX_TEXT_CHARACTERS = 1000;
const MAX_DESCRIPTION_CHARACTERS = 20_000;
const MAX_KEYWORDS = 200;

/** @param {{record: PhotoRecord}} props */
export function Summary({ record }) {
  const { photo } = record;
  // Allow line breaks between two settings, but not within a setting.
  const settings = settingsLine(photo).replaceAll(" ", "\u00a0").replaceAll("·\u00a0", "· ");
  // On a full-frame camera, the equivalent focal length is the same, so it is left out.
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
              <span class="muted">({formatFocalLength(equivalent)} equivalent)</span>
            </>
          )}
        </p>
      )}
      {record.status !== "ok" && (
        <p class={`note status-${record.status}`}>
          <b>
            {STATUS_LABELS[record.status] ?? record.status}
            {record.problem ? ":" : "."}
          </b>{" "}
          {oneLine(record.problem ?? "", MAX_TEXT_CHARACTERS)}
        </p>
      )}
      {record.status === "ok" && record.problem && (
        <p class="note">{toSentence(oneLine(record.problem, MAX_TEXT_CHARACTERS))}</p>
      )}
      {photo.description && <p class="description">{renderLines(photo.description)}</p>}
      <dl>
        <Fact name="Taken">
          {photo.taken_at && (
            <>
              {formatDateTime(photo.taken_at, photo.taken_offset)}
              {!photo.taken_offset && (
                <>
                  {" "}
                  <span class="muted">(local time, time zone unknown)</span>
                </>
              )}
            </>
          )}
        </Fact>
        <Fact name="Camera">
          {cameraName(photo) &&
            (photo.camera_model
              ? renderLink("camera", photo.camera_model, cameraName(photo))
              : cameraName(photo))}
        </Fact>
        <Fact name="Lens">{photo.lens_model && renderLink("lens", photo.lens_model)}</Fact>
        <Fact name="Flash">
          {photo.flash_fired !== undefined && (photo.flash_fired ? "Fired" : "Did not fire")}
        </Fact>
        <Fact name="Rating">
          {photo.rating !== undefined &&
            photo.rating !== null &&
            renderLink("rating", String(photo.rating), formatRating(photo.rating))}
        </Fact>
        <Fact name="Keywords">
          {keywordsOf(photo).length > 0 && (
            <ul class="keywords">
              {keywordsOf(photo).map((word) => (
                <li key={word}>{renderLink("keyword", word)}</li>
              ))}
            </ul>
          )}
        </Fact>
        <Fact name="Artist">{toText(photo.artist)}</Fact>
        <Fact name="Copyright">{toText(photo.copyright)}</Fact>
        <Fact name="Software">{toText(photo.software)}</Fact>
        <Fact name="Dimensions">{formatDimensions(photo)}</Fact>
        <Fact name="File">
          {[record.format?.toUpperCase(), record.size !== undefined && formatBytes(record.size)]
            .filter(Boolean)
            .join(", ")}
        </Fact>
        <Fact name="Bucket">{record.bucket && renderLink("bucket", record.bucket)}</Fact>
        <Fact name="Path">
          {record.key !== undefined && <span class="key">{oneLine(record.key, 2000)}</span>}
        </Fact>
        <Fact name="ETag">
          {record.etag && <span class="key">{oneLine(record.etag, 200)}</span>}
        </Fact>
        <Fact name="Last modified">
          {record.last_modified && <Time text={record.last_modified} />}
        </Fact>
        <Fact name="Indexed">{record.extracted_at && <Time text={record.extracted_at} />}</Fact>
        <Fact name="Location">
          {coordinates && (
            <>
              {formatPosition(coordinates[1], coordinates[0])}
              {photo.altitude_metres !== undefined &&
                `, ${formatDecimal(photo.altitude_metres, 0)} m`}
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

/** @param {string | undefined} value */
const toText = (value) => value && oneLine(String(value), MAX_TEXT_CHARACTERS);

/** @param {PhotoFields} photo */
function formatDimensions({ width_pixels: width, height_pixels: height }) {
  if (!width || !height) return null;
  return `${width} × ${height} pixels, ${formatMegapixels(width, height)}`;
}

/**
 * A name and a value. Renders nothing if the value is unknown.
 * @param {{name: string, children?: ComponentChildren}} props
 */
function Fact({ name, children }) {
  const isKnown = [children]
    .flat()
    .some((child) => child !== undefined && child !== null && child !== false && child !== "");
  return isKnown ? (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  ) : null;
}

/**
 * Return a link to the photos that share a value.
 * @param {string} filter name of the filter
 * @param {string} value
 * @param {string} [shown] text of the link; the value by default
 */
function renderLink(filter, value, shown = value) {
  const url = `/?${new URLSearchParams({ [filter]: value })}`;
  return <a href={url}>{oneLine(shown, MAX_TEXT_CHARACTERS)}</a>;
}

/** @param {PhotoFields} photo */
const keywordsOf = (photo) =>
  [...new Set([photo.keywords ?? []].flat().map(String))].slice(0, MAX_KEYWORDS);

/**
 * Return a text with its line breaks. Control and bidirectional characters are escaped.
 * @param {unknown} value
 */
function renderLines(value) {
  const lines = String(value).slice(0, MAX_DESCRIPTION_CHARACTERS).split(/\r?\n/);
  return lines.map((line, index) => (
    <>
      {index > 0 && <br />}
      {oneLine(line, MAX_DESCRIPTION_CHARACTERS)}
    </>
  ));
}
