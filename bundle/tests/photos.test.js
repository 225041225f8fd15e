import "./page.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { COLUMNS, columnsOf, DEFAULT_COLUMNS } from "../../api/static/js/photos/columns.js";
import { DateHeadings, dayNumber, placeLabels } from "../../api/static/js/photos/date_headings.js";
import { justify, moveInRows, rowsBetween } from "../../api/static/js/photos/justified_layout.js";
import { PAGE_SIZE } from "../../api/static/js/photos/page_requests.js";
import { PhotoPages } from "../../api/static/js/photos/photo_pages.js";
import { aspectOf } from "../../api/static/js/photos/photo_shapes.js";
import { rotateArea } from "../../api/static/js/photos/regions.jsx";
import { flatten, groupTags } from "../../api/static/js/photos/tag_groups.js";
import { formatDayTaken, formatTimeTaken } from "../../api/static/js/core/taken.js";
import { parseState } from "../../api/static/js/core/url_state.js";
import { filesOf } from "../../api/static/js/shell/export_menu.jsx";

const LAYOUT = { width: 1000, maxHeight: 150, gap: 6, isComplete: false };

/**
 * @typedef {import("../../api/static/js/photos/justified_layout.js").Row} Row
 * @typedef {import("../../api/static/js/core/types").Photo} Photo
 */

test("justify: full rows fill the width, none is higher than the maximum", () => {
  const aspects = Array.from({ length: 50 }, (_, index) => 0.6 + (index % 5) * 0.4);
  /** @type {Row[]} */
  const rows = [];
  const height = justify(rows, aspects, 50, { ...LAYOUT, isComplete: true });
  for (const row of rows.filter(({ isShort }) => !isShort)) {
    const widths = aspects.slice(row.start, row.end).map((aspect) => aspect * row.height);
    const total = widths.reduce((sum, width) => sum + width, 0) + LAYOUT.gap * (widths.length - 1);
    assert.ok(Math.abs(total - LAYOUT.width) < 1e-6);
    assert.ok(row.height <= LAYOUT.maxHeight);
  }
  assert.deepEqual(
    rows.slice(1).map(({ start }) => start),
    rows.slice(0, -1).map(({ end }) => end),
  );
  const last = rows[rows.length - 1];
  assert.equal(height, last.top + last.height + LAYOUT.gap);
});

test("justify: adds photos to the last row, and keeps the full rows before it", () => {
  const aspects = Array.from({ length: 40 }, () => 1.5);
  /** @type {Row[]} */
  const grown = [];
  justify(grown, aspects, 23, LAYOUT);
  const first = grown[0];
  justify(grown, aspects, 40, LAYOUT);
  /** @type {Row[]} */
  const expected = [];
  justify(expected, aspects, 40, LAYOUT);
  assert.deepEqual(grown, expected);
  assert.equal(grown[0], first);
});

/** @type {Row[]} */
const ROWS = [0, 1, 2, 3].map((index) => ({
  start: index * 4,
  end: index * 4 + 4,
  top: index * 106,
  height: 100,
  lead: 0,
}));

/** @param {import("../../api/static/js/core/types").PhotoFields} photo */
const dayOf = (photo) => dayNumber({ id: "", key: "", status: "ok", photo });

test("dayNumber: is the date in the camera's local time, with zeros for unknown parts", () => {
  const local = "2024-05-03T23:30:00";
  assert.equal(dayOf({ taken_local: local, taken_at: "2024-05-04T01:30:00Z" }), 20_240_503);
  assert.equal(dayOf({ taken_local: local, taken_precision: "month" }), 20_240_500);
  assert.equal(dayOf({ taken_local: local, taken_precision: "year" }), 20_240_000);
  for (const text of ["", "soon", "12024-05-03", "2024-5-3"]) {
    assert.equal(dayOf({ taken_local: text }), 0, text);
  }
  assert.equal(formatDayTaken({ taken_local: local, taken_precision: "month" }), "May 2024");
});

test("formatTimeTaken: has the time only if it is known", () => {
  const photo = { taken_local: "2024-11-23T00:00:00", taken_at: "2024-11-23T00:00:00" };
  assert.equal(formatTimeTaken(photo), "23 Nov 2024, 00:00:00");
  assert.equal(formatTimeTaken({ ...photo, taken_precision: "day" }), "23 Nov 2024");
  assert.equal(formatTimeTaken({ taken_precision: "day" }), "");
  const text = COLUMNS.taken.format({
    id: "",
    key: "",
    status: "ok",
    photo: { ...photo, taken_precision: "year" },
  });
  assert.equal(text, "2024");
});

