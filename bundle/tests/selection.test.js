/**
 * @file Tests of the selection of photos.
 */
import "./page.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { reachableItem } from "../../api/static/js/hooks/use_roving_focus.js";
import { setFolders } from "../../api/static/js/core/folders.js";
import { MAX_SELECTED, Selection } from "../../api/static/js/photos/selection.js";
import { areaOfPhotos, pathsOf } from "../../api/static/js/photos/selection_bar.jsx";

/** @param {number} index */
const itemAt = (index) => ({ id: `photo ${index}` });

test("toggle: selects or deselects a photo; ids are in the order of the result", () => {
  const selection = new Selection();
  for (const index of [7, 2, 30]) selection.toggle(index, itemAt(index));
  assert.deepEqual(selection.ids, ["photo 2", "photo 7", "photo 30"]);
  selection.toggle(7, itemAt(7));
  assert.deepEqual(selection.ids, ["photo 2", "photo 30"]);
  assert.equal(selection.has("photo 7"), false);
});

test("extend: selects the photos between the one toggled last and this one, in both directions", () => {
  const selection = new Selection();
  selection.toggle(5, itemAt(5));
  selection.extend(8, itemAt);
  assert.deepEqual(
    selection.ids,
    [5, 6, 7, 8].map((index) => itemAt(index).id),
  );
  selection.extend(6, itemAt);
  assert.equal(selection.count, 4);
  selection.toggle(20, itemAt(20));
  selection.extend(18, itemAt);
  assert.deepEqual(
    selection.ids,
    [5, 6, 7, 8, 18, 19, 20].map((index) => itemAt(index).id),
  );
});

test("extend: selects only this photo if none was toggled before", () => {
  const selection = new Selection();
  selection.extend(3, itemAt);
  assert.deepEqual(selection.ids, ["photo 3"]);
});

test("extend: stops at the limit, which isFull reports until the next change", () => {
  const selection = new Selection();
  selection.toggle(0, itemAt(0));
  selection.extend(1e9, itemAt);
  assert.equal(selection.count, MAX_SELECTED);
  assert.equal(selection.isFull, true);
  selection.toggle(0, itemAt(0));
  assert.equal(selection.isFull, false);
});

test("pathsOf: returns the path of a local file, or the URI of an object", () => {
  setFolders({ photos_21c843: "/home/mira/photos" });
  const photos = [
    { id: "photos_21c843/a/b.jpg", bucket: "photos_21c843", key: "a/b.jpg" },
    { id: "holiday/c.jpg", bucket: "holiday", key: "c.jpg" },
  ];
  assert.equal(pathsOf(photos), "/home/mira/photos/a/b.jpg\ns3://holiday/c.jpg");
  setFolders({});
});

test("areaOfPhotos: returns the smallest area with all located photos, or null", () => {
  /** @type {(longitude: number, latitude: number) => {id: string, photo: object}} */
  const photoAt = (longitude, latitude) => ({
    id: `${longitude} ${latitude}`,
    photo: { location: { coordinates: [longitude, latitude] } },
  });
  assert.equal(areaOfPhotos([{ id: "a" }, { id: "b", photo: {} }]), null);
  assert.equal(
    areaOfPhotos([photoAt(10, 60), { id: "a", photo: {} }, photoAt(5, 62)]),
    "5,60,10,62",
  );
  assert.equal(areaOfPhotos([photoAt(178, -18), photoAt(-179, -16)]), "178,-18,-179,-16");
});

test("listeners: are called after each change", () => {
  const selection = new Selection();
  let changes = 0;
  selection.listeners.add(() => changes++);
  selection.toggle(1, itemAt(1));
  selection.extend(4, itemAt);
  selection.clear();
  assert.equal(changes, 3);
  assert.equal(selection.count, 0);
});

test("reachableItem: returns the item reached last if it is visible, or else the first visible one", () => {
  assert.equal(reachableItem(5, 100, [0, 20]), 5);
  assert.equal(reachableItem(5, 100, [40, 60]), 40);
  assert.equal(reachableItem(60, 100, [40, 60]), 40);
  assert.equal(reachableItem(59, 100, [40, 60]), 59);
  // Nothing is visible yet, or the list is about to scroll to the item.
  assert.equal(reachableItem(5, 100, [0, 0]), 5);
  assert.equal(reachableItem(5, 100, false), 5);
  // The list has become shorter, or is not virtual.
  assert.equal(reachableItem(200, 100, undefined), 99);
  assert.equal(reachableItem(3, 0, undefined), 0);
});
