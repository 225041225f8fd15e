import "./page.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bucketName,
  locationOf,
  setFolders,
  sourceName,
} from "../../api/static/js/core/folders.js";
import { pageTitle, viewTitle } from "../../api/static/js/core/page_title.js";
import {
  parseState,
  savedAddress,
  stateOfAddress,
  unknownParams,
  VIEW_NAMES,
} from "../../api/static/js/core/url_state.js";
import { scrollDirection } from "../../api/static/js/hooks/use_collapsed_header.js";
import { onKey } from "../../api/static/js/shell/keyboard.js";
import { viewNamed } from "../../api/static/js/shell/saved_views.jsx";
import { defaultAddress } from "../../api/static/js/shell/use_default_view.js";

test("pageTitle: names the photo, the filters and the view", () => {
  assert.equal(pageTitle(parseState("")), "Gallery · EXIFinator");
  assert.equal(
    pageTitle(parseState("?view=map&camera=X-T4&iso=800-")),
    "ISO from 800, Camera: X-T4 · Map · EXIFinator",
  );
  assert.equal(
    pageTitle(parseState("?photo=b/2024/beach.jpg&camera=X-T4")),
    "beach.jpg · Camera: X-T4 · Gallery · EXIFinator",
  );
  const many = parseState("?camera=A&camera=B&camera=C&camera=D");
  assert.equal(viewTitle(many), "Camera: A, Camera: B, Camera: C, … · Gallery");
  assert.equal(viewTitle(parseState("?view=batches&camera=A")), "Indexing jobs");
});

test("local folders: are shown by their paths, and buckets by their names", () => {
  setFolders({ jpg_21c843: "/home/ada/jpg" });
  assert.equal(bucketName("jpg_21c843"), "/home/ada/jpg");
  assert.equal(bucketName("holiday"), "holiday");
  assert.equal(bucketName("constructor"), "constructor");
  assert.deepEqual(locationOf({ bucket: "jpg_21c843", key: "a/b.jpg", id: "jpg_21c843/a/b.jpg" }), {
    isFile: true,
    text: "/home/ada/jpg/a/b.jpg",
  });
  assert.deepEqual(locationOf({ bucket: "holiday", key: "b.jpg", id: "holiday/b.jpg" }), {
    isFile: false,
    text: "s3://holiday/b.jpg",
  });
  assert.equal(sourceName("s3://jpg_21c843/2024/"), "/home/ada/jpg/2024/");
  assert.equal(sourceName("s3://jpg_21c843"), "/home/ada/jpg");
  assert.equal(sourceName("s3://holiday/2024/"), "s3://holiday/2024/");
  setFolders({});
});

test("scrollDirection: changes only after scrolling a minimum distance", () => {
  assert.deepEqual(scrollDirection(100, 120), { isDown: null, start: 100 });
  assert.deepEqual(scrollDirection(100, 160), { isDown: true, start: 160 });
  assert.deepEqual(scrollDirection(160, 100), { isDown: false, start: 100 });
  assert.deepEqual(scrollDirection(160, 0), { isDown: false, start: 0 });
});

/**
 * Press a key outside of text boxes, and return what `navigate` was called with, and whether the key was handled.
 * @param {string} key
 */
function press(key) {
  /** @type {unknown[]} */
  const changes = [];
  let isHandled = false;
  const event = { key, target: {}, preventDefault: () => (isHandled = true) };
  const { querySelector } = document;
  document.querySelector = () => null; // no dialog is open
  onKey(/** @type {any} */ (event), {
    searchBox: { current: null },
    showHelp: () => {},
    toggleFilters: () => {},
    navigate: (change) => changes.push(change),
  });
  document.querySelector = querySelector;
  return { changes, isHandled };
}

test("onKey: each view has a digit, in the order of the links", () => {
  VIEW_NAMES.forEach((view, index) => {
    const expected = { changes: [{ view, photo: null }], isHandled: true };
    assert.deepEqual(press(String(index + 1)), expected);
  });
});

test("onKey: other keys are left to the browser", () => {
  for (const key of ["0", String(VIEW_NAMES.length + 1), "a", "Tab", " ", ""]) {
    assert.deepEqual(press(key), { changes: [], isHandled: false });
  }
});

test("savedAddress: leaves out the open photo", () => {
  const state = parseState("?view=map&camera=X-T4&at=48,2,5&photo=b/a.jpg&tab=tags&full=1");
  assert.equal(savedAddress(state), "/?view=map&camera=X-T4&at=48%2C2%2C5");
});

test("stateOfAddress: is null for URLs that are not the explorer's", () => {
  for (const address of [
    "javascript:1",
    "//evil.example/?x",
    "/photos",
    "/\\evil",
    "",
    null,
    "/?a\n",
  ])
    assert.equal(stateOfAddress(address), null);
  assert.deepEqual(stateOfAddress("/")?.filters, {});
  assert.deepEqual(stateOfAddress("/?camera=X-T4")?.filters, { camera: ["X-T4"] });
});

test("unknownParams: returns the names of parameters that have no effect", () => {
  assert.deepEqual(unknownParams(parseState("?camera=A&colour=red&at=1,2,3&toString=1")), [
    "colour",
    "toString",
  ]);
});

test("viewNamed: ignores case, and how accents are encoded", () => {
  const views = [{ id: "1", name: "Caf\u00e9", address: "/", version: 1 }];
  assert.equal(viewNamed(views, "CAFE\u0301"), views[0]);
  assert.equal(viewNamed(views, "Caf"), null);
});

test("defaultAddress: is null without a stored default view that has a URL of the explorer", () => {
  const view = { id: "1", name: "a", address: "/?camera=A", version: 1 };
  assert.equal(defaultAddress({ views: [view], default: "1" }), "/?camera=A");
  assert.equal(defaultAddress({ views: [view], default: "2" }), null);
  assert.equal(defaultAddress({ views: [view], default: null }), null);
  assert.equal(
    defaultAddress({ views: [{ ...view, address: "//evil.example" }], default: "1" }),
    null,
  );
});