test("filesOf: exports have the sort order of the gallery or table, and the columns of the table", () => {
  /** @param {string} search */
  const optionsOf = (search) => filesOf(parseState(search)).map(({ options }) => options);
  assert.deepEqual(optionsOf("?sort=iso"), Array(4).fill([["sort", "iso"]]));
  assert.deepEqual(optionsOf("?view=map"), Array(4).fill([]));
  const [csv, ndjson, ...others] = optionsOf("?view=table&columns=iso,name&sort=-f");
  /** @type {[string, string][]} */
  const shown = [
    ["sort", "-f"],
    ["columns", "id,iso,key"],
  ];
  assert.deepEqual(csv, [...shown, ["bom", "true"]]);
  assert.deepEqual(ndjson, shown);
  assert.deepEqual(others, Array(4).fill([["sort", "-f"]]));
});

test("DateHeadings: months begin rows, days are labels within them", () => {
  const days = [20_240_503, 20_240_503, 20_240_502, 20_240_430, 20_240_400, 20_230_000, 0, 0];
  const headings = new DateHeadings(days);
  const breaks = days.map((_, index) => headings.isBreak(index));
  assert.deepEqual(breaks, [true, false, false, true, false, true, true, false]);
  const first = headings.above(0, 3);
  assert.equal(first.month, "May 2024");
  assert.deepEqual(first.days, [
    { index: 0, text: "Fri 3" },
    { index: 2, text: "Thu 2" },
  ]);
  // A row that continues a day has no headings. Unknown days and months have none either.
  assert.deepEqual(headings.above(1, 2), { height: 0, month: "", days: [] });
  assert.equal(headings.above(5, 6).month, "2023");
  assert.deepEqual(headings.above(5, 6).days, []);
  assert.equal(headings.above(6, 8).month, "No date");
});

test("justify: a new month starts a row, with room for its heading", () => {
  const days = [20_240_503, 20_240_503, 20_240_430, ...Array.from({ length: 7 }, () => 20_240_429)];
  /** @type {Row[]} */
  const rows = [];
  const aspects = days.map(() => 1.5);
  const options = { ...LAYOUT, isComplete: true, headings: new DateHeadings(days) };
  justify(rows, aspects, days.length, options);
  assert.deepEqual(
    rows.map(({ start, end }) => [start, end]),
    [
      [0, 2],
      [2, 7],
      [7, 10],
    ],
  );
  assert.ok(rows[0].isShort);
  assert.equal(rows[0].height - rows[0].lead, LAYOUT.maxHeight);
  assert.ok(rows[0].lead > rows[2].lead);
  assert.equal(rows[2].lead, 0);
  assert.equal(rows[1].top, rows[0].height + LAYOUT.gap);
});

test("justify: a month on two pages is laid out as if it were on one", () => {
  const days = Array.from({ length: 40 }, (_, index) => (index < 21 ? 20_240_503 : 20_240_430));
  const aspects = days.map(() => 1.5);
  for (const cut of [1, 20, 21, 22]) {
    /** @type {Row[]} */
    const grown = [];
    /** @type {Row[]} */
    const expected = [];
    justify(grown, aspects, cut, { ...LAYOUT, headings: new DateHeadings(days) });
    justify(grown, aspects, 40, { ...LAYOUT, headings: new DateHeadings(days) });
    justify(expected, aspects, 40, { ...LAYOUT, headings: new DateHeadings(days) });
    assert.deepEqual(grown, expected);
  }
});

test("placeLabels: labels end before the next one, and those without room are left out", () => {
  const labels = [0, 20, 100, 180].map((left) => ({ text: `at ${left}`, left }));
  assert.deepEqual(placeLabels(labels, 200, 48), [
    { text: "at 0", left: 0, width: 90 },
    { text: "at 100", left: 100, width: 70 },
    { text: "at 180", left: 180, width: 20 },
  ]);
});

test("rowsBetween: returns the rows that overlap the range", () => {
  assert.deepEqual(rowsBetween(ROWS, 0, 100), [0, 1]);
  assert.deepEqual(rowsBetween(ROWS, 90, 220), [0, 3]);
  assert.deepEqual(rowsBetween(ROWS, 5000, 6000), [4, 4]);
  assert.deepEqual(rowsBetween([], 0, 100), [0, 0]);
});

test("moveInRows: returns the photo to which a key moves the focus", () => {
  /** @type {[from: number, key: string, to: number | null][]} */
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
  for (const [from, key, to] of cases)
    assert.equal(moveInRows(ROWS, 16, from, key), to, `${from} ${key}`);
});

