/**
 * @file The photos of one place, and the places in view as a list for those who do not see the map.
 * @import { Api, Area, Cluster, Pair, Photo, State } from "../core/types"
 */
import { Thumbnail } from "../components/thumbnail.jsx";
import { number, place, plural } from "../core/format.js";
import { useEffect, useState } from "../core/preact.js";
import { filterParams, href } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";
import { areaOf, writeBox } from "./clusters.js";
import { labelOf } from "./markers.jsx";
import { findCountry } from "./outline.js";
import { whenSummaryKnown } from "./photo_summaries.js";

const MAX_ROWS = 100;
const MAX_PICTURES = 6;
const PICTURE = 74; // pixels a side, as in map.css

/** @type {(state: State, area: Area) => string} */
const linkTo = (state, area) =>
  href(state, { view: "gallery", filters: { bbox: writeBox(area) }, photo: null });

/** @param {{photo: Photo, state: State}} props */
function Picture({ photo, state }) {
  return (
    <a class="place-photo" href={href(state, { photo: photo.id })} aria-label={labelOf(photo)}>
      <Thumbnail record={photo} width={PICTURE} height={PICTURE} />
    </a>
  );
}

/**
 * The newest photos of one place, and a link to all.
 * @param {{cluster: Cluster, area: Area, state: State, api: Api}} props
 */
export function PlacePopup({ cluster, area, state, api }) {
  /** @type {Pair[]} */
  const params = [
    ...filterParams(state.filters).filter(([name]) => name !== "bbox"),
    ["bbox", writeBox(area)],
  ];
  const request = useRequest(
    (signal) => api.get("/photos", [...params, ["limit", MAX_PICTURES]], { signal }),
    String(params),
  );
  return (
    <div class="place">
      <p class="place-title">{plural(cluster.count, "photo")} in one place</p>
      <p class="muted">{place(cluster.lat, cluster.lng)}</p>
      <div
        class="place-photos"
        style={{
          minHeight: `${PICTURE * Math.ceil(Math.min(cluster.count, MAX_PICTURES) / 3)}px`,
        }}
      >
        {request.data?.photos.map((/** @type {Photo} */ photo) => (
          <Picture key={photo.id} photo={photo} state={state} />
        ))}
      </div>
      <p>
        <a class="button" href={linkTo(state, area)}>
          Show all {number(cluster.count)}
        </a>
      </p>
    </div>
  );
}

/** @param {{cluster: Cluster, zoom: number, state: State, enter: (cluster: Cluster) => void}} props */
function Row({ cluster, zoom, state, enter }) {
  const [country, setCountry] = useState(/** @type {string | null | undefined} */ (undefined));
  const [name, setName] = useState(/** @type {string | null} */ (null));
  useEffect(() => {
    let isGone = false;
    findCountry(cluster.lng, cluster.lat).then(
      (name) => {
        if (!isGone) setCountry(name);
      },
      () => {}, // the coordinates are written beside it
    );
    return () => {
      isGone = true;
    };
  }, [cluster.lng, cluster.lat]);
  useEffect(() => {
    // The markers request it.
    return cluster.id
      ? whenSummaryKnown(cluster.id, (photo) => setName(labelOf(photo)))
      : undefined;
  }, [cluster.id]);
  // The outline leaves out small islands and capes.
  const position = place(cluster.lat, cluster.lng);
  const where = country === undefined ? position : `${country ?? "At sea or by it"}, ${position}`;
  return (
    <li>
      <p class="place-what">{cluster.id ? (name ?? "1 photo") : plural(cluster.count, "photo")}</p>
      <p class="muted">{where}</p>
      <p class="place-ways">
        {cluster.id ? (
          <a
            href={href(state, { photo: cluster.id })}
            aria-label={`Open ${name ?? "the photo"}, ${where}`}
          >
            Open
          </a>
        ) : (
          <>
            <button
              type="button"
              onClick={() => enter(cluster)}
              aria-label={`Zoom in on ${plural(cluster.count, "photo")}, ${where}`}
            >
              Zoom in
            </button>
            <a
              href={linkTo(state, areaOf(cluster, zoom))}
              aria-label={`Show ${plural(cluster.count, "photo")}, ${where}`}
            >
              Show photos
            </a>
          </>
        )}
      </p>
    </li>
  );
}

/**
 * @param {object} props
 * @param {Cluster[]} props.clusters the largest first
 * @param {number} props.zoom
 * @param {State} props.state
 * @param {(cluster: Cluster) => void} props.enter
 */
export function PlaceList({ clusters, zoom, state, enter }) {
  return (
    <section id="map-list" class="place-list" aria-label="Places in view" tabindex={0}>
      <h2>Places in view</h2>
      {clusters.length ? null : <p class="muted">None. Zoom out, or move the map.</p>}
      <ol>
        {clusters.slice(0, MAX_ROWS).map((cluster) => (
          <Row
            key={`${cluster.lat} ${cluster.lng}`}
            cluster={cluster}
            zoom={zoom}
            state={state}
            enter={enter}
          />
        ))}
      </ol>
      {clusters.length > MAX_ROWS && (
        <p class="muted">
          And {number(clusters.length - MAX_ROWS)} more: zoom in to see them here.
        </p>
      )}
    </section>
  );
}
