// How a photo was taken and what it is of, in the words of photographers; each value leads to the photos that share it.
import { html } from "./html.js";
import { cameraName, settingsLine, stars, STATUSES } from "./describe.js";
import { bytes, dateTime, decimal, focal, megapixels, moment, oneLine, place } from "./format.js";

const LONG = 1000;

export function Summary({ record }) {
  const { photo } = record;
  // A line may end between two settings, not between a number and its unit.
  const settings = settingsLine(photo).replaceAll(" ", "\u00a0").replaceAll("·\u00a0", "· ");
  const equivalent = photo.focal_length_35mm && photo.focal_length_35mm !== Math.round(photo.focal_length_mm ?? 0);
  const coordinates = photo.location?.coordinates;
  return html`<section class="summary" aria-label="Summary">
    ${settings && html`<p class="settings">${settings}${equivalent && html` <span class="muted">(${focal(photo.focal_length_35mm)} equivalent)</span>`}</p>`}
    ${record.status !== "ok" && html`<p class="note status-${record.status}"><b>${STATUSES[record.status] ?? record.status}.</b> ${oneLine(record.problem ?? "", 1000)}</p>`}
    ${record.status === "ok" && record.problem && html`<p class="note">${oneLine(record.problem, 1000)}</p>`}
    ${photo.description && html`<p class="description">${text(photo.description)}</p>`}
    <dl>
      <${Fact} name="Taken">${photo.taken_at && html`${dateTime(photo.taken_at, photo.taken_offset)}${!photo.taken_offset && html` <span class="muted">(camera's clock, its zone is not known)</span>`}`}<//>
      <${Fact} name="Camera">${cameraName(photo) && (photo.camera_model ? link("camera", photo.camera_model, cameraName(photo)) : cameraName(photo))}<//>
      <${Fact} name="Lens">${photo.lens_model && link("lens", photo.lens_model)}<//>
      <${Fact} name="Flash">${photo.flash_fired !== undefined && (photo.flash_fired ? "Fired" : "Did not fire")}<//>
      <${Fact} name="Rating">${photo.rating !== undefined && photo.rating !== null && link("rating", String(photo.rating), stars(photo.rating))}<//>
      <${Fact} name="Keywords">${keywords(photo).length > 0 && html`<ul class="keywords">${keywords(photo).map((word) => html`<li key=${word}>${link("keyword", word)}</li>`)}</ul>`}<//>
      <${Fact} name="Artist">${photo.artist && oneLine(String(photo.artist), LONG)}<//>
      <${Fact} name="Copyright">${photo.copyright && oneLine(String(photo.copyright), LONG)}<//>
      <${Fact} name="Software">${photo.software && oneLine(String(photo.software), LONG)}<//>
      <${Fact} name="Picture">${photo.width_pixels && `${photo.width_pixels} × ${photo.height_pixels} pixels, ${megapixels(photo.width_pixels, photo.height_pixels)}`}<//>
      <${Fact} name="File">${[record.format?.toUpperCase(), record.size !== undefined && bytes(record.size)].filter(Boolean).join(", ")}<//>
      <${Fact} name="Bucket">${record.bucket && link("bucket", record.bucket)}<//>
      <${Fact} name="Key">${record.key !== undefined && html`<span class="key">${oneLine(record.key, 2000)}</span>`}<//>
      <${Fact} name="ETag">${record.etag && html`<span class="key">${oneLine(record.etag, 200)}</span>`}<//>
      <${Fact} name="Changed in S3">${moment(record.last_modified)}<//>
      <${Fact} name="Read">${moment(record.extracted_at)}<//>
      <${Fact} name="Place">${coordinates && html`${place(coordinates[1], coordinates[0])}${photo.altitude_metres !== undefined && `, ${decimal(photo.altitude_metres, 0)} m`}
        <br /><a href=${`/?${new URLSearchParams({ near: `${coordinates[1].toFixed(5)},${coordinates[0].toFixed(5)},5` })}`}>Photos within 5 km</a>`}<//>
    </dl>
  </section>`;
}

function Fact({ name, children }) {
  const shown = [children].flat().some((child) => child !== undefined && child !== null && child !== false && child !== "");
  return shown ? html`<div><dt>${name}</dt><dd>${children}</dd></div>` : null;
}

function link(filter, value, shown = value) {
  const address = `/?${new URLSearchParams({ [filter]: value })}`;
  return html`<a href=${address}>${oneLine(shown, LONG)}</a>`;
}

const keywords = (photo) => [...new Set([photo.keywords ?? []].flat().map(String))].slice(0, 200);

// With its line breaks, but none of the characters that hide or turn what stands around them.
function text(value) {
  const lines = String(value).slice(0, 20_000).split(/\r?\n/);
  return lines.map((line, at) => html`${at > 0 && html`<br />`}${oneLine(line, 20_000)}`);
}
