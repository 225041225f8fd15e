/**
 * @file The parts of a photo's summary that say when and where it was taken.
 * @import { PhotoFields } from "../core/types"
 */
import { formatDecimal, formatNumber, formatPosition } from "../core/format.js";
import { DATE_SUSPECT_LABELS } from "../core/labels.js";
import { dayTaken, formatTimeTaken, hasOnlyDay } from "../core/taken.js";
import { Fact, renderLink, toText } from "./facts.jsx";

/** @param {{photo: PhotoFields}} props */
export function When({ photo }) {
  const { taken_offset: offset, date_suspect: doubt } = photo;
  const remark = hasOnlyDay(photo)
    ? null
    : photo.taken_offset_inferred
      ? `(time zone inferred from the ${photo.location ? "location" : "file name"})`
      : offset
        ? null
        : "(local time, time zone unknown)";
  // Link to the day on the camera's clock, because the filter uses this clock.
  const day = dayTaken(photo);
  const text = formatTimeTaken(photo);
  return (
    <>
      <Fact name="Taken">
        {text && (
          <>
            {renderLink("taken", day, text)}
            {remark && (
              <>
                {" "}
                <span class="muted">{remark}</span>
              </>
            )}
          </>
        )}
      </Fact>
      <Fact name="Doubtful date">
        {doubt && renderLink("date_suspect", doubt, DATE_SUSPECT_LABELS[doubt] ?? doubt)}
      </Fact>
      <Fact name="Time zone">{toText(photo.time_zone)}</Fact>
    </>
  );
}

/** @param {{photo: PhotoFields}} props */
export function Where({ photo }) {
  const coordinates = photo.location?.coordinates;
  /** @type {[filter: string, value: string | undefined][]} */
  const named = [
    ["place", photo.sublocation],
    ["city", photo.city],
    ["state", photo.state],
    ["country", photo.country],
  ];
  const place = photo.place;
  /** @type {[filter: string, value: string | undefined][]} */
  const nearest = place
    ? [
        ["place", place.name],
        ["city", place.city],
        ["state", place.region],
        ["country", place.country],
      ]
    : [];
  return (
    <>
      <Fact name="Place">{renderPath(named)}</Fact>
      <Fact name="Nearest place">
        {place && (
          <>
            {renderPath(nearest)}
            {place.distance_km >= 1 && (
              <>
                {" "}
                <span class="muted">({formatNumber(Math.round(place.distance_km))} km away)</span>
              </>
            )}
          </>
        )}
      </Fact>
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
    </>
  );
}

/**
 * Return links to the photos of a place and of the areas around it, separated by commas. Repeated names are left out.
 * @param {[filter: string, value: string | undefined][]} parts
 */
function renderPath(parts) {
  const known = parts
    .filter(([, value]) => value)
    .filter(([, value], index, named) => value !== named[index - 1]?.[1]);
  if (!known.length) return null;
  return known.map(([filter, value], index) => (
    <>
      {index > 0 && ", "}
      {renderLink(filter, String(value))}
    </>
  ));
}

/** @param {[longitude: number, latitude: number]} coordinates */
function linkToNearby([longitude, latitude]) {
  const near = `${latitude.toFixed(5)},${longitude.toFixed(5)},5`;
  return `/?${new URLSearchParams({ near })}`;
}
