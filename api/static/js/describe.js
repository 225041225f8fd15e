// Filters and photos in words. Everything here returns plain text.
import { aperture, decimal, exposureNumber, exposure, focal, iso, number, oneLine, period, plural } from "./format.js";

// Without a prototype: what an address says may be "constructor".
const THINGS = {
  __proto__: null,
  gps: "place", date: "date", camera: "camera", lens: "lens", keywords: "keywords", description: "description", rating: "rating",
};
export const STATUSES = { __proto__: null, ok: "Has EXIF", no_exif: "Without EXIF", unsupported: "Not a photo", damaged: "Damaged" };

// 100-400, 100-, -400 or 100 as [low, high]; null for an open end
export function readSpan(text) {
  const part = (piece) => {
    if (!piece) return null;
    const [above, below] = piece.split("/").map(Number);
    return below ? above / below : above;
  };
  const dash = text.indexOf("-");
  if (dash < 0) return [part(text), part(text)];
  return [part(text.slice(0, dash)), part(text.slice(dash + 1))];
}

// [low, high] as the API takes it
export function writeSpan([low, high], write = String) {
  if (low !== null && low === high) return write(low);
  return `${low === null ? "" : write(low)}-${high === null ? "" : write(high)}`;
}

// A time as an exact fraction, 1/250: the best one by continued fractions, of which cameras write the first few.
export function fraction(value) {
  if (value >= 1 && Number.isInteger(value)) return String(value);
  let [above, below, lastAbove, lastBelow] = [Math.floor(value), 1, 1, 0];
  let rest = value - above;
  for (let step = 0; step < 20 && Math.abs(above / below - value) > value * 1e-8; step++) {
    const next = Math.floor(1 / rest);
    [above, lastAbove] = [next * above + lastAbove, above];
    [below, lastBelow] = [next * below + lastBelow, below];
    if (below > 999_999_999 || above > 999_999_999) return `${lastAbove}/${lastBelow}`;
    rest = 1 / rest - next;
  }
  return below === 1 ? String(above) : `${above}/${below}`;
}

const between = (low, high, one, unit = "") => {
  if (low !== null && high !== null) return low === high ? `${one(low)}${unit}` : `${one(low)}–${one(high)}${unit}`;
  return low === null ? `up to ${one(high)}${unit}` : `from ${one(low)}${unit}`;
};

export const SPANS = {
  iso: ([low, high]) => `ISO ${between(low, high, number)}`,
  f: ([low, high]) => `f/${between(low, high, (value) => decimal(value, value < 1 ? 2 : 1))}`.replace(/f\/(up to|from) /, "$1 f/"),
  exposure: ([low, high]) => between(low, high, exposureNumber, " s"),
  focal: ([low, high]) => between(low, high, (value) => decimal(value, value < 10 ? 2 : 1), " mm"),
};

// 2024-05..2024-09
export function describeDates(text) {
  if (!text.includes("..")) return period(text);
  const [first, last] = text.split("..");
  if (!first) return `up to ${period(last)}`;
  return last ? `${period(first)} – ${period(last)}` : `from ${period(first)}`;
}

const hours = (text) => {
  const [first, last = first] = text.split("-").map(Number);
  const clock = (hour) => `${String(hour).padStart(2, "0")}:00`;
  return `${clock(first)}–${clock((last + 1) % 24)}`;
};

// What a filter says on its chip: [kind, value]
export function describeFilter(name, value) {
  switch (name) {
    case "camera": return ["Camera", oneLine(value, 60)];
    case "lens": return ["Lens", oneLine(value, 60)];
    case "bucket": return ["Bucket", oneLine(value, 60)];
    case "format": return ["Format", oneLine(value, 20).toUpperCase()];
    case "status": return ["Status", STATUSES[value] ?? value];
    case "keyword": return ["Keyword", oneLine(value, 60)];
    case "rating": return ["Rating", stars(Number(value))];
    case "has": return ["With", THINGS[value] ?? value];
    case "without": return ["Without", THINGS[value] ?? value];
    case "iso":
    case "f":
    case "exposure":
    case "focal": return ["", isSpan(value) ? SPANS[name](readSpan(value)) : `${name} ${value}`];
    case "taken": return ["Taken", /^[\d.-]+$/.test(value) ? describeDates(value) : value];
    case "hour": return ["Hour", /^[\d-]+$/.test(value) ? hours(value) : value];
    case "near": {
      const [latitude, longitude, kilometres] = value.split(",");
      return ["Within", `${kilometres} km of ${latitude}, ${longitude}`];
    }
    case "bbox": return ["Area", value.split(",").map((side) => decimal(Number(side), 2)).join(", ")];
    case "prefix": return ["Folder", oneLine(value, 60)];
    case "q": return ["Words", oneLine(value, 60)];
    default: return ["Query", oneLine(value, 60)];
  }
}

const isSpan = (text) => /^[\d./]*-?[\d./]*$/.test(text);

export const stars = (rating) => (rating < 0 ? "Rejected" : rating === 0 ? "No stars" : "★".repeat(rating));

// The last part of a key
export const fileName = (key) => key.replace(/\/+$/, "").split("/").pop() || key;

// 1/250 s · f/2.8 · ISO 400 · 35 mm
export function settingsLine(photo) {
  const parts = [
    photo.exposure_seconds && exposure(photo.exposure_seconds),
    photo.f_number && aperture(photo.f_number),
    photo.iso && iso(photo.iso),
    photo.focal_length_mm && focal(photo.focal_length_mm),
  ];
  return parts.filter(Boolean).join(" · ");
}

// Which camera, without a maker's name that the model repeats
export function cameraName(photo) {
  const make = oneLine(photo.camera_make ?? "", 60);
  const model = oneLine(photo.camera_model ?? "", 80);
  if (!model) return make;
  const first = make.split(" ")[0].toLowerCase();
  return !make || model.toLowerCase().startsWith(first) ? model : `${make} ${model}`;
}

export const countOfPhotos = (count, isPart) => `${isPart ? "over " : ""}${plural(count, "photo")}`;
