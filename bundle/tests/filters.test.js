import "./page.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import * as dates from "../../api/static/js/filters/date_bars.js";
import { withToggled } from "../../api/static/js/filters/facet_value.jsx";
import { plausibleMonths } from "../../api/static/js/core/date_outliers.js";
import { fillMonths, neighbouringMonth } from "../../api/static/js/core/months.js";
import {
  parseFraction,
  parsePlainNumber,
  selectedBars,
  spanOfBars,
} from "../../api/static/js/filters/histogram.jsx";
import { findErrorRange } from "../../api/static/js/filters/json_paths.js";
import { duplicateGroups } from "../../api/static/js/filters/duplicates.jsx";
import {
  clearedFilters,
  isSectionActive,
  stacksChange,
} from "../../api/static/js/filters/panel.jsx";
import { applyChange, collapsesStacks, parseState } from "../../api/static/js/core/url_state.js";
import { matchingValues, sortedByLabel } from "../../api/static/js/filters/values.jsx";
import { sortOptions, SORTS } from "../../api/static/js/filters/sorts.js";

const QUERY = '{"photo.iso": {"$gt": 5},\n "$or": [{"a": 1}, {"b": [true]}], "a/b": {"~c": 2}}';

/** @param {{code?: string, pointer?: string}} problem */
const markedText = (problem) => {
  const range = findErrorRange(QUERY, problem);
  return range && QUERY.slice(...range);
};

test("findErrorRange: a JSON pointer leads to the name, or to the value in a list", () => {
  assert.equal(markedText({ pointer: "/photo.iso/$gt" }), '"$gt"');
  assert.equal(markedText({ pointer: "/$or/1" }), '{"b": [true]}');
  assert.equal(markedText({ pointer: "/$or/1/b/0" }), "true");
  assert.equal(markedText({ pointer: "/a~1b/~0c" }), '"~c"');
  assert.equal(markedText({ pointer: "/nothing" }), null);
});

test("findErrorRange: is null for a problem with the whole query", () => {
  assert.equal(markedText({ pointer: "" }), null);
  assert.equal(markedText({ code: "query_timeout" }), null);
});

test("findErrorRange: is the range of the syntax error in a query that is not JSON", () => {
  assert.deepEqual(findErrorRange('{"a":\n  x}', { code: "bad_json" }), [8, 9]);
  assert.deepEqual(findErrorRange("{", { code: "bad_json" }), [0, 1]);
  assert.equal(findErrorRange(QUERY, { code: "bad_json" }), null);
});

test("sortOptions: adds the current sort order of a column, but no unknown order", () => {
  assert.equal(sortOptions("-taken"), SORTS);
  assert.equal(sortOptions("constructor"), SORTS);
  assert.deepEqual(sortOptions("-bucket").at(-1), ["-bucket", "Bucket, descending"]);
});

test("sortedByLabel: sorts by what is shown, and numbers by value", () => {
  const makes = { R5: "Canon R5", A: "SONY A", R10: "Canon R10" };
  const label = (/** @type {string} */ value) => makes[/** @type {"R5"} */ (value)];
  assert.deepEqual(sortedByLabel(["A", "R10", "R5"], label), ["R5", "R10", "A"]);
});

test("withToggled: adds or removes a value", () => {
  assert.deepEqual(withToggled(undefined, "a"), ["a"]);
  assert.deepEqual(withToggled(["a", "b"], "a"), ["b"]);
});

