// Vendored libraries that only some views need, fetched when the first of them asks.
import { mapInPieces, rest } from "./pause.js";

const once = new Map();

function keep(name, load) {
  if (!once.has(name)) {
    once.set(name, load().catch((error) => (once.delete(name), Promise.reject(error))));
  }
  return once.get(name);
}

// Resolves to Leaflet's L.
export const loadLeaflet = () =>
  keep("leaflet", async () => {
    await Promise.all([import("../vendor/leaflet/leaflet.js"), loadStyle("../vendor/leaflet/leaflet.css")]);
    return globalThis.L;
  });

// Resolves to uPlot's constructor. Its file is a script, not a module: as a module it would keep its name to itself.
export const loadUPlot = () =>
  keep("uplot", async () => {
    await Promise.all([loadScript("../vendor/uplot/uPlot.iife.min.js"), loadStyle("../vendor/uplot/uPlot.min.css")]);
    return globalThis.uPlot;
  });

// Resolves to one of world-atlas's files as {land: [polygons], borders: [lines], countries: [{name, polygons}]}, each
// polygon and line made of [longitude, latitude]; what crosses the 180th meridian goes on beyond 180 degrees.
export const loadWorld = (scale) =>
  keep(`world ${scale}`, async () => {
    const [answer] = await Promise.all([
      fetch(addressOf(`../vendor/world-atlas/countries-${scale}.json`)),
      import("../vendor/topojson-client/topojson-client.min.js"),
    ]);
    if (!answer.ok) throw new Error("The outline of the world did not come.");
    const topology = await answer.json();
    const { feature, mesh } = globalThis.topojson;
    await rest();
    const polygonsOf = ({ type, coordinates }) =>
      (type === "Polygon" ? [coordinates] : coordinates).map((rings) => rings.map(unwrapRing));
    const land = feature(topology, topology.objects.land).features.flatMap(({ geometry }) => polygonsOf(geometry));
    await rest();
    const borders = mesh(topology, topology.objects.countries, (a, b) => a !== b).coordinates.map(unwrap);
    await rest();
    const countries = await mapInPieces(topology.objects.countries.geometries, (one) => {
      const { geometry, properties } = feature(topology, one);
      return { name: properties.name, polygons: geometry ? polygonsOf(geometry) : [] };
    });
    return { land, borders, countries };
  });

function unwrap(points) {
  let turn = 0;
  return points.map(([longitude, latitude], at) => {
    const step = at ? longitude - points[at - 1][0] : 0;
    if (Math.abs(step) > 180) turn -= 360 * Math.sign(step);
    return [longitude + turn, latitude];
  });
}

// Antarctica's ring goes once around the world: it is closed by way of the pole.
function unwrapRing(points) {
  const ring = unwrap(points);
  const [first, last] = [ring[0], ring.at(-1)];
  return Math.abs(first[0] - last[0]) < 180 ? ring : [...ring, [last[0], -90], [first[0], -90], first];
}

const loadScript = (src) => loadElement("script", { src: addressOf(src) }, src);

// Resolves when the stylesheet holds, so that nothing is seen without it.
const loadStyle = (href) => loadElement("link", { rel: "stylesheet", href: addressOf(href) }, href);

const addressOf = (path) => new URL(path, import.meta.url).href;

function loadElement(name, properties, path) {
  return new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement(name), properties);
    element.onload = resolve;
    element.onerror = () => reject(new Error(`The file ${path} did not come.`));
    // First: where their styles and the explorer's say different things, the later ones hold, which are ours.
    document.head.prepend(element);
  });
}
