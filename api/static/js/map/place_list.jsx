/**
 * @file The popup with the photos at one location, and the list view, which makes the map usable with screen readers.
 * @import { Api, Area, Cluster, Pair, Photo, State } from "../core/types"
 */
import { Thumbnail } from "../components/thumbnail.jsx";
import { formatPosition, formatNumber, pluralize } from "../core/format.js";
import { useEffect, useState } from "../core/preact.js";
import { filterParams, href } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";
import { areaOf, formatBox } from "./clusters.js";
import { labelOf } from "./markers.jsx";
import { findCountry } from "./outline.js";
import { whenSummaryKnown } from "./photo_summaries.js";

const MAX_ROWS = 100;
const MAX_POPUP_PHOTOS = 6;
const POPUP_COLUMNS = 3; // as in map.css
const THUMBNAIL_PIXELS = 74; // as in map.css
// Below this zoom level, a cluster can contain photos of several countries.
const ONE_COUNTRY_MIN_ZOOM = 6;

/**
 * Return the URL of the gallery with the photos of an area.
 * @type {(state: State, area: Area) => string}
 */
const linkToArea = (state, area) =>
  href(state, { view: "gallery", filters: { bbox: formatBox(area) }, photo: null });

/** @param {{photo: Photo, state: State}} props */
function PhotoLink({ photo, state }) {
  return (
    <a class="place-photo" href={href(state, { photo: photo.id })} aria-label={labelOf(photo)}>
      <Thumbnail record={photo} width={THUMBNAIL_PIXELS} height={THUMBNAIL_PIXELS} />
    </a>
  );
}

/**
 * The newest photos of a cluster, and a link to all of them.
 * @param {{cluster: Cluster, area: Area, state: State, api: Api}} props
 */
export function PlacePopup({ cluster, area, state, api }) {
  /** @type {Pair[]} */
  const params = [
    ...filterParams(state.filters).filter(([name]) => name !== "bbox"),
    ["bbox", formatBox(area)],
  ];
  const request = useRequest(
    (signal) => api.get("/photos", [...params, ["limit", MAX_POPUP_PHOTOS]], { signal }),
    String(params),
  );
  // Reserve the height of the thumbnails, so that the popup does not grow when they arrive.
  const rowCount = Math.ceil(Math.min(cluster.count, MAX_POPUP_PHOTOS) / POPUP_COLUMNS);
  return (
    <div class="place">
      <p class="place-title">{pluralize(cluster.count, "photo")} here</p>
      <p class="muted">{formatPosition(cluster.lat, cluster.lng)}</p>
      <div class="place-photos" style={{ minHeight: `${THUMBNAIL_PIXELS * rowCount}px` }}>
        {request.data?.photos.map((/** @type {Photo} */ photo) => (
          <PhotoLink key={photo.id} photo={photo} state={state} />
        ))}
      </div>
      <p>
        <a class="button" href={linkToArea(state, area)}>
          Show all {formatNumber(cluster.count)}
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
    let isUnmounted = false;
    findCountry(cluster.lng, cluster.lat).then(
      (countryName) => {
        if (!isUnmounted) setCountry(countryName);
      },
      () => {}, // without the country, the row still shows the coordinates
    );
    return () => {
      isUnmounted = true;
    };
  }, [cluster.lng, cluster.lat]);
  useEffect(() => {
    if (!cluster.id) return undefined;
    // MapSurface fetches the summary for the photo's marker, so only wait for it here.
    return whenSummaryKnown(cluster.id, (photo) => setName(labelOf(photo)));
  }, [cluster.id]);
  const location = describeLocation(cluster, zoom, country);
  return (
    <li>
      <p class="place-name">
        {cluster.id ? (name ?? "1 photo") : pluralize(cluster.count, "photo")}
      </p>
      <p class="muted">{location}</p>
      <p class="place-actions">
        {cluster.id ? (
          <a
            href={href(state, { photo: cluster.id })}
            aria-label={`Open ${name ?? "the photo"}, ${location}`}
          >
            Open
          </a>
        ) : (
          <>
            <button
              type="button"
              onClick={() => enter(cluster)}
              aria-label={`Zoom in on ${pluralize(cluster.count, "photo")}, ${location}`}
            >
              Zoom in
            </button>
            <a
              href={linkToArea(state, areaOf(cluster, zoom))}
              aria-label={`Show ${pluralize(cluster.count, "photo")}, ${location}`}
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
 * @param {Cluster} cluster
 * @param {number} zoom
 * @param {string | null | undefined} country null: the position is in no country; undefined: still loading
 */
function describeLocation(cluster, zoom, country) {
  const position = formatPosition(cluster.lat, cluster.lng);
  if (country === undefined) return position;
  // The photo may also be on the coast, because the outline leaves out small islands and capes.
  if (country === null) return `Offshore, ${position}`;
  const isOneCountry = cluster.id || zoom >= ONE_COUNTRY_MIN_ZOOM;
  return `${isOneCountry ? "" : "Around "}${country}, ${position}`;
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
    <section id="map-list" class="place-list" aria-label="Locations in view" tabindex={0}>
      <h2>Locations in view</h2>
      {clusters.length === 0 && <p class="muted">No photos in view. Zoom out or move the map.</p>}
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
          And {formatNumber(clusters.length - MAX_ROWS)} more. Zoom in to list them.
        </p>
      )}
    </section>
  );
}