test("aspectOf: panoramas are cropped, unknown sizes are 3:2", () => {
  /** @type {(width?: number, height?: number) => number} */
  const aspect = (width_pixels, height_pixels) =>
    aspectOf({ id: "", key: "", status: "ok", photo: { width_pixels, height_pixels } });
  assert.deepEqual(
    [aspect(3000, 2000), aspect(), aspect(9000, 100), aspect(100, 9000)],
    [1.5, 1.5, 3.2, 0.45],
  );
});

/**
 * An API with `total` photos, whose ids are their indexes.
 * @param {number} total
 * @returns {any}
 */
function fakeApi(total) {
  const cursors = /** @type {string[]} */ ([]);
  return {
    cursors,
    async get(/** @type {string} */ _path, /** @type {[string, any][]} */ params) {
      const query = Object.fromEntries(params);
      cursors.push(query.cursor ?? "");
      const start = Number(query.cursor ?? 0);
      const end = Math.min(total, start + query.limit);
      const photos = Array.from({ length: end - start }, (_, offset) => ({
        id: `${start + offset}`,
        photo: {},
      }));
      return { photos, next: end < total ? String(end) : null };
    },
  };
}

test("PhotoPages: loads page after page up to the end", async () => {
  const api = fakeApi(250);
  const pages = new PhotoPages(api, [["q", "x"]]);
  await pages.loadMore();
  await Promise.all([pages.loadMore(), pages.loadMore()]);
  await pages.loadMore();
  await pages.loadMore();
  assert.deepEqual(api.cursors, ["", "100", "200"]);
  assert.equal(pages.count, 250);
  assert.ok(pages.isComplete);
  assert.equal(pages.at(249)?.id, "249");
  assert.equal(pages.at(250), null);
  assert.equal(pages.indexOf("123"), 123);
  assert.equal(pages.indexOf("250"), -1);
});

test("PhotoPages: drops pages, and fetches them again when they are used", async () => {
  const api = fakeApi(3000);
  const pages = new PhotoPages(api, []);
  while (!pages.isComplete) await pages.loadMore();
  assert.ok(pages.cache.pages.filter(({ photos }) => photos).length < 3000 / PAGE_SIZE);
  assert.equal(pages.aspects[2999], 1.5);
  assert.equal(pages.at(0), null);
  await new Promise((resolve) => pages.changes.listeners.add(resolve));
  assert.equal(pages.at(0)?.id, "0");
});

test("PhotoPages: stops after an error until retry is called", async () => {
  const api = fakeApi(250);
  const pages = new PhotoPages({ ...api, get: () => Promise.reject(new Error("unreachable")) }, []);
  await pages.loadMore();
  assert.equal(pages.error?.message, "unreachable");
  pages.requests.api = api;
  await pages.loadMore();
  assert.equal(pages.count, 0);
  pages.retry();
  await new Promise((resolve) => pages.changes.listeners.add(resolve));
  assert.equal(pages.count, PAGE_SIZE);
});

test("columnsOf: returns the known columns in the URL, each once, or else the default columns", () => {
  assert.deepEqual(columnsOf(parseState("?columns=iso,constructor,name,iso")), ["iso", "name"]);
  assert.deepEqual(columnsOf(parseState("?columns=toString")), DEFAULT_COLUMNS);
  assert.deepEqual(columnsOf(parseState("")), DEFAULT_COLUMNS);
});

test("COLUMNS: all but name and status are empty for a photo without metadata", () => {
  const photo = { id: "b/k.jpg", key: "k.jpg", status: "ok", photo: {} };
  for (const [name, { format }] of Object.entries(COLUMNS)) {
    assert.equal(format(photo), { name: "k.jpg", status: "Has EXIF" }[name] ?? "", name);
  }
});

test("groupTags: groups tags by directory, known directories first", () => {
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

test("flatten: joins nested names, and puts a list of values in one row", () => {
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

test("rotateArea: converts an area of the stored image to one of the displayed image", () => {
  const area = { x: 0.25, y: 0.125, w: 0.5, h: 0.25 };
  assert.deepEqual(rotateArea(area), area);
  assert.deepEqual(rotateArea(area, 3), { x: 0.75, y: 0.875, w: 0.5, h: 0.25 });
  assert.deepEqual(rotateArea(area, 6), { x: 0.875, y: 0.25, w: 0.25, h: 0.5 });
  assert.deepEqual(rotateArea(area, 8), { x: 0.125, y: 0.75, w: 0.25, h: 0.5 });
  assert.deepEqual(rotateArea(area, 99), area);
  // In every orientation, the area is inside the image.
  for (let orientation = 1; orientation <= 8; orientation++) {
    const { x, y, w, h } = rotateArea(area, orientation);
    assert.ok(x - w / 2 >= 0 && x + w / 2 <= 1 && y - h / 2 >= 0 && y + h / 2 <= 1);
  }
});
