/**
 * @file Tests of the scrubber: its segments (months), pages that are fetched before the first one, and their rows.
 * @import { Row } from "../../api/static/js/photos/justified_layout.js"
 */
import "./page.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { DateHeadings } from "../../api/static/js/photos/date_headings.js";
import {
  firstOfSegment,
  moveInSegments,
  segmentAt,
  segmentOfPhoto,
  segmentsOf,
  yearTicks,
} from "../../api/static/js/photos/date_segments.js";
import { insertAbove, justify } from "../../api/static/js/photos/justified_layout.js";
import { PAGE_SIZE } from "../../api/static/js/photos/page_requests.js";
import { PhotoPages } from "../../api/static/js/photos/photo_pages.js";

/** @type {(value: string | null, count: number) => any} */
const row = (value, count) => ({ value, count });
const ROWS = [
  row("2022-12", 10),
  row("2023-01", 0),
  row("2023-05", 50),
  row("2023-06", 20),
  row("2216-01", 1),
  row(null, 19),
];

test("segmentsOf: returns the months in the order of the list, undated photos last", () => {
  const newest = segmentsOf(ROWS, "-taken");
  assert.deepEqual(
    newest.map(({ value, first }) => [value, first]),
    [
      ["2216-01", 0],
      ["2023-06", 1],
      ["2023-05", 21],
      ["2022-12", 71],
      ["none", 81],
    ],
  );
  assert.deepEqual([newest[2].top, newest[2].bottom, newest[4].bottom], [0.21, 0.71, 1]);
  assert.deepEqual([newest[2].label, newest[4].label], ["May 2023", "No date"]);
  assert.deepEqual(
    segmentsOf(ROWS, "taken").map(({ value }) => value),
    ["2022-12", "2023-05", "2023-06", "2216-01", "none"],
  );
  // A month that the API cannot search for takes up space, but has no segment.
  const [only] = segmentsOf([row("0201-01", 30), row("2024-01", 10)], "taken");
  assert.deepEqual([only.value, only.first, only.top], ["2024-01", 30, 0.75]);
  assert.deepEqual(segmentsOf([], "taken"), []);
});

test("segmentAt and segmentOfPhoto: return a segment for every position and every photo", () => {
  const segments = segmentsOf(ROWS, "-taken");
  assert.deepEqual(
    [0, 0.01, 0.2, 0.5, 0.8, 1].map((share) => segmentAt(segments, share)),
    [0, 1, 1, 2, 3, 4],
  );
  assert.equal(segmentOfPhoto(segments, 20_230_517, 0), 2);
  assert.equal(segmentOfPhoto(segments, 0, 0), 4);
  // Only the year is known, so the position decides.
  assert.equal(segmentOfPhoto(segments, 20_230_000, 30), 2);
  assert.equal(segmentOfPhoto(segments, 20_190_000, 1e6), 4);
});

test("moveInSegments: keys move by month, by year, and to the ends", () => {
  const segments = segmentsOf(ROWS, "-taken");
  const moves = ["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End", "a"].map((key) =>
    moveInSegments(segments, 2, key),
  );
  assert.deepEqual(moves, [3, 1, 3, 0, 0, 4, null]);
  assert.equal(moveInSegments(segments, 4, "ArrowDown"), 4);
  assert.equal(moveInSegments(segments, 4, "PageDown"), 4);
  assert.equal(moveInSegments(segments, 0, "PageUp"), 0);
});

test("yearTicks: years with many photos have labels, and labels do not overlap", () => {
  const segments = segmentsOf(ROWS, "-taken");
  // The 20 photos of June and the 50 of May belong to one year, which begins just below 2216.
  assert.deepEqual(yearTicks(segments, 200, 18), [
    { top: 0.01, label: "2023" },
    { top: 0.71, label: "2022" },
    { top: 0.81, label: "–" },
  ]);
  const many = Array.from({ length: 100 }, (_, year) => row(`${1900 + year}-01`, 1));
  const tops = yearTicks(segmentsOf(many, "taken"), 300, 18).filter(({ label }) => label);
  assert.ok(tops.length > 10);
  for (const [index, { top }] of tops.entries()) {
    assert.ok(!index || (top - tops[index - 1].top) * 300 >= 17.99);
  }
});

test("firstOfSegment: is null while earlier photos of the month may be missing", () => {
  const days = [20_230_517, 20_230_501, 20_221_224, 0];
  const pages = {
    days: new Uint32Array(days),
    count: 4,
    hasPrevious: true,
    start: null,
    inserted: 0,
  };
  assert.equal(firstOfSegment(pages, "2023-05"), null);
  assert.equal(firstOfSegment({ ...pages, hasPrevious: false }, "2023-05"), 0);
  assert.equal(firstOfSegment({ ...pages, start: "2023-05" }, "2023-05"), 0);
  assert.equal(firstOfSegment(pages, "2022-12"), 2);
  assert.equal(firstOfSegment(pages, "none"), 3);
  assert.equal(firstOfSegment({ ...pages, count: 3 }, "none"), null);
});

/**
 * An API whose photos have their index in the list as id.
 * @param {number} total
 * @param {number} start index of the first photo of the month that the parameter `start` names
 * @returns {any}
 */
