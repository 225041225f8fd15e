/**
 * @file Tests of the viewer's geometry, and of the choice between original, preview and thumbnail.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import "./page.js";
import {
  canHavePreview,
  isPlayable,
  reasonOf,
  sourcesOf,
} from "../../api/static/js/core/picture_sources.js";
import {
  clamp,
  FIT,
  fitSize,
  fullScale,
  maxScale,
  pinchOf,
  swipeOf,
  wheelFactor,
  zoomAt,
} from "../../api/static/js/viewer/zoom.js";

const STAGE = { width: 1000, height: 600 };
const LIMITS = { fit: { width: 900, height: 600 }, stage: STAGE, max: 8 };

test("fitSize: the picture fits the stage, and is not magnified", () => {
  assert.deepEqual(fitSize({ width: 6000, height: 4000 }, STAGE), { width: 900, height: 600 });
  assert.deepEqual(fitSize({ width: 4000, height: 6000 }, STAGE), { width: 400, height: 600 });
  assert.deepEqual(fitSize({ width: 100, height: 50 }, STAGE), { width: 100, height: 50 });
  assert.deepEqual(fitSize({ width: 100, height: 50 }, STAGE, 2), { width: 50, height: 25 });
  assert.deepEqual(fitSize({ width: 0, height: 50 }, STAGE), { width: 0, height: 0 });
});

test("fullScale: shows one pixel of the file on each pixel of the screen", () => {
  assert.equal(fullScale({ width: 9000, height: 6000 }, { width: 900, height: 600 }), 10);
  assert.equal(fullScale({ width: 9000, height: 6000 }, { width: 900, height: 600 }, 2), 5);
  assert.equal(fullScale({ width: 100, height: 50 }, { width: 100, height: 50 }), 1);
  assert.equal(maxScale(1), 4);
  assert.equal(maxScale(10), 40);
});

test("zoomAt: the point below the pointer stays in its place", () => {
  const point = { x: 200, y: -100 };
  const zoom = zoomAt(FIT, 2, point, LIMITS);
  assert.equal(zoom.scale, 2);
  // The picture's point below the pointer, in units of the picture at scale 1.
  const below = (/** @type {{scale: number, x: number, y: number}} */ z) => ({
    x: (point.x - z.x) / z.scale,
    y: (point.y - z.y) / z.scale,
  });
  assert.deepEqual(below(zoom), below(FIT));
  const deeper = zoomAt(zoom, 1.7, point, LIMITS);
  assert.ok(Math.abs(below(deeper).x - 200) < 1e-9);
});

test("zoomAt: the scale stays within its limits, and a picture that fits is centred", () => {
  assert.equal(zoomAt(FIT, 100, { x: 0, y: 0 }, LIMITS).scale, 8);
  const zoomed = zoomAt(FIT, 4, { x: 400, y: 250 }, LIMITS);
  assert.deepEqual(zoomAt(zoomed, 0.01, { x: -300, y: 9 }, LIMITS), { ...FIT });
});

test("clamp: panning leaves no gap between the picture and the stage", () => {
  const { fit } = LIMITS;
  assert.deepEqual(clamp({ scale: 2, x: 5000, y: -5000 }, fit, STAGE), {
    scale: 2,
    x: 400,
    y: -300,
  });
  // At this scale the picture is as high as the stage and narrower, so there is nothing to pan.
  assert.deepEqual(clamp({ scale: 1, x: 50, y: 50 }, fit, STAGE), { scale: 1, x: 0, y: 0 });
});

test("pinchOf: returns the distance between two fingers, and their middle", () => {
  assert.deepEqual(pinchOf({ x: 0, y: 0 }, { x: 30, y: 40 }), {
    distance: 50,
    middle: { x: 15, y: 20 },
  });
});

