import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cameraName,
  describeFilter,
  fileName,
  fraction,
  readSpan,
  settingsLine,
  stars,
  writeSpan,
} from "../../api/static/js/core/labels.js";

test("readSpan: closed, open, single and fractions", () => {
  assert.deepEqual(readSpan("100-400"), [100, 400]);
  assert.deepEqual(readSpan("100-"), [100, null]);
  assert.deepEqual(readSpan("-400"), [null, 400]);
  assert.deepEqual(readSpan("100"), [100, 100]);
  assert.deepEqual(readSpan("1/250-1/60"), [1 / 250, 1 / 60]);
});

test("writeSpan: reads back", () => {
  for (const text of ["100-400", "100-", "-400", "100"])
    assert.equal(writeSpan(readSpan(text)), text);
  assert.equal(writeSpan([1 / 250, 1 / 60], fraction), "1/250-1/60");
});

test("fraction: exposure times become the fraction that the camera wrote", () => {
  for (const denominator of [2, 3, 13, 60, 125, 250, 400, 8000, 16_000]) {
    assert.equal(fraction(1 / denominator), `1/${denominator}`);
  }
  assert.equal(fraction(10 / 13), "10/13");
  assert.equal(fraction(2.5), "5/2");
  assert.equal(fraction(30), "30");
});

test("describeFilter: ranges, dates, hours and places", () => {
  assert.deepEqual(describeFilter("iso", "100-400"), ["", "ISO 100–400"]);
  assert.deepEqual(describeFilter("f", "-2.8"), ["", "up to f/2.8"]);
  assert.deepEqual(describeFilter("exposure", "1/250-"), ["", "from 1/250 s"]);
  assert.deepEqual(describeFilter("taken", "2024-05..2024-09"), [
    "Taken",
    "May 2024 – September 2024",
  ]);
  assert.deepEqual(describeFilter("hour", "22-1"), ["Hour", "22:00–02:00"]);
  assert.deepEqual(describeFilter("near", "1,2,5"), ["Within", "5 km of 1, 2"]);
  assert.deepEqual(describeFilter("bbox", "1.234,2,3,4"), ["Area", "1.23, 2, 3, 4"]);
  assert.deepEqual(describeFilter("rating", "3"), ["Rating", "★★★"]);
});

test("describeFilter: text that is no such value stays text", () => {
  assert.deepEqual(describeFilter("iso", "constructor"), ["", "iso constructor"]);
  assert.deepEqual(describeFilter("has", "constructor"), ["With", "constructor"]);
  assert.deepEqual(describeFilter("status", "toString"), ["Status", "toString"]);
  assert.deepEqual(describeFilter("taken", "<b>"), ["Taken", "<b>"]);
});

test("stars", () => {
  assert.deepEqual([-1, 0, 2].map(stars), ["Rejected", "No stars", "★★"]);
});

test("fileName: the last part of a key, also of a folder", () => {
  assert.deepEqual(["a/b.jpg", "b.jpg", "a/b/", "/"].map(fileName), ["b.jpg", "b.jpg", "b", "/"]);
});

test("settingsLine: what is known", () => {
  const photo = { exposure_seconds: 1 / 250, f_number: 2.8, iso: 400, focal_length_mm: 35 };
  assert.equal(settingsLine(photo), "1/250 s · f/2.8 · ISO 400 · 35 mm");
  assert.equal(settingsLine({ iso: 100 }), "ISO 100");
  assert.equal(settingsLine({}), "");
});

test("cameraName: the maker once", () => {
  assert.equal(
    cameraName({ camera_make: "NIKON CORPORATION", camera_model: "NIKON Z 6" }),
    "NIKON Z 6",
  );
  assert.equal(cameraName({ camera_make: "FUJIFILM", camera_model: "X-T4" }), "FUJIFILM X-T4");
  assert.equal(cameraName({ camera_make: "Canon" }), "Canon");
  assert.equal(cameraName({}), "");
});