function fakeApi(total, start) {
  return {
    /** @type {string[]} */
    requests: [],
    /** @type {(path: string, params: [string, any][]) => Promise<any>} */
    async get(_path, params) {
      const { limit, ...query } = Object.fromEntries(params);
      this.requests.push(JSON.stringify(query));
      const from = query.cursor ?? (query.start ? start : 0);
      const [first, end] = query.before
        ? [Math.max(0, query.before - limit), Number(query.before)]
        : [Number(from), Math.min(total, Number(from) + limit)];
      const photos = Array.from({ length: end - first }, (_, at) => ({
        id: String(first + at),
        photo: {},
      }));
      return { photos, next: end < total ? String(end) : null };
    },
  };
}

test("PhotoPages: fetches pages before and after a month", async () => {
  const api = fakeApi(1000, 230);
  const pages = new PhotoPages(api, [], { start: "2023-05", base: 230 });
  await pages.loadMore();
  assert.deepEqual([pages.at(0)?.id, pages.at(99)?.id, pages.hasPrevious], ["230", "329", true]);
  await Promise.all([pages.loadPrevious(), pages.loadPrevious(), pages.loadMore()]);
  assert.deepEqual([pages.count, pages.base, pages.inserted], [300, 130, 100]);
  while (pages.hasPrevious) await pages.loadPrevious();
  await pages.loadPrevious();
  assert.deepEqual([pages.count, pages.base, pages.inserted], [430, 0, 230]);
  // The first page has only 30 photos.
  for (let index = 0; index < pages.count; index++) {
    assert.equal(pages.at(index)?.id, String(index));
    assert.equal(pages.indexOf(String(index)), index);
  }
  assert.equal(pages.at(-1), null);
  assert.equal(pages.at(430), null);
  assert.deepEqual(api.requests, [
    '{"start":"2023-05"}',
    '{"before":"230"}',
    '{"cursor":"330"}',
    '{"before":"130"}',
    '{"before":"30"}',
  ]);
});

test("PhotoPages: drops pages before the first one, and fetches them again when they are used", async () => {
  const api = fakeApi(6000, 4000);
  const pages = new PhotoPages(api, [], { start: "2023-05", base: 4000 });
  await pages.loadMore();
  while (pages.hasPrevious) await pages.loadPrevious();
  assert.ok(pages.cache.pages.filter(({ photos }) => photos).length < 4000 / PAGE_SIZE);
  assert.equal(pages.at(3950), null);
  await new Promise((resolve) => pages.changes.listeners.add(resolve));
  assert.equal(pages.at(3950)?.id, "3950");
  assert.equal(api.requests.at(-1), '{"before":"4000"}');
});

const OPTIONS = { width: 1000, maxHeight: 150, gap: 6, isComplete: false };

/**
 * Check that the rows follow each other without gaps.
 * @param {Row[]} rows
 * @param {number} count
 */
function checkRows(rows, count) {
  for (const [index, { start, top }] of rows.entries()) {
    const above = rows[index - 1];
    assert.equal(start, above?.end ?? 0);
    assert.equal(top, above ? above.top + above.height + 6 : 0);
  }
  assert.equal(rows.at(-1)?.end, count);
}

test("insertAbove: rows below the first one keep their photos", () => {
  // A month from index 0 to 239, of which 40 photos are fetched at first, and two other months after it.
  const all = Array.from({ length: 400 }, (_, at) =>
    at < 240 ? 20_240_500 + 30 - Math.floor(at / 10) : at < 300 ? 20_240_410 : 20_240_310,
  );
  const aspects = all.map((_, at) => 0.7 + (at % 5) / 4);
  /** @type {Row[]} */
  const rows = [];
  let first = 240;
  const headingsFrom = (/** @type {number} */ at) => new DateHeadings(all.slice(at));
  justify(rows, aspects.slice(first), 160, { ...OPTIONS, headings: headingsFrom(first) });
  checkRows(rows, 160);
  for (const inserted of [100, 100, 40]) {
    const below = rows
      .slice(1)
      .map(({ start, end, height }) => [start + inserted, end + inserted, height]);
    const before = rows.length;
    first -= inserted;
    const added = insertAbove(rows, aspects.slice(first), 400 - first, {
      ...OPTIONS,
      headings: headingsFrom(first),
      inserted,
      hasPrevious: first > 0,
    });
    checkRows(rows, 400 - first);
    assert.equal(rows.length, before + added);
    const kept = rows.slice(1 + added).map(({ start, end, height }) => [start, end, height]);
    assert.deepEqual(kept, below);
    // All rows of the month are full, except its first one.
    const short = rows.filter(({ start, isShort }) => isShort && start > 0 && start < 240 - first);
    assert.deepEqual(short, []);
  }
  assert.equal(rows[0].isOpenAbove ?? false, false);
});

test("insertAbove: a completely inserted month ends with its short row", () => {
  const days = [
    ...Array(3).fill(20_240_601),
    ...Array(11).fill(20_240_501),
    ...Array(9).fill(20_240_401),
  ];
  const aspects = days.map(() => 1.5);
  /** @type {Row[]} */
  const rows = [];
  justify(rows, aspects, 9, { ...OPTIONS, headings: new DateHeadings(days.slice(14)) });
  insertAbove(rows, aspects, 23, {
    ...OPTIONS,
    headings: new DateHeadings(days),
    inserted: 14,
    hasPrevious: true,
  });
  checkRows(rows, 23);
  const may = rows.filter(({ start }) => start >= 3 && start < 14);
  assert.deepEqual(
    may.map(({ isShort }) => Boolean(isShort)),
    [false, false, true],
  );
  assert.equal(rows[0].isOpenAbove, true);
});
