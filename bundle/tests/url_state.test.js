import assert from "node:assert/strict";
import { test } from "node:test";
import {
  applyChange,
  filterParams,
  href,
  parseState,
  withoutFilterValue,
  urlOf,
} from "../../api/static/js/core/url_state.js";

const QUERY_STRING =
  "?view=table&q=alps&iso=100-400&camera=X-T4&camera=Z+6&sort=key&columns=name%2Ciso&zoom=5&photo=a%2Fb.jpg";

test("parseState: filters, view, columns, photo and other parameters", () => {
  assert.deepEqual(parseState(QUERY_STRING), {
    view: "table",
    filters: { q: "alps", iso: "100-400", camera: ["X-T4", "Z 6"] },
    sort: "key",
    columns: ["name", "iso"],
    photo: "a/b.jpg",
    viewParams: { zoom: "5" },
  });
});

test("urlOf: is the inverse of parseState", () => {
  const state = parseState(QUERY_STRING);
  assert.deepEqual(parseState(urlOf(state).slice(1)), state);
});

test("parseState: replaces an unknown view by the gallery, ignores empty values", () => {
  const state = parseState("?view=constructor&q=&camera=");
  assert.equal(state.view, "gallery");
  assert.deepEqual(state.filters, {});
});

test("urlOf: defaults are left out", () => {
  assert.equal(urlOf(parseState("?view=gallery&sort=-taken")), "/");
});

test("filterParams: the order of filters does not depend on the URL", () => {
  const one = filterParams(parseState("?camera=b&q=x&camera=a").filters);
  const other = filterParams(parseState("?q=x&camera=b&camera=a").filters);
  assert.deepEqual(one, other);
  assert.deepEqual(one, [
    ["q", "x"],
    ["camera", "b"],
    ["camera", "a"],
  ]);
});

test("applyChange: null, empty text and empty lists clear a filter, others stay", () => {
  const state = parseState("?q=x&iso=100&camera=a&lens=b");
  const { filters } = applyChange(state, { filters: { q: null, iso: "", camera: [] } });
  assert.deepEqual(filters, { lens: ["b"] });
});

test("applyChange: a single value of a list becomes a list", () => {
  assert.deepEqual(applyChange(parseState(""), { filters: { rating: 5 } }).filters, {
    rating: ["5"],
  });
});

test("applyChange: `clearFilters` clears the other filters, and is not part of the state", () => {
  const state = applyChange(parseState("?q=x&iso=100"), {
    clearFilters: true,
    filters: { q: "y" },
  });
  assert.deepEqual(state.filters, { q: "y" });
  assert.equal("clearFilters" in state, false);
});

test("href: does not modify its argument", () => {
  const state = parseState("?camera=a");
  assert.equal(
    href(state, { filters: { camera: ["b"] }, viewParams: { zoom: "3" } }),
    "/?camera=b&zoom=3",
  );
  assert.deepEqual(state, parseState("?camera=a"));
});

test("withoutFilterValue: removes one value of a list, or all of a single-value filter", () => {
  const { filters } = parseState("?camera=a&camera=b&q=x");
  assert.deepEqual(withoutFilterValue(filters, "camera", "a"), { camera: ["b"] });
  assert.deepEqual(withoutFilterValue(filters, "q", "x"), { q: null });
});
