import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cameraLabel,
  cameraName,
  describeFilter,
  exposureSettings,
  fileName,
  filterTitle,
  nounOf,
  placeName,
  settingsLine,
  formatRating,
} from "../../api/static/js/core/labels.js";
import { formatFraction, formatSpan, parseSpan } from "../../api/static/js/core/spans.js";

test("parseSpan: reads closed and open spans, single values and fractions", () => {
  assert.deepEqual(parseSpan("100-400"), [100, 400]);
  assert.deepEqual(parseSpan("100-"), [100, null]);
  assert.deepEqual(parseSpan("-400"), [null, 400]);
  assert.deepEqual(parseSpan("100"), [100, 100]);
  assert.deepEqual(parseSpan("1/250-1/60"), [1 / 250, 1 / 60]);
});

test("nounOf: depends on the media types", () => {
  const cases = [
    undefined,
    ["image"],
    ["image", "video"],
    ["video"],
    ["other"],
    ["image", "other"],
  ];
  const nouns = ["photo", "photo", "photo", "video", "other file", "file"];
  assert.deepEqual(
    cases.map((mediaTypes) => nounOf(mediaTypes)),
    nouns,
  );
});

test("formatSpan: is the inverse of parseSpan", () => {
  for (const text of ["100-400", "100-", "-400", "100"])
    assert.equal(formatSpan(parseSpan(text)), text);
  assert.equal(formatSpan([1 / 250, 1 / 60], formatFraction), "1/250-1/60");
});

test("formatFraction: returns the fraction that the camera wrote", () => {
  for (const denominator of [2, 3, 13, 60, 125, 250, 400, 8000, 16_000]) {
    assert.equal(formatFraction(1 / denominator), `1/${denominator}`);
  }
  assert.equal(formatFraction(10 / 13), "10/13");
  assert.equal(formatFraction(2.5), "5/2");
  assert.equal(formatFraction(30), "30");
});

test("describeFilter: formats ranges, dates, hours and locations", () => {
  assert.deepEqual(describeFilter("iso", "100-400"), ["", "ISO 100–400"]);
  assert.deepEqual(describeFilter("media_type", "video"), ["", "Videos"]);
  assert.deepEqual(describeFilter("media_type", "constructor"), ["", "constructor"]);
  assert.deepEqual(describeFilter("duration", "9.5-75"), ["Duration", "0:09–1:15"]);
  assert.deepEqual(describeFilter("duration", "3600-"), ["Duration", "from 1:00:00"]);
  assert.deepEqual(describeFilter("frame_rate", "25-29.97"), ["", "25–29.97 fps"]);
  assert.deepEqual(describeFilter("focal35", "24-35"), ["35 mm equivalent", "24–35 mm"]);
  assert.deepEqual(describeFilter("f", "-2.8"), ["", "up to f/2.8"]);
  assert.deepEqual(describeFilter("exposure", "1/250-"), ["", "from 1/250 s"]);
  assert.deepEqual(describeFilter("taken", "2024-05..2024-09"), [
    "Date",
    "May 2024 – September 2024",
  ]);
  assert.deepEqual(describeFilter("hour", "22-1"), ["Time", "22:00–02:00"]);
  assert.deepEqual(describeFilter("near", "1,2,5"), ["", "Within 5 km of 1, 2"]);
  assert.deepEqual(describeFilter("bbox", "1.234,2,3,4"), ["Map area", "1.23, 2, 3, 4"]);
  assert.deepEqual(describeFilter("rating", "3"), ["Rating", "★★★"]);
  assert.deepEqual(describeFilter("has", "gps"), ["", "Has location"]);
  assert.deepEqual(describeFilter("without", "date"), ["", "No date"]);
});

test("describeFilter: formats people, places, kinds and doubtful dates", () => {
  assert.deepEqual(describeFilter("person", "Anna"), ["Person", "Anna"]);
  assert.deepEqual(describeFilter("country", "Spain"), ["Country", "Spain"]);
  assert.deepEqual(describeFilter("kind", "generated"), ["Kind", "AI-generated"]);
  assert.deepEqual(describeFilter("kind", "constructor"), ["Kind", "constructor"]);
  assert.deepEqual(describeFilter("date_suspect", "camera_default"), [
    "Doubtful date",
    "Clock was never set",
  ]);
  assert.deepEqual(describeFilter("without", "camera_serial"), ["", "No camera serial number"]);
  assert.deepEqual(describeFilter("flash", "false"), ["Flash", "Did not fire"]);
  assert.deepEqual(describeFilter("flash", "constructor"), ["Flash", "constructor"]);
  assert.deepEqual(describeFilter("copyright", "© Ada"), ["Copyright", "© Ada"]);
  assert.deepEqual(describeFilter("query", "{}"), ["Query", "{}"]);
});

