import assert from "node:assert/strict";
import { test } from "node:test";
import {
  applyChange,
  collapsesStacks,
  facetParams,
  filterParams,
  href,
  parseState,
  shownParams,
  withoutFilterValue,
  urlOf,
} from "../../api/static/js/core/url_state.js";

const QUERY_STRING =
  "?view=table&q=alps&iso=100-400&camera=X-T4&camera=Z+6&sort=key&columns=name%2Ciso&zoom=5&photo=a%2Fb.jpg";

test("parseState: reads the filters, view, columns, photo and other parameters", () => {
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

test("applyChange: how the area was set is forgotten with the area", () => {
  const drawn = parseState("?view=map&bbox=5,44,15,50&drawn=1");
  assert.equal(applyChange(drawn, { filters: { iso: "100" } }).viewParams.drawn, "1");
  assert.equal(applyChange(drawn, { filters: { bbox: null } }).viewParams.drawn, undefined);
  assert.equal(applyChange(drawn, { clearFilters: true }).viewParams.drawn, undefined);
});

test("applyChange: null, an empty string or an empty list clears a filter; other filters stay", () => {
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

test("shownParams: the gallery and the table show each stack as one photo", () => {
  const primary = [["primary", "true"]];
  assert.deepEqual(shownParams(parseState("")), primary);
  assert.deepEqual(shownParams(parseState("?view=table&iso=100")), [["iso", "100"], ...primary]);
  assert.deepEqual(shownParams(parseState("?view=map&iso=100")), [["iso", "100"]]);
  assert.deepEqual(shownParams(parseState("?view=statistics&primary=true")), primary);
  assert.deepEqual(shownParams(parseState("?primary=false")), [["primary", "false"]]);
});

test("shownParams: filters that distinguish the files of a stack show every file", () => {
  for (const filter of ["format=cr2", "media_type=video", "stack=b/1.jpg", "fingerprint=f"]) {
    const state = parseState(`?${filter}`);
    assert.equal(collapsesStacks(state), false, filter);
    assert.deepEqual(shownParams(state), filterParams(state.filters), filter);
  }
  assert.equal(collapsesStacks(parseState("?format=cr2&primary=true")), true);
  assert.equal(collapsesStacks(parseState("?camera=X-T4&q=sea&taken=2024")), true);
});

test("facetParams: formats are counted in all files, because selecting a format shows all files of stacks", () => {
  const state = parseState("?camera=a");
  assert.deepEqual(facetParams("format", state), [["camera", "a"]]);
  assert.deepEqual(facetParams("lens", state), shownParams(state));
  assert.deepEqual(facetParams("lens", state).at(-1), ["primary", "true"]);
});
