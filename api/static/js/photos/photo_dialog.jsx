/**
 * @file Dialog with one photo: its thumbnail, how and where it was taken, and all its tags.
 * @import { JSX } from "preact"
 * @import { Api, Navigate, Photo, PhotoRecord, State } from "../core/types"
 * @import { Problem } from "../core/api.js"
 */
import { CopyButton } from "../components/copy.jsx";
import { Dialog } from "../components/dialog.jsx";
import { Icon } from "../components/icons.jsx";
import { Failed, Loading, Screen } from "../components/status_screens.jsx";
import { Thumbnail } from "../components/thumbnail.jsx";
import { number, oneLine } from "../core/format.js";
import { fileName } from "../core/labels.js";
import { useEffect, useState } from "../core/preact.js";
import { settings } from "../core/settings.js";
import { filterParams, href } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";
import { MiniMap } from "../map/minimap.jsx";
import { Summary } from "./summary.jsx";
import { Tags } from "./tags.jsx";

const MAX_COPIES = 50;
const MAX_THUMBNAIL_HEIGHT = 460; // in pixels

/** @param {string} id */
const pathOf = (id) => `/photos/${encodeURIComponent(id)}`;

/** @param {{id: string, state: State, navigate: Navigate, api: Api}} props */
export function PhotoDialog({ id, state, navigate, api }) {
  const request = useRequest((signal) => api.get(pathOf(id), null, { signal }), id);
  const record = request.data?.id === id ? request.data : null;
  const neighbours = useNeighbours(id, state, api);
  /** @param {string | undefined} photo */
  const go = (photo) => {
    if (photo) navigate({ photo }, { replace: true });
  };
  const close = () => navigate({ photo: null, extra: { tab: null } });
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = /** @type {Element} */ (event.target);
    if (target.matches("input, textarea, [role=tab]")) return;
    if (event.key === "ArrowLeft") go(neighbours?.previous);
    else if (event.key === "ArrowRight") go(neighbours?.next);
  };
  const name = oneLine(fileName(id), 120);
  /** @type {(label: string, neighbour: string | undefined, icon: "previous" | "next") => JSX.Element} */
  const renderStep = (label, neighbour, icon) => (
    <button
      type="button"
      class="plain"
      aria-label={label}
      title={label}
      aria-disabled={!neighbour}
      onClick={() => go(neighbour)}
    >
      <Icon name={icon} />
    </button>
  );
  return (
    <Dialog title={null} label={`Photo ${name}`} close={close} kind="photo" onKeyDown={onKeyDown}>
      <header>
        {renderStep("Previous photo (←)", neighbours?.previous, "previous")}
        {renderStep("Next photo (→)", neighbours?.next, "next")}
        <h2>{name}</h2>
        <button type="button" class="plain" aria-label="Close" title="Close (Esc)" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {request.error?.status === 404 ? (
        <NotFound close={close} />
      ) : request.error ? (
        <Failed error={request.error} retry={request.reload} />
      ) : record ? (
        <Content key={id} record={record} state={state} navigate={navigate} api={api} />
      ) : (
        <Loading slow={request.slow} subject="this photo" />
      )}
    </Dialog>
  );
}

/** @param {{close: () => void}} props */
function NotFound({ close }) {
  return (
    <Screen role="alert" kind="failed" title="Photo not found">
      <p>This photo no longer exists, or the link is wrong.</p>
      <p>
        <button type="button" onClick={close}>
          Back to gallery
        </button>
      </p>
    </Screen>
  );
}

/** @param {{record: PhotoRecord, state: State, navigate: Navigate, api: Api}} props */
function Content({ record, state, navigate, api }) {
  const { width, height } = useThumbnailSize(record);
  const coordinates = record.photo.location?.coordinates;
  return (
    <div class="photo-content">
      <div class="aside">
        <div class="picture" style={{ width: `${width}px`, height: `${height}px` }}>
          <Thumbnail
            record={record}
            width={width}
            height={height}
            alt={`Thumbnail of ${oneLine(fileName(record.id), 120)}`}
          />
        </div>
        <div class="actions">
          <CopyButton text={`s3://${record.id}`} label="Copy S3 URI" />
          <CopyButton text={location.href} label="Copy link" />
          {settings.sign_originals && <Original id={record.id} api={api} />}
        </div>
        {coordinates && <MiniMap lat={coordinates[1]} lon={coordinates[0]} />}
        <Copies record={record} state={state} api={api} />
      </div>
      <div class="facts">
        <Summary record={record} />
        <Tags
          record={record}
          tab={state.extra.tab}
          setTab={(tab) => navigate({ extra: { tab } }, { replace: true })}
        />
      </div>
    </div>
  );
}

