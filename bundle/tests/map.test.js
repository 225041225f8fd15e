import "./page.js";
import assert from "node:assert/strict";
import {
  isDrawn,
  middleOf,
  moveRectangle,
  rectangleBetween,
} from "../../api/static/js/map/rectangle.js";
import { test } from "node:test";
import { unwrap, unwrapRing } from "../../api/static/js/core/map_data.js";
import * as clusters from "../../api/static/js/map/clusters.js";
import * as geometry from "../../api/static/js/map/outline_geometry.js";
import { minZoomOf, parseMapPosition } from "../../api/static/js/map/map_position.js";
import * as towns from "../../api/static/js/map/towns.js";
import { firstChunk } from "../../api/static/js/map/photo_summaries.js";

/**
 * @typedef {import("../../api/static/js/core/types").MapFeature} MapFeature
 * @typedef {[longitude: number, latitude: number]} Position
 */

/** @type {(lng: number, lat: number, count?: number, id?: string) => MapFeature} */
const feature = (lng, lat, count = 1, id = undefined) => ({
  geometry: { coordinates: [lng, lat] },
  properties: { count, id },
});

test("moveRectangle: arrow keys move it, with Shift resize it, and keep it in the map", () => {
  const map = { width: 400, height: 300 };
  const middle = middleOf(map);
  assert.deepEqual(middle, { left: 100, top: 75, right: 300, bottom: 225 });
  assert.deepEqual(moveRectangle(middle, "ArrowLeft", false, map), {
    left: 84,
    top: 75,
    right: 284,
    bottom: 225,
  });
  assert.equal(moveRectangle(middle, "ArrowDown", true, map)?.bottom, 241);
  const atEdge = { left: 190, top: 0, right: 390, bottom: 20 };
  assert.deepEqual(moveRectangle(atEdge, "ArrowRight", false, map), {
    left: 200,
    top: 0,
    right: 400,
    bottom: 20,
  });
  assert.deepEqual(moveRectangle(atEdge, "ArrowUp", true, map), { ...atEdge, bottom: 16 });
  assert.equal(moveRectangle(middle, "Enter", false, map), null);
});

test("rectangleBetween: has the corners in order, and ends at the edge of the map", () => {
  const map = { width: 400, height: 300 };
  const drawn = rectangleBetween({ x: 90, y: 40 }, { x: -20, y: 310 }, map);
  assert.deepEqual(drawn, { left: 0, top: 40, right: 90, bottom: 300 });
  assert.ok(isDrawn(drawn));
  assert.ok(!isDrawn(rectangleBetween({ x: 5, y: 5 }, { x: 60, y: 7 }, map)));
});

test("parseBox and formatBox: accept areas across the 180th meridian", () => {
  assert.deepEqual(clusters.parseBox("170,-20,-170,10"), {
    west: 170,
    south: -20,
    east: 190,
    north: 10,
  });
  assert.equal(
    clusters.formatBox({ west: 170, south: -20, east: 190, north: 10 }),
    "170,-20,-170,10",
  );
  assert.equal(
    clusters.formatBox({ west: -300, south: -95, east: 300, north: 95 }),
    "-180,-90,180,90",
  );
  for (const text of [undefined, "", "1,2,3", "1,2,3,x", "1,2,3,4,5"]) {
    assert.equal(clusters.parseBox(text), null);
  }
});

test("mergeOverlapping: merges a small cluster into a larger one, keeps distant clusters", () => {
  const features = [feature(0, 0, 5), feature(1, 0, 100), feature(50, 0, 1, "a")];
  const merged = clusters.mergeOverlapping(features, ([lng, lat]) => ({
    x: lng * 10,
    y: lat * 10,
  }));
  assert.deepEqual(
    merged.map(({ count, id }) => [count, id ?? null]),
    [
      [105, null],
      [1, "a"],
    ],
  );
  assert.equal(merged[0].cellPositions.length, 2);
  assert.equal(merged[0].radius, clusters.radiusOf(105));
});

test("extentOf: leaves out the widest gap, or the one at the 180th meridian if it is about as wide", () => {
  assert.equal(clusters.extentOf([]), null);
  const fiji = [feature(178, -18), feature(-179, -16)];
  assert.deepEqual(clusters.extentOf(fiji), { west: 178, south: -18, east: 181, north: -16 });
  const world = [feature(-120, 40), feature(60, 35)];
  assert.deepEqual(clusters.extentOf(world), { west: -120, south: 35, east: 60, north: 40 });
});

test("minZoomOf: the whole world fits into a narrow map", () => {
  for (const width of [320, 360, 390, 412, 600]) {
    const worldPixels = 256 * 2 ** minZoomOf(width);
    assert.ok(worldPixels <= width, `${width}`);
    assert.ok(worldPixels >= Math.min(512, width) * 0.8, `${width}`);
    assert.ok(minZoomOf(width) === 1 || minZoomOf(width) < 0.5, `${width}`);
  }
  assert.equal(minZoomOf(0), 0.3);
  assert.equal(minZoomOf(1280), 2);
});

test("parseMapPosition: accepts the low zoom levels of a narrow map, but no negative ones", () => {
  assert.deepEqual(parseMapPosition("10,-20,0.49"), { lat: 10, lng: -20, zoom: 0.49 });
  assert.equal(parseMapPosition("10,20,-1"), null);
});

test("areaOf: is the area of the API's cell at a position", () => {
  assert.deepEqual(clusters.areaOf({ cellPositions: [[1, 1]] }, 0), {
    west: 0,
    south: 0,
    east: 90,
    north: 90,
  });
});

