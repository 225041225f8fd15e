/**
 * @file Checks that modules import only from their own folder and from lower layers, and that no imports form a cycle.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

const ROOT = "api/static/js";
// From top to bottom. Folders in the same layer do not import from each other.
const LAYERS = [
  ["app.jsx", "theme.js"],
  ["views"],
  ["shell"],
  ["photos"],
  ["filters", "map", "batches", "viewer"],
  ["components"],
  ["hooks"],
  ["core"],
];

/** @type {Map<string, string[]>} */
const imports = new Map();
for (const entry of readdirSync(ROOT, { recursive: true, withFileTypes: true })) {
  if (!/\.jsx?$/.test(entry.name)) continue;
  const file = path.posix.join(
    path.posix.relative(ROOT, entry.parentPath ?? entry.path),
    entry.name,
  );
  const text = readFileSync(path.posix.join(ROOT, file), "utf8");
  const relative = [...text.matchAll(/^(?:import|export) [^;]*? from "(\.[^"]+\.jsx?)";/gm)];
  const targets = relative.map(([, target]) => path.posix.join(path.posix.dirname(file), target));
  imports.set(file, targets);
}

/** @param {string} file */
const folderOf = (file) => file.split("/")[0];
/** @param {string} file */
const layerOf = (file) => LAYERS.findIndex((folders) => folders.includes(folderOf(file)));

test("every module is in a layer", () => {
  assert.ok(imports.size > 60);
  assert.deepEqual(
    [...imports.keys()].filter((file) => layerOf(file) < 0),
    [],
  );
});

test("imported modules exist", () => {
  const targets = [...imports.values()].flat();
  assert.ok(targets.length > 200);
  assert.deepEqual(
    targets.filter((target) => !imports.has(target)),
    [],
  );
});

test("no module imports from a higher layer, or from another folder in its layer", () => {
  const forbidden = [...imports].flatMap(([file, targets]) =>
    targets
      .filter((target) => folderOf(target) !== folderOf(file))
      .filter((target) => layerOf(target) <= layerOf(file))
      .map((target) => `${file} -> ${target}`),
  );
  assert.deepEqual(forbidden, []);
});

test("there are no import cycles", () => {
  const done = new Set();
  /** @type {string[]} */
  const cycles = [];
  /** @type {(file: string, trail: string[]) => void} */
  const walk = (file, trail) => {
    if (trail.includes(file)) cycles.push([...trail.slice(trail.indexOf(file)), file].join(" -> "));
    if (done.has(file) || trail.includes(file)) return;
    for (const target of imports.get(file) ?? []) walk(target, [...trail, file]);
    done.add(file);
  };
  for (const file of imports.keys()) walk(file, []);
  assert.deepEqual(cycles, []);
});
