// The map's words: what lies in one place, and the list of what is in view for those who do not see the map.
import { html, useEffect, useState } from "./html.js";
import { number, place, plural } from "./format.js";
import { useLoad } from "./load.js";
import { filterParams, href } from "./state.js";
import { areaOf, writeBox } from "./clusters.js";
import { labelOf, whenDescribed } from "./markers.js";
import { Thumbnail } from "./thumbnail.js";
import { findCountry } from "./world.js";

const MOST_ROWS = 100;
const MOST_PICTURES = 6;
const PICTURE = 74; // pixels a side, as in map.css

const linkTo = (state, area) => href(state, { view: "gallery", filters: { bbox: writeBox(area) }, photo: null });

function Picture({ photo, state }) {
  return html`<a class="place-photo" href=${href(state, { photo: photo.id })} aria-label=${labelOf(photo)}><${Thumbnail} record=${photo} width=${PICTURE} height=${PICTURE} /></a>`;
}

// The photos of one place: the newest of them, and the way to all.
export function PlacePopup({ cluster, area, state, api }) {
  const asked = [...filterParams(state.filters).filter(([name]) => name !== "bbox"), ["bbox", writeBox(area)]];
  const found = useLoad((signal) => api.get("/photos", [...asked, ["limit", MOST_PICTURES]], { signal }), String(asked));
  return html`<div class="place">
    <p class="place-title">${plural(cluster.count, "photo")} in one place</p>
    <p class="muted">${place(cluster.lat, cluster.lng)}</p>
    <div class="place-photos" style=${{ minHeight: `${PICTURE * Math.ceil(Math.min(cluster.count, MOST_PICTURES) / 3)}px` }}>${found.data?.photos.map((photo) => html`<${Picture} key=${photo.id} photo=${photo} state=${state} />`)}</div>
    <p><a class="button" href=${linkTo(state, area)}>Show all ${number(cluster.count)}</a></p>
  </div>`;
}

function Row({ cluster, zoom, state, enter }) {
  const [country, setCountry] = useState(undefined);
  const [name, setName] = useState(null);
  useEffect(() => {
    let isGone = false;
    findCountry(cluster.lng, cluster.lat).then((found) => !isGone && setCountry(found), () => {});
    return () => (isGone = true);
  }, [cluster.lng, cluster.lat]);
  useEffect(() => {
    // The markers ask for it; the list asks for nothing of its own.
    return cluster.id ? whenDescribed(cluster.id, (photo) => setName(labelOf(photo))) : undefined;
  }, [cluster.id]);
  // The outline leaves out small islands, and cuts capes off.
  const where = `${country ? `${country}, ` : country === null ? "At sea or by it, " : ""}${place(cluster.lat, cluster.lng)}`;
  return html`<li>
    <p class="place-what">${cluster.id ? (name ?? "1 photo") : plural(cluster.count, "photo")}</p>
    <p class="muted">${where}</p>
    <p class="place-ways">
      ${cluster.id
        ? html`<a href=${href(state, { photo: cluster.id })} aria-label=${`Open ${name ?? "the photo"}, ${where}`}>Open</a>`
        : html`<button type="button" onClick=${() => enter(cluster)} aria-label=${`Zoom in on ${plural(cluster.count, "photo")}, ${where}`}>Zoom in</button>
          <a href=${linkTo(state, areaOf(cluster, zoom))} aria-label=${`Show ${plural(cluster.count, "photo")}, ${where}`}>Show photos</a>`}
    </p>
  </li>`;
}

// The clusters in view, the largest first.
export function PlaceList({ clusters, zoom, state, enter }) {
  return html`<section id="map-list" class="place-list" aria-label="Places in view" tabindex="0">
    <h2>Places in view</h2>
    ${clusters.length ? null : html`<p class="muted">None. Zoom out, or move the map.</p>`}
    <ol>${clusters.slice(0, MOST_ROWS).map((cluster) => html`<${Row} key=${`${cluster.lat} ${cluster.lng}`} cluster=${cluster} zoom=${zoom} state=${state} enter=${enter} />`)}</ol>
    ${clusters.length > MOST_ROWS && html`<p class="muted">And ${number(clusters.length - MOST_ROWS)} more: zoom in to see them here.</p>`}
  </section>`;
}
