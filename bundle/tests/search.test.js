import "./page.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import * as search from "../../api/static/js/shell/search_suggestions.js";

/**
 * @param {string} text
 * @param {number} start
 * @param {Record<string, string | string[]>} [filters]
 */
const suggestion = (text, start, filters = {}) => ({ text, start, count: 1, filters });

test("nextOption: the arrow keys cycle through the options and the text box", () => {
  assert.deepEqual(
    [-1, 0, 1].map((active) => search.nextOption(active, "ArrowDown", 2)),
    [0, 1, -1],
  );
  assert.deepEqual(
    [-1, 0, 1].map((active) => search.nextOption(active, "ArrowUp", 2)),
    [1, -1, 0],
  );
});

test("withAdded: values join a list, and replace a single value", () => {
  const current = { camera: ["A"], iso: "100", has: ["gps"] };
  assert.deepEqual(search.withAdded(current, { camera: ["B", "A"], iso: "800-", has: ["date"] }), {
    camera: ["A", "B"],
    iso: "800-",
    has: ["gps", "date"],
  });
});

test("withAdded: a folder replaces the bucket", () => {
  const current = { bucket: ["old", "older"], prefix: "x/" };
  assert.deepEqual(search.withAdded(current, { bucket: ["new"], prefix: "2019/" }), {
    bucket: ["new"],
    prefix: "2019/",
  });
  assert.deepEqual(search.withAdded(current, { bucket: ["new"] }), {
    bucket: ["old", "older", "new"],
  });
});

test("completed: replaces the typed word; the name of a filter waits for its value", () => {
  assert.equal(search.completed("beach ca", suggestion("camera:", 6)), "beach camera:");
  assert.equal(search.completed("has:g", suggestion("has:gps", 0)), "has:gps ");
});

test("toOffset, textBefore: the API's positions count characters, not UTF-16 units", () => {
  assert.equal(search.toOffset("🏔️ 京都", 3), 4);
  assert.equal(search.textBefore("🏔 tram x", suggestion("X-T4", 7)), "🏔 tram ");
});

test("groupTitle: the title of an unknown group is its name", () => {
  assert.equal(search.groupTitle("people"), "People");
  assert.equal(search.groupTitle("constructor"), "constructor");
});

test("indexOfOption: returns the new index of an option after the options have changed", () => {
  const [a, b, c] = [suggestion("a", 0), suggestion("b", 0), suggestion("a", 0, { camera: ["a"] })];
  const reached = { index: 1, key: search.keyOf(b) };
  assert.equal(search.indexOfOption([a, b], reached), 1);
  assert.equal(search.indexOfOption([c, a, b], reached), 2);
  // If the option is gone, return the option at its old index, or the last one.
  assert.equal(search.indexOfOption([a, c], reached), 1);
  assert.equal(search.indexOfOption([a], reached), 0);
  assert.equal(search.indexOfOption([], reached), -1);
  assert.equal(search.indexOfOption([a, b], search.NO_OPTION), -1);
});