/**
 * Return the ids of the previous and next photo in the result.
 * @param {string} id
 * @param {State} state
 * @param {Api} api
 */
function useNeighbours(id, state, api) {
  const pairs = filterParams(state.filters);
  const { data } = useRequest(
    /** @returns {Promise<{id: string, next?: string, previous?: string}>} */
    async (signal) => {
      /** @param {"after" | "before"} side */
      const fetchOne = (side) =>
        api.get("/photos", [...pairs, ["sort", state.sort], [side, id], ["limit", 1]], { signal });
      const [after, before] = await Promise.all([fetchOne("after"), fetchOne("before")]);
      return { id, next: after.photos[0]?.id, previous: before.photos[0]?.id };
    },
    JSON.stringify([id, pairs, state.sort]),
  );
  return data?.id === id ? data : null;
}

/**
 * Links to other photos with the same ETag.
 * @param {{record: PhotoRecord, state: State, api: Api}} props
 */
function Copies({ record, state, api }) {
  const { data } = useRequest(
    async (signal) =>
      record.etag
        ? api.get(`/photos/by-etag/${encodeURIComponent(record.etag)}`, null, { signal })
        : null,
    record.id,
  );
  /** @type {Photo[]} */
  const copies = data?.photos ?? [];
  const others = copies.filter(({ id }) => id !== record.id);
  if (!others.length) return null;
  return (
    <section class="copies">
      <h3>
        {others.length === 1
          ? "Another copy of this file"
          : `${number(others.length)} other copies of this file`}
      </h3>
      <ul>
        {others.slice(0, MAX_COPIES).map(({ id }) => (
          <li key={id}>
            <a href={href(state, { photo: id })}>{oneLine(id, 200)}</a>
          </li>
        ))}
      </ul>
    </section>
  );
}

/**
 * A signed link to the original. It is created only on request, because anyone who has the link can use it.
 * @param {{id: string, api: Api}} props
 */
function Original({ id, api }) {
  const [link, setLink] = useState(/** @type {{url: string, seconds: number} | null} */ (null));
  const [error, setError] = useState(/** @type {Problem | null} */ (null));
  const requestLink = () => api.get(`${pathOf(id)}/original`).then(setLink, setError);
  if (error)
    return (
      <p class="note" role="alert">
        {error.message}
      </p>
    );
  if (!link)
    return (
      <button type="button" onClick={requestLink}>
        <Icon name="external" />
        Get original
      </button>
    );
  return (
    <>
      <a class="button" href={link.url} target="_blank" rel="noopener noreferrer">
        <Icon name="external" />
        Open original
      </a>
      <CopyButton
        text={link.url}
        label={`Copy link (valid ${Math.round(link.seconds / 60)} min)`}
      />
    </>
  );
}

/**
 * Return the size of the thumbnail in pixels, which follows the size of the window.
 * @param {PhotoRecord} record
 */
function useThumbnailSize(record) {
  const measure = () => (innerWidth < 800 ? innerWidth - 32 : Math.min(440, innerWidth * 0.34));
  const [maxWidth, setMaxWidth] = useState(measure);
  useEffect(() => {
    const listener = () => setMaxWidth(measure());
    addEventListener("resize", listener);
    return () => removeEventListener("resize", listener);
  }, []);
  const { width_pixels: photoWidth, height_pixels: photoHeight } = record.photo;
  const aspect =
    photoWidth && photoHeight ? Math.min(3.2, Math.max(0.5, photoWidth / photoHeight)) : 1.5;
  const width = Math.min(maxWidth, MAX_THUMBNAIL_HEIGHT * aspect);
  return { width: Math.round(width), height: Math.round(width / aspect) };
}