test("isInside: accepts positions in any copy of the world", () => {
  const area = { west: 170, south: -10, east: 190, north: 10 };
  assert.ok(clusters.isInside({ lng: -175, lat: 0 }, area));
  assert.ok(!clusters.isInside({ lng: 0, lat: 0 }, area));
  assert.ok(!clusters.isInside({ lng: 175, lat: 20 }, area));
});

test("clipRing: returns the part of a square inside another square", () => {
  const ring = geometry.project([
    [-90, -60],
    [90, -60],
    [90, 60],
    [-90, 60],
  ]);
  const clipped = geometry.clipRing(ring, [0.5, 0, 1, 0.5]);
  assert.deepEqual(clipped?.box.slice(0, 1), [0.5]);
  assert.equal(clipped?.box[2], 0.75);
  assert.equal(clipped?.box[3], 0.5);
  assert.equal(geometry.clipRing(ring, [0.9, 0.9, 1, 1]), null);
  assert.equal(geometry.clipRing(ring, [0, 0, 1, 1]), ring);
});

test("clipLine: returns the sections that may overlap the box", () => {
  const line = geometry.project([-80, -40, 0, 40, 80].map((lng) => [lng, 0]));
  const parts = geometry.clipLine(line, [0.45, 0.4, 0.55, 0.6]);
  assert.equal(parts.length, 1);
  assert.equal(parts[0].points.length, 6);
  assert.deepEqual(geometry.clipLine(line, [0, 0, 0.1, 0.1]), []);
});

test("toY and toLatitude: are inverse functions", () => {
  for (const latitude of [-80, -12.5, 0, 45, 85]) {
    assert.ok(Math.abs(geometry.toLatitude(geometry.toY(latitude)) - latitude) < 1e-9);
  }
});

test("projectWithCopies: a shape across the 180th meridian is at both edges of the map", () => {
  const copies = geometry.projectWithCopies([
    [170, 0],
    [190, 0],
  ]);
  assert.equal(copies.length, 2);
  assert.ok(copies[1].box[0] < 0);
});

test("contains: is true inside a polygon, but not outside or in its hole", () => {
  /** @type {(side: number) => Position[]} */
  const square = (side) => [
    [-side, -side],
    [side, -side],
    [side, side],
    [-side, side],
  ];
  const rings = [square(10), square(2)];
  assert.ok(geometry.contains(rings, 5, 5));
  assert.ok(!geometry.contains(rings, 0, 0));
  assert.ok(!geometry.contains(rings, 11, 0));
});

test("placeName: puts the name in the centre of the largest polygon", () => {
  /** @type {Position[]} */
  const large = [
    [10, -5],
    [30, -5],
    [30, 5],
    [10, 5],
    [10, -5],
  ];
  const small = large.map(([lng, lat]) => /** @type {Position} */ ([lng / 10, lat / 10]));
  const name = geometry.placeName({ name: "A", polygons: [[small], [large]] });
  assert.ok(Math.abs((name?.x ?? 0) - geometry.toX(20)) < 1e-9);
  assert.ok(Math.abs((name?.y ?? 0) - 0.5) < 1e-9);
});

test("unwrap: continues beyond 180 degrees; Antarctica is closed along the pole", () => {
  /** @type {Position[]} */
  const line = [
    [179, 0],
    [-179, 1],
    [178, 2],
  ];
  assert.deepEqual(unwrap(line), [
    [179, 0],
    [181, 1],
    [178, 2],
  ]);
  /** @type {Position[]} */
  const antarctica = [-180, -90, 0, 90, 180].map((lng) => [lng, -70]);
  assert.deepEqual(unwrapRing(antarctica).slice(-3), [
    [180, -90],
    [-180, -90],
    [-180, -70],
  ]);
});

test("townsWithRoom: larger towns and the names of countries take precedence", () => {
  const table =
    "Tokyo\t35.69\t139.69\t9733\nYokohama\t35.44\t139.64\t3574\nNikko\t36.75\t139.6\t80\n";
  const all = towns.parseTowns(table, geometry);
  assert.deepEqual(
    all.map(({ name, people }) => [name, people]),
    [
      ["Tokyo", 9_733_000],
      ["Yokohama", 3_574_000],
      ["Nikko", 80_000],
    ],
  );
  assert.ok(Math.abs(all[0].x - geometry.toX(139.69)) < 1e-9);
  /** @type {(zoom: number, names?: import("../../api/static/js/map/outline_geometry.js").PlaceName[]) => string[]} */
  const namesAt = (zoom, names = []) =>
    towns.townsWithRoom(all, names, zoom).map(({ name }) => name);
  assert.deepEqual(namesAt(4), ["Tokyo"]);
  assert.deepEqual(namesAt(8), ["Tokyo", "Yokohama", "Nikko"]);
  const [tokyo] = all;
  const japan = { name: "Japan", x: tokyo.x, y: tokyo.y, width: 0.1, area: 1 };
  assert.deepEqual(namesAt(8, [japan]), ["Yokohama", "Nikko"]);
});

test("firstChunk: limits the number and the length of ids, but returns at least one", () => {
  const short = Array.from({ length: 250 }, (_, index) => `b/${index}`);
  assert.equal(firstChunk(short).length, 100);
  const long = Array.from({ length: 10 }, () => "é".repeat(400));
  assert.equal(firstChunk(long).length, 2);
  assert.equal(firstChunk(["x".repeat(9000)]).length, 1);
  assert.deepEqual(firstChunk(["a"]), ["a"]);
});