test("describeFilter: shows invalid values as they are", () => {
  assert.deepEqual(describeFilter("iso", "constructor"), ["", "iso constructor"]);
  assert.deepEqual(describeFilter("has", "constructor"), ["", "Has constructor"]);
  assert.deepEqual(describeFilter("status", "toString"), ["Status", "toString"]);
  for (const text of ["<b>", "2024-99999999999999999999", "..", "1-2-3"]) {
    assert.deepEqual(describeFilter("taken", text), ["Date", text]);
    assert.deepEqual(describeFilter("hour", text), ["Time", text]);
  }
});

test("filterTitle: has the filter's name and its value", () => {
  assert.equal(filterTitle("camera", "X-T4"), "Camera: X-T4");
  assert.equal(filterTitle("without", "camera"), "No camera");
});

test("formatRating: returns stars, or a word", () => {
  assert.deepEqual([-1, 0, 2].map(formatRating), ["Rejected", "0 stars", "★★"]);
});

test("fileName: is the last part of a key, even if the key ends with a slash", () => {
  assert.deepEqual(["a/b.jpg", "b.jpg", "a/b/", "/"].map(fileName), ["b.jpg", "b.jpg", "b", "/"]);
});

test("settingsLine: leaves out unknown settings", () => {
  const photo = { exposure_seconds: 1 / 250, f_number: 2.8, iso: 400, focal_length_mm: 35 };
  assert.equal(settingsLine(photo), "1/250 s · f/2.8 · ISO 400 · 35 mm");
  assert.equal(settingsLine({ iso: 100 }), "ISO 100");
  assert.equal(settingsLine({}), "");
});

test("cameraName: does not repeat the make", () => {
  assert.equal(
    cameraName({ camera_make: "NIKON CORPORATION", camera_model: "NIKON Z 6" }),
    "NIKON Z 6",
  );
  assert.equal(cameraName({ camera_make: "FUJIFILM", camera_model: "X-T4" }), "FUJIFILM X-T4");
  assert.equal(cameraName({ camera_make: "Canon" }), "Canon");
  assert.equal(cameraName({}), "");
});

test("cameraLabel: has the maker that the rows of the facet tell", () => {
  const rows = [{ value: "FC3582", make: "DJI" }, { value: "X" }, { value: null }];
  assert.equal(cameraLabel("FC3582", rows), "DJI FC3582");
  assert.equal(cameraLabel("X", rows), "X");
  assert.equal(cameraLabel("unknown", rows), "unknown");
});

test("describeFilter: formats stacks", () => {
  assert.deepEqual(describeFilter("primary", "true"), ["", "Stacks as one photo"]);
  assert.deepEqual(describeFilter("stack", "b/2024/IMG_1.JPG"), ["Stack", "IMG_1.JPG"]);
});

test("exposureSettings: returns the filter, its value and the text of each known setting", () => {
  const photo = { exposure_seconds: 1 / 250, f_number: 2.8, iso: 400, focal_length_mm: 35.5 };
  assert.deepEqual(exposureSettings(photo), [
    ["exposure", "1/250", "1/250 s"],
    ["f", "2.8", "f/2.8"],
    ["iso", "400", "ISO 400"],
    ["focal", "35.5", "35.5 mm"],
  ]);
  assert.deepEqual(exposureSettings({ iso: 0, f_number: 4 }), [["f", "4", "f/4"]]);
});

test("placeName: prefers the names in the file to the nearest place", () => {
  const place = { name: "Fornells", city: "Girona", country: "Spain", distance_km: 1 };
  assert.equal(placeName({ place }), "Girona, Spain");
  assert.equal(placeName({ place: { ...place, city: undefined } }), "Fornells, Spain");
  assert.equal(placeName({ place, city: "Salt" }), "Salt");
  assert.equal(placeName({ place, country: "Catalonia" }), "Catalonia");
  assert.equal(placeName({}), "");
});