test("swipeOf: long or quick movements are swipes, diagonal ones are not", () => {
  assert.equal(swipeOf(-100, 10, 400), "next");
  assert.equal(swipeOf(100, -20, 400), "previous");
  assert.equal(swipeOf(-30, 2, 40), "next"); // short but quick
  assert.equal(swipeOf(-30, 2, 400), null);
  assert.equal(swipeOf(10, 160, 300), "close");
  assert.equal(swipeOf(10, -160, 300), null);
  assert.equal(swipeOf(90, 100, 300), null); // neither across nor down
  assert.equal(swipeOf(0, 0, 0), null);
});

test("wheelFactor: is the same in both directions and for each unit of the wheel", () => {
  const wheel = { deltaY: 100, deltaMode: 0, ctrlKey: false };
  assert.ok(wheelFactor(wheel) < 1);
  assert.ok(Math.abs(wheelFactor(wheel) * wheelFactor({ ...wheel, deltaY: -100 }) - 1) < 1e-12);
  assert.equal(
    wheelFactor({ ...wheel, deltaY: 3, deltaMode: 1 }),
    wheelFactor({ ...wheel, deltaY: 48 }),
  );
  assert.ok(wheelFactor({ ...wheel, deltaY: 1e9 }) > 0.01);
  assert.ok(wheelFactor({ ...wheel, ctrlKey: true }) < wheelFactor(wheel));
});

const ON = { sign_originals: true, makes_previews: true };
const OFF = { sign_originals: false, makes_previews: false };
/** @type {[format: string, settings: typeof ON, kinds: string][]} */
const SOURCES = [
  ["jpeg", ON, "original preview thumbnail"],
  ["nef", ON, "preview thumbnail"],
  ["heic", ON, "preview original thumbnail"],
  ["tiff", ON, "preview original thumbnail"],
  ["mp4", ON, "original preview thumbnail"],
  ["webm", ON, "original thumbnail"],
  ["svg", ON, "preview thumbnail"],
  ["html", ON, "preview thumbnail"],
  ["", ON, "preview thumbnail"],
  ["jpeg", OFF, "thumbnail"],
  ["mp4", OFF, "thumbnail"],
  ["jpeg", { ...ON, sign_originals: false }, "preview thumbnail"],
];
for (const [format, settings, kinds] of SOURCES) {
  test(`sourcesOf: format "${format}" with ${JSON.stringify(settings)}: ${kinds}`, () => {
    assert.equal(sourcesOf({ format, thumbnail: "/t" }, settings).join(" "), kinds);
    assert.equal(
      sourcesOf({ format, thumbnail: null }, settings).join(" "),
      kinds.replace(/ ?thumbnail/, ""),
    );
  });
}

test("canHavePreview: photos in supported formats, and videos with a cover, have previews", () => {
  assert.ok(canHavePreview({ format: "nef", status: "ok" }, ON));
  assert.ok(canHavePreview({ format: "png", status: "no_exif" }, ON));
  assert.ok(!canHavePreview({ format: "html", status: "unsupported" }, ON));
  assert.ok(canHavePreview({ format: "mp4", status: "ok" }, ON));
  assert.ok(!canHavePreview({ format: "webm", status: "ok" }, ON));
  const avi = { format: "avi", status: "ok", thumbnail: null, photo: { media_type: "video" } };
  assert.ok(!canHavePreview(avi, ON));
  assert.deepEqual(sourcesOf(avi, ON), []);
  assert.ok(!canHavePreview({ format: "nef", status: "ok" }, OFF));
  assert.ok(isPlayable({ format: "mov" }) && !isPlayable({ format: "jpeg" }));
});

test("reasonOf: each error code has a different reason", () => {
  const codes = [
    "no_preview",
    "s3_unavailable",
    "preview_too_large",
    "preview_damaged",
    "unreachable",
  ];
  assert.equal(new Set(codes.map(reasonOf)).size, codes.length);
  assert.equal(reasonOf("anything else"), reasonOf(null));
});
