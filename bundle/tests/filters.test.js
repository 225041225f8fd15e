import assert from "node:assert/strict";
import { test } from "node:test";
import * as dates from "../../api/static/js/filters/date_bars.js";
import { withToggled } from "../../api/static/js/filters/facet_value.jsx";
import { selectedBars } from "../../api/static/js/filters/histogram.jsx";
import { findErrorRange } from "../../api/static/js/filters/json_paths.js";
import { sortOptions, SORTS } from "../../api/static/js/filters/sorts.js";

const QUERY = '{"photo.iso": {"$gt": 5},\n "$or": [{"a": 1}, {"b": [true]}], "a/b": {"~c": 2}}';

/** @param {{code?: string, pointer?: string}} problem */
const markedText = (problem) => {
  const range = findErrorRange(QUERY, problem);
  return range && QUERY.slice(...range);
};

test("findErrorRange: a JSON pointer marks the name, or the value in a list", () => {
  assert.equal(markedText({ pointer: "/photo.iso/$gt" }), '"$gt"');
  assert.equal(markedText({ pointer: "/$or/1" }), '{"b": [true]}');
  assert.equal(markedText({ pointer: "/$or/1/b/0" }), "true");
  assert.equal(markedText({ pointer: "/a~1b/~0c" }), '"~c"');
  assert.equal(markedText({ pointer: "/nothing" }), null);
});

test("findErrorRange: nothing for a problem about the whole text", () => {
  assert.equal(markedText({ pointer: "" }), null);
  assert.equal(markedText({ code: "query_timeout" }), null);
});

test("findErrorRange: the syntax error of a text that is not JSON", () => {
  assert.deepEqual(findErrorRange('{"a":\n  x}', { code: "bad_json" }), [8, 9]);
  assert.deepEqual(findErrorRange("{", { code: "bad_json" }), [0, 1]);
  assert.equal(findErrorRange(QUERY, { code: "bad_json" }), null);
});

test("sortOptions: adds the sort order of a column, but no unknown order", () => {
  assert.equal(sortOptions("-taken"), SORTS);
  assert.equal(sortOptions("constructor"), SORTS);
  assert.deepEqual(sortOptions("-bucket").at(-1), ["-bucket", "Bucket, descending"]);
});

test("withToggled: adds or removes a value", () => {
  assert.deepEqual(withToggled(undefined, "a"), ["a"]);
  assert.deepEqual(withToggled(["a", "b"], "a"), ["b"]);
});

test("selectedBars of a histogram: the bars that overlap a span", () => {
  const bars = [100, 200, 400].map((value) => ({
    value,
    count: 1,
    least: value,
    greatest: value * 1.5,
  }));
  assert.deepEqual(selectedBars(bars, [120, 210]), [0, 1]);
  assert.deepEqual(selectedBars(bars, [null, 200]), [0, 1]);
  assert.deepEqual(selectedBars(bars, [400, null]), [2, 2]);
  assert.equal(selectedBars(bars, [700, 800]), null);
});

test("enclosingPeriod: the month or year that contains the filter", () => {
  /** @type {[string | undefined, string | null][]} */
  const cases = [
    ["2024-05-03", "2024-05"],
    ["2024-05-03..2024-05-09", "2024-05"],
    ["2024-05..2024-09", "2024"],
    ["2023..2024", null],
    ["..2024", null],
    [undefined, null],
  ];
  for (const [taken, expected] of cases) assert.equal(dates.enclosingPeriod(taken), expected);
});

test("bars of the timeline: every year, month and day, including those without photos", () => {
  const months = [
    { value: "2019-12", count: 2 },
    { value: "2021-01", count: 3 },
  ];
  const counts = (/** @type {{count: number}[]} */ bars) => bars.map(({ count }) => count);
  assert.deepEqual(counts(dates.allBars(months, 100)), [2, 0, 3]);
  assert.equal(dates.allBars(months, 2000).length, 36);
  assert.equal(dates.monthBars("2021", months)[0].count, 3);
  assert.equal(dates.dayBars("2024-02", [{ value: "2024-02-29", count: 7 }]).at(-1)?.count, 7);
});

test("selectedBars of the timeline: dates are compared by their common part", () => {
  const bars = dates.monthBars("2024", []);
  assert.deepEqual(dates.selectedBars(bars, "2024-05"), [4, 4]);
  assert.deepEqual(dates.selectedBars(bars, "2024-05-03..2024-07-01"), [4, 6]);
  assert.deepEqual(dates.selectedBars(bars, "2024-11..2025-02"), [10, 11]);
  assert.equal(dates.selectedBars(bars, "2024"), null);
});
