/**
 * @file Leaflet markers for clusters and single photos. Their elements are never created from HTML text.
 * @import { LayerGroup, Map as LeafletMap, Marker } from "leaflet"
 * @import { Area, Cluster, Photo } from "../core/types"
 */
import { Thumbnail } from "../components/thumbnail.jsx";
import { oneLine, pluralize, formatShortNumber } from "../core/format.js";
import { fileName } from "../core/labels.js";
import { render } from "../core/preact.js";
import { formatTimeTaken } from "../core/taken.js";

const SINGLE_PIXELS = 46;

/**
 * @typedef {{marker: Marker, element: HTMLElement, cluster: Cluster}} ShownMarker
 * @typedef {{open: (id: string) => void, enter: (cluster: Cluster) => void}} Actions
 */

/** The markers on a map. */
export class Markers {
  /**
   * @param {typeof import("leaflet")} L
   * @param {LeafletMap} map
   * @param {Actions} actions `open` is called for a single photo, `enter` for a cluster
   */
  constructor(L, map, actions) {
    this.L = L;
    this.map = map;
    this.actions = actions;
    /** @type {Map<string, ShownMarker>} */
    this.shown = new Map();
    /** @type {LayerGroup} */
    this.layer = L.layerGroup().addTo(map);
  }

  /**
   * Show only these clusters, in every copy of the world within an area. Keep markers that are already shown.
   * @param {Cluster[]} clusters
   * @param {Area} area
   */
  show(clusters, { west, east }) {
    /** @type {Map<string, {cluster: Cluster, lng: number}>} */
    const wanted = new Map();
    for (const cluster of clusters) {
      const firstCopy = Math.ceil((west - cluster.lng) / 360);
      for (let copy = firstCopy; cluster.lng + 360 * copy <= east; copy++) {
        const lng = cluster.lng + 360 * copy;
        wanted.set(`${cluster.count} ${cluster.lat} ${lng} ${cluster.id ?? ""}`, { cluster, lng });
      }
    }
    const hadFocus = [...this.shown.values()].some(
      ({ element }) => element === document.activeElement,
    );
    for (const [key, { marker }] of this.shown) {
      if (wanted.has(key)) continue;
      this.layer.removeLayer(marker);
      this.shown.delete(key);
    }
    for (const [key, { cluster, lng }] of wanted) {
      const existing = this.shown.get(key);
      if (existing) existing.cluster = cluster;
      else this.add(key, cluster, lng);
    }
    // If the focused marker was removed, move the focus to the map.
    if (hadFocus && !this.map.getContainer().contains(document.activeElement)) {
      this.map.getContainer().focus({ preventScroll: true });
    }
  }

  /**
   * Add a marker.
   * @param {string} key identifies the marker
   * @param {Cluster} cluster
   * @param {number} lng longitude in the copy of the world that the marker is in
   */
  add(key, cluster, lng) {
    const side = cluster.id ? SINGLE_PIXELS : Math.round(2 * cluster.radius);
    const className = cluster.id ? "marker single" : `marker cluster ${sizeClass(cluster.count)}`;
    const icon = this.L.divIcon({ iconSize: [side, side], className });
    const marker = this.L.marker([cluster.lat, lng], {
      icon,
      riseOnHover: true,
      zIndexOffset: cluster.id ? 0 : 100,
    });
    this.layer.addLayer(marker);
    const element = marker.getElement();
    if (!element) return;
    const label = cluster.id ? "1 photo" : `${pluralize(cluster.count, "photo")}, zoom in`;
    element.setAttribute("aria-label", label);
    if (!cluster.id) element.textContent = formatShortNumber(cluster.count);
    const shown = { marker, element, cluster };
    const activate = () => {
      if (shown.cluster.id) this.actions.open(shown.cluster.id);
      else this.actions.enter({ ...shown.cluster, lng });
    };
    marker.on("click", activate);
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      activate();
    });
    this.shown.set(key, shown);
  }

  /**
   * Add thumbnails and names to the markers of single photos.
   * @param {Record<string, Photo>} photos by id
   */
  describe(photos) {
    for (const { element, cluster } of this.shown.values()) {
      const photo = cluster.id ? photos[cluster.id] : undefined;
      if (!photo || element.dataset.described) continue;
      element.dataset.described = "yes";
      const label = labelOf(photo);
      element.setAttribute("aria-label", label);
      element.title = label;
      if (!photo.thumbnail) continue;
      element.classList.add("pictured");
      render(<Thumbnail record={photo} width={SINGLE_PIXELS} height={SINGLE_PIXELS} />, element);
    }
  }
}

/**
 * Return a photo's file name and date.
 * @param {Photo} photo
 */
export function labelOf({ key, photo }) {
  return [oneLine(fileName(key), 80), formatTimeTaken(photo)].filter(Boolean).join(", ");
}

/**
 * Return the CSS class for the size of a cluster.
 * @param {number} count
 */
function sizeClass(count) {
  if (count < 10) return "size-1";
  if (count < 100) return "size-2";
  return count < 1000 ? "size-3" : "size-4";
}
