import assert from "node:assert/strict";
import { test } from "node:test";
import {
  changed,
  filterParams,
  href,
  readState,
  without,
  writeState,
} from "../../api/static/js/core/url_state.js";

const ADDRESS =
  "?view=table&q=alps&iso=100-400&camera=X-T4&camera=Z+6&sort=key&columns=name%2Ciso&zoom=5&photo=a%2Fb.jpg";

test("readState: filters, view, columns, photo and other parameters", () => {
  assert.deepEqual(readState(ADDRESS), {
    view: "table",
    filters: { q: "alps", iso: "100-400", camera: ["X-T4", "Z 6"] },
    sort: "key",
    columns: ["name", "iso"],
    photo: "a/b.jpg",
    extra: { zoom: "5" },
  });
});

test("writeState: reads back as the same state", () => {
  const state = readState(ADDRESS);
  assert.deepEqual(readState(writeState(state).slice(1)), state);
});

test("readState: an unknown view is the gallery, empty values are ignored", () => {
  const state = readState("?view=constructor&q=&camera=");
  assert.equal(state.view, "gallery");
  assert.deepEqual(state.filters, {});
});

test("writeState: defaults are left out", () => {
  assert.equal(writeState(readState("?view=gallery&sort=-taken")), "/");
});

test("filterParams: one order, whatever the order of the address", () => {
  const one = filterParams(readState("?camera=b&q=x&camera=a").filters);
  const other = filterParams(readState("?q=x&camera=b&camera=a").filters);
  assert.deepEqual(one, other);
  assert.deepEqual(one, [
    ["q", "x"],
    ["camera", "b"],
    ["camera", "a"],
  ]);
});

test("changed: null, empty text and empty lists switch a filter off, others stay", () => {
  const state = readState("?q=x&iso=100&camera=a&lens=b");
  const { filters } = changed(state, { filters: { q: null, iso: "", camera: [] } });
  assert.deepEqual(filters, { lens: ["b"] });
});

test("changed: a single value of a list becomes a list", () => {
  assert.deepEqual(changed(readState(""), { filters: { rating: 5 } }).filters, { rating: ["5"] });
});

test("changed: `only` drops other filters, and is not part of the state", () => {
  const state = changed(readState("?q=x&iso=100"), { only: true, filters: { q: "y" } });
  assert.deepEqual(state.filters, { q: "y" });
  assert.equal("only" in state, false);
});

test("href: does not change the state that it starts from", () => {
  const state = readState("?camera=a");
  assert.equal(
    href(state, { filters: { camera: ["b"] }, extra: { zoom: "3" } }),
    "/?camera=b&zoom=3",
  );
  assert.deepEqual(state, readState("?camera=a"));
});

test("without: takes one value off a list, and all of a single filter", () => {
  const { filters } = readState("?camera=a&camera=b&q=x");
  assert.deepEqual(without(filters, "camera", "a"), { camera: ["b"] });
  assert.deepEqual(without(filters, "q", "x"), { q: null });
});