test("selectedBars of a histogram: returns the first and last bar that overlap a span", () => {
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

test("enclosingPeriod: is the month or year that contains the filter's dates", () => {
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

test("bars of the timeline: include years, months and days without photos", () => {
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

test("spanOfBars: an end at the edge of the histogram stays open", () => {
  const bars = [100, 200, 400].map((value) => ({
    value,
    count: 1,
    least: value,
    greatest: value * 1.5,
  }));
  assert.equal(spanOfBars(bars, [1, 2], String), "200-");
  assert.equal(spanOfBars(bars, [0, 1], String), "-300");
  assert.equal(spanOfBars(bars, [1, 1], String), "200-300");
});

test("openPeriod: an end at the edge stays open, unless there are outliers", () => {
  const bars = ["2019", "2020", "2021"].map((value) => ({ value, label: value, count: 1 }));
  const none = { before: 0, after: 0 };
  assert.equal(dates.openPeriod(bars, [1, 2], none), "2020..");
  assert.equal(dates.openPeriod(bars, [0, 1], none), "..2020");
  assert.equal(dates.openPeriod(bars, [1, 1], none), "2020");
  assert.equal(dates.openPeriod(bars, [1, 2], { before: 0, after: 3 }), "2020..2021");
  assert.equal(dates.openPeriod(bars, [0, 1], { before: 2, after: 0 }), "2019..2020");
});

test("parsePlainNumber, parseFraction: return numbers in the form that the API accepts, or null", () => {
  assert.equal(parsePlainNumber("801"), "801");
  assert.equal(parsePlainNumber("1,8"), "1.8");
  for (const text of ["-5", "1e3", "x", "1/250", "1-2", "1".repeat(10)])
    assert.equal(parsePlainNumber(text), null);
  assert.equal(parseFraction("1/250"), "1/250");
  assert.equal(parseFraction("0.5"), "0.5");
  assert.equal(parseFraction("1/0"), null);
});

/** @type {(from: number, count: number) => {value: string, count: number}[]} */
const monthsFrom = (from, count) =>
  Array.from({ length: count }, (_, index) => ({
    value: `${from + Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, "0")}`,
    count: 20,
  }));
const NOW = new Date("2026-03-31T12:00:00Z");

test("plausibleMonths: leaves out dates after tomorrow, and a few dates far before all others", () => {
  const real = monthsFrom(2019, 24);
  const stretched = [{ value: "1970-01", count: 2 }, ...real, { value: "2216-05", count: 3 }];
  assert.deepEqual(plausibleMonths(stretched, NOW), { months: real, before: 2, after: 3 });
  assert.deepEqual(plausibleMonths(real, NOW), { months: real, before: 0, after: 0 });
  // Tomorrow is in April.
  const april = [...real, { value: "2026-04", count: 1 }];
  assert.equal(plausibleMonths(april, NOW).after, 0);
});

test("plausibleMonths: keeps old photos that are many, or close to the others", () => {
  const real = monthsFrom(2019, 24);
  const scans = [{ value: "1955-06", count: 50 }, ...real];
  assert.deepEqual(plausibleMonths(scans, NOW).months, scans);
  const close = [{ value: "2018-11", count: 1 }, ...real];
  assert.deepEqual(plausibleMonths(close, NOW).months, close);
  const future = [{ value: "2216-05", count: 3 }];
  assert.deepEqual(plausibleMonths(future, NOW), { months: future, before: 0, after: 0 });
  assert.deepEqual(plausibleMonths([], NOW), { months: [], before: 0, after: 0 });
});

test("neighbouringMonth: crosses the end of a year", () => {
  assert.equal(neighbouringMonth("2024-01", -1), "2023-12");
  assert.equal(neighbouringMonth("2024-12", 1), "2025-01");
});

test("fillMonths: a long span is shown by year, without gaps", () => {
  const years = fillMonths([
    { value: "1950-03", count: 1 },
    { value: "1950-09", count: 2 },
    { value: "2024-01", count: 4 },
  ]);
  assert.equal(years.length, 75);
  assert.deepEqual(years[0], { value: "1950", count: 3 });
  assert.deepEqual(years[1], { value: "1951", count: 0 });
  assert.deepEqual(years.at(-1), { value: "2024", count: 4 });
});

test("daysOf: returns the first and the last day of a period", () => {
  assert.deepEqual(dates.daysOf(undefined), ["", ""]);
  assert.deepEqual(dates.daysOf("2024"), ["2024-01-01", "2024-12-31"]);
  assert.deepEqual(dates.daysOf("2024-02"), ["2024-02-01", "2024-02-29"]);
  assert.deepEqual(dates.daysOf("2024-02-03..2024-09"), ["2024-02-03", "2024-09-30"]);
  assert.deepEqual(dates.daysOf("..2020"), ["", "2020-12-31"]);
  assert.deepEqual(dates.daysOf("2020-05-07.."), ["2020-05-07", ""]);
});

/** @type {any} */
const CAMERA = { name: "camera", kind: "values" };
/** @type {any} */
const KEYWORDS = { name: "keyword", kind: "values", property: "keywords" };
/** @type {any} */
const GPS = { name: "gps", kind: "location" };

test("clearedFilters: clears the filters of one section, and keeps those of others", () => {
  const filters = {
    camera: ["A"],
    without: ["camera", "lens", "gps"],
    has: ["date"],
    bbox: "1,2,3,4",
  };
  assert.deepEqual(clearedFilters(CAMERA, filters), {
    camera: null,
    has: ["date"],
    without: ["lens", "gps"],
  });
  assert.deepEqual(clearedFilters(GPS, filters), {
    near: null,
    bbox: null,
    has: ["date"],
    without: ["camera", "lens"],
  });
  assert.deepEqual(clearedFilters(KEYWORDS, { without: ["keywords"] }), {
    keyword: null,
    has: [],
    without: [],
  });
  assert.equal(isSectionActive(CAMERA, { without: ["camera"] }), true);
  assert.equal(isSectionActive(CAMERA, { without: ["lens"] }), false);
});

test("matchingValues: returns listed values whose label matches, and values that the API found", () => {
  const matches = [{ value: "Canon DIGITAL IXUS 75", count: 1 }];
  assert.deepEqual(matchingValues("ixus", ["A", "IXUS 1"], matches, String), [
    "IXUS 1",
    "Canon DIGITAL IXUS 75",
  ]);
  assert.deepEqual(
    matchingValues("raw", ["raw"], [], (value) => value.toUpperCase()),
    ["raw"],
  );
});

test("duplicateGroups: returns files with copies, and selected files", () => {
  const rows = [
    { value: "a", count: 3 },
    { value: "b", count: 1 },
    { value: "c", count: 1 },
    { value: null, count: 9 },
  ];
  assert.deepEqual(
    duplicateGroups(rows, ["c"]).map(({ value }) => value),
    ["a", "c"],
  );
});

test("stacksChange: sets a filter only if the view's default differs", () => {
  assert.deepEqual(stacksChange(parseState(""), false), { primary: "false" });
  assert.deepEqual(stacksChange(parseState("?primary=false"), true), { primary: null });
  assert.deepEqual(stacksChange(parseState("?view=map"), true), { primary: "true" });
  assert.deepEqual(stacksChange(parseState("?format=cr2&primary=true"), false), { primary: null });
  for (const search of ["", "?view=map", "?format=cr2", "?primary=false", "?primary=true"]) {
    for (const isCollapsed of [true, false]) {
      const state = parseState(search);
      const changed = applyChange(state, { filters: stacksChange(state, isCollapsed) });
      assert.equal(collapsesStacks(changed), isCollapsed, search);
    }
  }
});
