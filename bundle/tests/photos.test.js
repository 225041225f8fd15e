import "./page.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { COLUMNS, columnsOf, DEFAULT_COLUMNS } from "../../api/static/js/photos/columns.js";
import { justify, moveInRows, rowsBetween } from "../../api/static/js/photos/justified_layout.js";
import { aspectOf, PAGE_SIZE, PhotoPages } from "../../api/static/js/photos/photo_pages.js";
import { flatten, groupTags } from "../../api/static/js/photos/tag_groups.js";
import { readState } from "../../api/static/js/core/url_state.js";

const LAYOUT = { width: 1000, target: 150, gap: 6, done: false };

/**
 * @typedef {import("../../api/static/js/photos/justified_layout.js").Row} Row
 * @typedef {import("../../api/static/js/core/types").Photo} Photo
 */

test("justify: full rows fill the width, none is higher than wanted", () => {
  const aspects = Array.from({ length: 50 }, (_, at) => 0.6 + (at % 5) * 0.4);
  /** @type {Row[]} */
  const rows = [];
  const height = justify(rows, aspects, 50, { ...LAYOUT, done: true });
  for (const row of rows.filter(({ short }) => !short)) {
    const widths = aspects.slice(row.start, row.end).map((aspect) => aspect * row.height);
    const total = widths.reduce((sum, one) => sum + one, 0) + LAYOUT.gap * (widths.length - 1);
    assert.ok(Math.abs(total - LAYOUT.width) < 1e-6);
    assert.ok(row.height <= LAYOUT.target);
  }
  assert.deepEqual(
    rows.slice(1).map(({ start }) => start),
    rows.slice(0, -1).map(({ end }) => end),
  );
  const last = rows[rows.length - 1];
  assert.equal(height, last.top + last.height + LAYOUT.gap);
});

test("justify: more photos are added to an open row, the rows before it stay", () => {
  const aspects = Array.from({ length: 40 }, () => 1.5);
  /** @type {Row[]} */
  const grown = [];
  justify(grown, aspects, 23, LAYOUT);
  const first = grown[0];
  justify(grown, aspects, 40, LAYOUT);
  /** @type {Row[]} */
  const whole = [];
  justify(whole, aspects, 40, LAYOUT);
  assert.deepEqual(grown, whole);
  assert.equal(grown[0], first);
});

/** @type {Row[]} */
const ROWS = [0, 1, 2, 3].map((at) => ({
  start: at * 4,
  end: at * 4 + 4,
  top: at * 106,
  height: 100,
}));

test("rowsBetween: rows that reach into the part", () => {
  assert.deepEqual(rowsBetween(ROWS, 0, 100), [0, 1]);
  assert.deepEqual(rowsBetween(ROWS, 90, 220), [0, 3]);
  assert.deepEqual(rowsBetween(ROWS, 5000, 6000), [4, 4]);
  assert.deepEqual(rowsBetween([], 0, 100), [0, 0]);
});

test("moveInRows: arrows, pages and ends", () => {
  /** @type {[at: number, key: string, to: number | null][]} */
  const cases = [
    [5, "ArrowRight", 6],
    [5, "ArrowLeft", 4],
    [5, "ArrowDown", 9],
    [5, "ArrowUp", 1],
    [1, "ArrowUp", 1],
    [13, "ArrowDown", 13],
    [1, "PageDown", 13],
    [13, "Home", 0],
    [1, "End", 15],
    [1, "a", null],
    [99, "End", null],
  ];
  for (const [at, key, to] of cases)
    assert.equal(moveInRows(ROWS, 16, at, key), to, `${at} ${key}`);
});

test("aspectOf: panoramas are cut, unknown sizes are 3:2", () => {
  /** @type {(width?: number, height?: number) => number} */
  const aspect = (width_pixels, height_pixels) =>
    aspectOf({ id: "", key: "", status: "ok", photo: { width_pixels, height_pixels } });
  assert.deepEqual(
    [aspect(3000, 2000), aspect(), aspect(9000, 100), aspect(100, 9000)],
    [1.5, 1.5, 3.2, 0.45],
  );
});

