// The clusters and single photos on the map, as Leaflet markers made of elements, never of text that becomes HTML.
import { dateTime, oneLine, plural, shortNumber } from "./format.js";
import { html, render } from "./html.js";
import { Thumbnail } from "./thumbnail.js";

const SINGLE = 46;
// Ids of one request: an address has its limits, and so has the API's `query`.
const MOST_IDS = 100;
const MOST_QUERY_CHARS = 6000;
const MOST_SINGLES = 300;
const MOST_KEPT = 3000;

const kept = new Map();
const listeners = new Set();

// The summary of a single photo as soon as it is known: tell(photo). Returns: what ends that.
export function whenDescribed(id, tell) {
  if (kept.has(id)) return tell(kept.get(id)), () => {};
  const listener = () => kept.has(id) && (listeners.delete(listener), tell(kept.get(id)));
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Asks for the summaries of single photos and hands them over as {id: photo}, piece by piece.
export async function describeSingles(api, ids, take, signal) {
  const known = ids.filter((id) => kept.has(id)).map((id) => [id, kept.get(id)]);
  if (known.length) take(Object.fromEntries(known));
  let wanted = ids.filter((id) => !kept.has(id)).slice(0, MOST_SINGLES);
  while (wanted.length) {
    const part = [];
    for (let length = 0; part.length < Math.min(MOST_IDS, wanted.length); part.push(wanted[part.length])) {
      length += encodeURIComponent(wanted[part.length]).length + 10;
      if (part.length && length > MOST_QUERY_CHARS) break;
    }
    wanted = wanted.slice(part.length);
    try {
      const query = JSON.stringify({ _id: { $in: part } });
      const { photos } = await api.get("/photos", [["query", query], ["limit", part.length]], { signal });
      if (kept.size > MOST_KEPT) kept.clear();
      for (const photo of photos) kept.set(photo.id, photo);
      take(Object.fromEntries(photos.map((photo) => [photo.id, photo])));
      for (const listener of listeners) listener();
    } catch {
      return; // The markers stay what they are: places that open their photo.
    }
  }
}

export class Markers {
  // open(id): a single photo was chosen; enter(cluster): a cluster was.
  constructor(L, map, { open, enter }) {
    this.map = map;
    this.act = { open, enter };
    this.shown = new Map();
    this.layer = L.layerGroup().addTo(map);
    this.L = L;
    this.Icon = L.Icon.extend({
      createIcon() {
        this._setIconStyles(this.options.element, "icon");
        return this.options.element;
      },
      createShadow: () => null,
    });
  }

  // Shows these clusters, in every copy of the world that is within reach; what stays the same is left alone.
  show(clusters, { west, east }) {
    const wanted = new Map();
    for (const cluster of clusters) {
      for (let turn = Math.ceil((west - cluster.lng) / 360); cluster.lng + 360 * turn <= east; turn++) {
        const lng = cluster.lng + 360 * turn;
        wanted.set(`${cluster.count} ${cluster.lat} ${lng} ${cluster.id ?? ""}`, { cluster, lng });
      }
    }
    const isFocused = [...this.shown.values()].some(({ element }) => element === document.activeElement);
    for (const [key, { marker }] of this.shown) {
      if (wanted.has(key)) continue;
      this.layer.removeLayer(marker);
      this.shown.delete(key);
    }
    for (const [key, { cluster, lng }] of wanted) {
      const old = this.shown.get(key);
      if (old) old.cluster = cluster;
      else this.add(key, cluster, lng);
    }
    // What had the focus is gone: the map itself is where the keyboard goes on.
    if (isFocused && !this.map.getContainer().contains(document.activeElement)) {
      this.map.getContainer().focus({ preventScroll: true });
    }
  }

  add(key, cluster, lng) {
    const element = document.createElement("div");
    const side = cluster.id ? SINGLE : Math.round(2 * cluster.radius);
    element.className = cluster.id ? "marker single" : `marker cluster ${sizeOf(cluster.count)}`;
    element.setAttribute("aria-label", cluster.id ? "One photo" : `${plural(cluster.count, "photo")}, zoom in`);
    if (!cluster.id) element.textContent = shortNumber(cluster.count);
    const icon = new this.Icon({ element, iconSize: [side, side], className: element.className });
    const marker = this.L.marker([cluster.lat, lng], { icon, riseOnHover: true, zIndexOffset: cluster.id ? 0 : 100 });
    const entry = { marker, element, cluster };
    const choose = () => (entry.cluster.id ? this.act.open(entry.cluster.id) : this.act.enter({ ...entry.cluster, lng }));
    marker.on("click", choose);
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      choose();
    });
    this.layer.addLayer(marker);
    this.shown.set(key, entry);
  }

  // photos: summaries by id. Single photos get their thumbnail and their name.
  describe(photos) {
    for (const { element, cluster } of this.shown.values()) {
      const photo = cluster.id && photos[cluster.id];
      if (!photo || element.dataset.described) continue;
      element.dataset.described = "yes";
      const label = labelOf(photo);
      element.setAttribute("aria-label", label);
      element.title = label;
      if (!photo.thumbnail) continue;
      element.classList.add("pictured");
      render(html`<${Thumbnail} record=${photo} width=${SINGLE} height=${SINGLE} />`, element);
    }
  }
}

export function labelOf(photo) {
  const name = oneLine(photo.key.split("/").at(-1) || photo.key, 80);
  const { taken_at: taken, taken_offset: offset } = photo.photo;
  return taken ? `${name}, ${dateTime(taken, offset)}` : name;
}

const sizeOf = (count) => (count < 10 ? "few" : count < 100 ? "some" : count < 1000 ? "many" : "most");
