/**
 * @file Summary of a photo's metadata. Values such as the camera link to the photos that share them.
 * @import { PhotoFields, PhotoRecord } from "../core/types"
 */
import { PathText } from "../components/path_text.jsx";
import { Time } from "../components/time.jsx";
import { toSentence } from "../core/error_messages.js";
import { bucketName, locationOf } from "../core/folders.js";
import {
  formatBitRate,
  formatBytes,
  formatDecimal,
  formatFocalLength,
  formatFrameRate,
  formatMegapixels,
  formatNumber,
  formatVideoDuration,
  oneLine,
} from "../core/format.js";
import {
  cameraName,
  capitalize,
  FLASH_LABELS,
  formatRating,
  KIND_LABELS,
  exposureSettings,
  STATUS_LABELS,
} from "../core/labels.js";
import {
  Fact,
  LinksFact,
  MAX_TEXT_CHARACTERS,
  renderLink,
  renderSearchLink,
  toText,
} from "./facts.jsx";
import { When, Where } from "./when_and_where.jsx";

const MAX_DESCRIPTION_CHARACTERS = 20_000;

/** @param {{record: PhotoRecord}} props */
export function Summary({ record }) {
  const { photo } = record;
  const location = locationOf(record);
  const settings = exposureSettings(photo);
  // On a full-frame camera, the equivalent focal length is the same, so it is left out.
  const isFullFrame = photo.focal_length_35mm === Math.round(photo.focal_length_mm ?? 0);
  const equivalent = isFullFrame ? undefined : photo.focal_length_35mm;
  return (
    <section class="summary" aria-label="Summary">
      {settings.length > 0 && (
        <p class="settings">
          {settings.map(([filter, value, text], index) => (
            <>
              {index > 0 && " · "}
              {/* Allow line breaks between two settings, but not within a setting. */}
              {renderLink(filter, value, text.replaceAll(" ", "\u00a0"))}
            </>
          ))}
          {equivalent && (
            <>
              {" "}
              <span class="muted">
                (
                {renderLink(
                  "focal35",
                  String(equivalent),
                  `${formatFocalLength(equivalent)} equivalent`,
                )}
                )
              </span>
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
      {photo.title && (
        <h3 class="photo-title" dir="auto">
          {toText(photo.title)}
        </h3>
      )}
      {photo.headline && photo.headline !== photo.title && (
        <p class="headline" dir="auto">
          {toText(photo.headline)}
        </p>
      )}
      {photo.description && (
        <p class="description" dir="auto">
          {renderLines(photo.description)}
        </p>
      )}
      <dl>
        <When photo={photo} />
        <Fact name="Camera">
          {cameraName(photo) &&
            (photo.camera_model
              ? renderLink("camera", photo.camera_model, cameraName(photo))
              : cameraName(photo))}
        </Fact>
        <Fact name="Lens">{photo.lens_model && renderLink("lens", photo.lens_model)}</Fact>
        <Fact name="Exposure">{exposureFacts(photo)}</Fact>
        <Fact name="White balance">
          {photo.white_balance &&
            renderLink("white_balance", photo.white_balance, capitalize(photo.white_balance))}
        </Fact>
        <Fact name="Focus distance">
          {photo.subject_distance_metres !== undefined &&
            `${formatDecimal(photo.subject_distance_metres, 2)} m`}
        </Fact>
        <Fact name="Flash">
          {photo.flash_fired !== undefined &&
            renderLink("flash", String(photo.flash_fired), FLASH_LABELS[String(photo.flash_fired)])}
        </Fact>
        <Fact name="Rating">
          {photo.rating !== undefined &&
            photo.rating !== null &&
            renderLink("rating", String(photo.rating), formatRating(photo.rating))}
        </Fact>
        <Fact name="Label">{photo.label && renderLink("label", photo.label)}</Fact>
        <LinksFact
          name="Kind"
          filter="kind"
          values={record.kinds}
          format={(kind) => KIND_LABELS[kind] ?? kind}
        />
        <LinksFact name="People" filter="person" values={photo.people} />
        <LinksFact name="Keywords" filter="keyword" values={photo.keywords} />
        <Where photo={photo} />
        {photo.creators?.length ? (
          <LinksFact name="Creator" filter="creator" values={photo.creators} />
        ) : (
          <Fact name="Artist">{photo.artist && renderSearchLink("creator", photo.artist)}</Fact>
        )}
        <Fact name="Copyright">{photo.copyright && renderLink("copyright", photo.copyright)}</Fact>
        <Fact name="Camera owner">{photo.owner && renderLink("owner", photo.owner)}</Fact>
        <Fact name="Camera serial">
          {photo.camera_serial && renderLink("camera_serial", photo.camera_serial)}
        </Fact>
        <Fact name="Lens serial">
          {photo.lens_serial && renderLink("lens_serial", photo.lens_serial)}
        </Fact>
        <Fact name="Shutter count">
          {photo.shutter_count !== undefined && formatNumber(photo.shutter_count)}
        </Fact>
        <Fact name="Software">{photo.software && renderLink("software", photo.software)}</Fact>
        <Fact name="Duration">
          {photo.duration_seconds && formatVideoDuration(photo.duration_seconds)}
        </Fact>
        <Fact name="Video">{videoFacts(photo)}</Fact>
        <Fact name="Audio">
          {photo.audio_codec && renderLink("audio_codec", photo.audio_codec)}
        </Fact>
        <Fact name="Dimensions">{formatDimensions(photo)}</Fact>
        <Fact name="Colour">
          {photo.color_space && renderLink("color_space", photo.color_space)}
          {photo.bits_per_sample && ` ${photo.bits_per_sample} bits per channel`}
        </Fact>
        <Fact name="File">
          {[record.format?.toUpperCase(), record.size !== undefined && formatBytes(record.size)]
            .filter(Boolean)
            .join(", ")}
        </Fact>
        <Fact name={location.isFile ? "Folder" : "Bucket"}>
          {record.bucket && renderLink("bucket", record.bucket, bucketName(record.bucket))}
        </Fact>
        <Fact name="Path">
          {record.key !== undefined && (
            <span class="key">
              <PathText path={location.isFile ? location.text : record.key} limit={2000} />
            </span>
          )}
        </Fact>
        <Fact name="ETag">
          {record.etag && <span class="key">{oneLine(record.etag, 200)}</span>}
        </Fact>
        <Fact name="Last modified">
          {record.last_modified && <Time text={record.last_modified} />}
        </Fact>
        <Fact name="Indexed">{record.extracted_at && <Time text={record.extracted_at} />}</Fact>
      </dl>
    </section>
  );
}

/** @param {PhotoFields} photo */
function formatDimensions({ width_pixels: width, height_pixels: height }) {
  if (!width || !height) return null;
  return `${width} × ${height} pixels, ${formatMegapixels(width, height)}`;
}

/**
 * Return codec, frame rate and bit rate of a video.
 * @param {PhotoFields} photo
 */
function videoFacts({ video_codec: codec, frame_rate: frameRate, bit_rate: bitRate }) {
  const parts = [
    codec && renderLink("video_codec", codec),
    frameRate && renderLink("frame_rate", String(frameRate), formatFrameRate(frameRate)),
    bitRate && formatBitRate(bitRate),
  ].filter(Boolean);
  return parts.map((part, index) => (
    <>
      {index > 0 && ", "}
      {part}
    </>
  ));
}

/**
 * Return how the exposure was set, such as "Manual, -0.7 EV, spot metering".
 * @param {PhotoFields} photo
 */
function exposureFacts({ exposure_mode: mode, exposure_bias: bias, metering }) {
  const parts = [
    mode && oneLine(mode, 60),
    bias && `${bias > 0 ? "+" : "-"}${formatDecimal(Math.abs(bias), 1)} EV`,
    metering && `${oneLine(metering, 60)} metering`,
  ].filter(Boolean);
  return capitalize(parts.join(", "));
}

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