/**
 * @param {number} total
 * @returns {any}
 */
function fakeApi(total) {
  const asked = /** @type {string[]} */ ([]);
  return {
    asked,
    async get(/** @type {string} */ _path, /** @type {[string, any][]} */ params) {
      const query = Object.fromEntries(params);
      asked.push(query.cursor ?? "");
      const start = Number(query.cursor ?? 0);
      const end = Math.min(total, start + query.limit);
      const photos = Array.from({ length: end - start }, (_, at) => ({
        id: `${start + at}`,
        photo: {},
      }));
      return { photos, next: end < total ? String(end) : null };
    },
  };
}

test("PhotoPages: pages follow each other up to the end", async () => {
  const api = fakeApi(250);
  const pages = new PhotoPages(api, [["q", "x"]]);
  await pages.more();
  await Promise.all([pages.more(), pages.more()]);
  await pages.more();
  await pages.more();
  assert.deepEqual(api.asked, ["", "100", "200"]);
  assert.equal(pages.count, 250);
  assert.ok(pages.done);
  assert.equal(pages.at(249)?.id, "249");
  assert.equal(pages.at(250), null);
  assert.equal(pages.indexOf("123"), 123);
  assert.equal(pages.indexOf("250"), -1);
});

test("PhotoPages: far pages are dropped, and fetched again when looked at", async () => {
  const api = fakeApi(3000);
  const pages = new PhotoPages(api, []);
  while (!pages.done) await pages.more();
  assert.ok(pages.pages.filter(({ photos }) => photos).length < 3000 / PAGE_SIZE);
  assert.equal(pages.aspects[2999], 1.5);
  assert.equal(pages.at(0), null);
  await new Promise((resolve) => pages.listeners.add(resolve));
  assert.equal(pages.at(0)?.id, "0");
});

test("PhotoPages: an error stops it until it is tried again", async () => {
  const api = fakeApi(250);
  const pages = new PhotoPages({ ...api, get: () => Promise.reject(new Error("away")) }, []);
  await pages.more();
  assert.equal(pages.error?.message, "away");
  pages.api = api;
  await pages.more();
  assert.equal(pages.count, 0);
  pages.retry();
  await new Promise((resolve) => pages.listeners.add(resolve));
  assert.equal(pages.count, PAGE_SIZE);
});

test("columnsOf: known columns of the address, each once; else the default ones", () => {
  assert.deepEqual(columnsOf(readState("?columns=iso,constructor,name,iso")), ["iso", "name"]);
  assert.deepEqual(columnsOf(readState("?columns=toString")), DEFAULT_COLUMNS);
  assert.deepEqual(columnsOf(readState("")), DEFAULT_COLUMNS);
});

test("columns: show nothing of a photo without metadata", () => {
  const photo = { id: "b/k.jpg", key: "k.jpg", status: "ok", photo: {} };
  for (const [name, { show }] of Object.entries(COLUMNS)) {
    assert.equal(show(photo), { name: "k.jpg", status: "Has EXIF" }[name] ?? "", name);
  }
});

test("groupTags: by directory, known ones first", () => {
  const groups = groupTags({
    "Zzz A": { printable: "1" },
    "GPS Lat": { printable: "2" },
    "Image Make": { printable: "3" },
    Alone: null,
  });
  assert.deepEqual(
    groups.map(([title]) => title),
    ["Image", "GPS", "Zzz", "Other"],
  );
  assert.deepEqual(groups[0][1], [{ name: "Make", value: "3" }]);
});

test("flatten: nested names, lists of values in one row", () => {
  const xmp = {
    "dc:title": { "x-default": "A" },
    "dc:subject": ["a", "b"],
    list: [{ x: 1 }],
    none: null,
  };
  assert.deepEqual(flatten(xmp), [
    { name: "dc:title › x-default", value: "A" },
    { name: "dc:subject", value: "a, b" },
    { name: "list › 0 › x", value: "1" },
  ]);
});
