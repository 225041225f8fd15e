/**
 * @file One photo: its thumbnail, how and where it was taken, and every tag in it.
 * @import { JSX } from "preact"
 * @import { Api, Navigate, Photo, PhotoRecord, State } from "../core/types"
 * @import { Problem } from "../core/api.js"
 */
import { CopyButton } from "../components/copy.jsx";
import { Dialog } from "../components/dialog.jsx";
import { Icon } from "../components/icons.jsx";
import { Failed, Loading } from "../components/status_screens.jsx";
import { Thumbnail } from "../components/thumbnail.jsx";
import { oneLine } from "../core/format.js";
import { fileName } from "../core/labels.js";
import { useEffect, useState } from "../core/preact.js";
import { settings } from "../core/settings.js";
import { filterParams, href } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";
import { MiniMap } from "../map/minimap.jsx";
import { Summary } from "./summary.jsx";
import { Tags } from "./tags.jsx";

const MAX_COPIES = 50;
// Of the thumbnail, in pixels.
const MAX_HEIGHT = 460;

/** @param {string} id */
const path = (id) => `/photos/${encodeURIComponent(id)}`;

/** @param {{id: string, state: State, navigate: Navigate, api: Api}} props */
export function PhotoDialog({ id, state, navigate, api }) {
  const request = useRequest((signal) => api.get(path(id), null, { signal }), id);
  const record = request.data?.id === id ? request.data : null;
  const around = useNeighbours(id, state, api);
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
    if (event.key === "ArrowLeft") go(around?.previous);
    else if (event.key === "ArrowRight") go(around?.next);
  };
  const name = oneLine(fileName(id), 120);
  /** @type {(label: string, to: string | undefined, icon: "back" | "next") => JSX.Element} */
  const step = (label, to, icon) => (
    <button
      type="button"
      class="plain"
      aria-label={label}
      title={label}
      aria-disabled={!to}
      onClick={() => go(to)}
    >
      <Icon name={icon} />
    </button>
  );
  return (
    <Dialog title={null} label={`Photo ${name}`} close={close} kind="photo" onKeyDown={onKeyDown}>
      <header>
        {step("Previous photo (←)", around?.previous, "back")}
        {step("Next photo (→)", around?.next, "next")}
        <h2>{name}</h2>
        <button type="button" class="plain" aria-label="Close" title="Close (Esc)" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {request.error ? (
        <Failed error={request.error} retry={request.reload} />
      ) : record ? (
        <Content key={id} record={record} state={state} navigate={navigate} api={api} />
      ) : (
        <Loading slow={request.slow} subject="this photo" />
      )}
    </Dialog>
  );
}

/** @param {{record: PhotoRecord, state: State, navigate: Navigate, api: Api}} props */
function Content({ record, state, navigate, api }) {
  const width = usePictureWidth();
  const coordinates = record.photo.location?.coordinates;
  const { width_pixels: wide, height_pixels: high } = record.photo;
  const aspect = wide && high ? Math.min(3.2, Math.max(0.5, wide / high)) : 1.5;
  const shown = Math.min(width, MAX_HEIGHT * aspect);
  const size = { width: `${Math.round(shown)}px`, height: `${Math.round(shown / aspect)}px` };
  return (
    <div class="photo-content">
      <div class="aside">
        <div class="picture" style={size}>
          <Thumbnail
            record={record}
            width={Math.round(shown)}
            height={Math.round(shown / aspect)}
            alt={`Thumbnail of ${oneLine(fileName(record.id), 120)}`}
          />
        </div>
        <div class="actions">
          <CopyButton text={`s3://${record.id}`} label="S3 address" />
          <CopyButton text={location.href} label="Link to this page" />
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
 * Return the ids of the photos before and after this one in the result. The API continues from any photo.
 * @param {string} id
 * @param {State} state
 * @param {Api} api
 */
function useNeighbours(id, state, api) {
  const pairs = filterParams(state.filters);
  const { data } = useRequest(
    /** @returns {Promise<{id: string, next?: string, previous?: string}>} */
    async (signal) => {
      /** @param {"after" | "before"} where */
      const ask = (where) =>
        api.get("/photos", [...pairs, ["sort", state.sort], [where, id], ["limit", 1]], { signal });
      const [after, before] = await Promise.all([ask("after"), ask("before")]);
      return { id, next: after.photos[0]?.id, previous: before.photos[0]?.id };
    },
    JSON.stringify([id, pairs, state.sort]),
  );
  return data?.id === id ? data : null;
}

/** @param {{record: PhotoRecord, state: State, api: Api}} props */
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
          : `${others.length} other copies of this file`}
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
 * Anyone who has the link can use it, so it is created only on request.
 * @param {{id: string, api: Api}} props
 */
function Original({ id, api }) {
  const [link, setLink] = useState(/** @type {{url: string, seconds: number} | null} */ (null));
  const [error, setError] = useState(/** @type {Problem | null} */ (null));
  const ask = () => api.get(`${path(id)}/original`).then(setLink, setError);
  if (error)
    return (
      <p class="note" role="alert">
        {error.message}
      </p>
    );
  if (!link)
    return (
      <button type="button" onClick={ask}>
        <Icon name="out" />
        Link to the original
      </button>
    );
  return (
    <>
      <a class="button" href={link.url} target="_blank" rel="noopener noreferrer">
        <Icon name="out" />
        Open the original
      </a>
      <CopyButton text={link.url} label={`Link, for ${Math.round(link.seconds / 60)} minutes`} />
    </>
  );
}

function usePictureWidth() {
  const measure = () => (innerWidth < 800 ? innerWidth - 32 : Math.min(440, innerWidth * 0.34));
  const [width, setWidth] = useState(measure);
  useEffect(() => {
    const listener = () => setWidth(measure());
    addEventListener("resize", listener);
    return () => removeEventListener("resize", listener);
  }, []);
  return width;
}
