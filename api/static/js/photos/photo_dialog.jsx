/**
 * @file Dialog with one photo: its thumbnail, how and where it was taken, and all its tags.
 * @import { JSX } from "preact"
 * @import { Api, Change, Navigate, Photo, PhotoRecord, State } from "../core/types"
 * @import { Problem } from "../core/api.js"
 */
import { CopyButton } from "../components/copy.jsx";
import { Dialog } from "../components/dialog.jsx";
import { Icon } from "../components/icons.jsx";
import { PathText } from "../components/path_text.jsx";
import { Failed, Loading, Screen } from "../components/status_screens.jsx";
import { Thumbnail } from "../components/thumbnail.jsx";
import { photoPath } from "../core/api.js";
import { formatNumber, oneLine } from "../core/format.js";
import { locationOf } from "../core/folders.js";
import { fileName } from "../core/labels.js";
import { useEffect, useRef, useState } from "../core/preact.js";
import { settings } from "../core/settings.js";
import { closePhoto, href, shownParams } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";
import { MiniMap } from "../map/minimap.jsx";
import { Viewer } from "../viewer/viewer.jsx";
import { Regions } from "./regions.jsx";
import { RelatedFiles } from "./related_files.jsx";
import { Summary } from "./summary.jsx";
import { Tags } from "./tags.jsx";

// Maximum number of copies that are listed.
const MAX_COPIES = 50;
/** @type {Change} */
const GALLERY = { view: "gallery", photo: null, clearFilters: true };
const MAX_THUMBNAIL_HEIGHT_PIXELS = 460;

/** @param {{id: string, state: State, navigate: Navigate, api: Api}} props */
export function PhotoDialog({ id, state, navigate, api }) {
  const request = useRequest((signal) => api.get(photoPath(id), null, { signal }), id);
  const record = request.data?.id === id ? request.data : null;
  const neighbours = useNeighbours(id, state, api);
  /** @param {string | undefined} photo */
  const goTo = (photo) => {
    if (photo) navigate({ photo }, { replace: true });
  };
  const showsViewer = useViewer(Boolean(state.viewParams.full));
  const closeViewer = () => navigate({ viewParams: { full: null } }, { replace: true });
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = /** @type {Element} */ (event.target);
    if (target.matches("input, textarea, [role=tab]")) return;
    if (event.key === "ArrowLeft") goTo(neighbours?.previous);
    else if (event.key === "ArrowRight") goTo(neighbours?.next);
    else if (event.key === "f") navigate({ viewParams: { full: "1" } });
  };
  const name = oneLine(fileName(id), 120);
  /** @type {(label: string, neighbour: string | undefined, icon: "previous" | "next") => JSX.Element} */
  const renderNeighbourButton = (label, neighbour, icon) => (
    <button
      type="button"
      class="plain"
      aria-label={label}
      title={label}
      aria-disabled={!neighbour}
      onClick={() => goTo(neighbour)}
    >
      <Icon name={icon} />
    </button>
  );
  return (
    <Dialog
      title={null}
      label={`Photo ${name}`}
      close={closePhoto}
      kind="photo"
      onKeyDown={onKeyDown}
    >
      <header>
        {renderNeighbourButton("Previous photo (←)", neighbours?.previous, "previous")}
        {renderNeighbourButton("Next photo (→)", neighbours?.next, "next")}
        <h2 dir="auto">{name}</h2>
        <button
          type="button"
          class="plain"
          aria-label="Close"
          title="Close (Esc)"
          onClick={closePhoto}
        >
          <Icon name="close" />
        </button>
      </header>
      {request.error?.status === 404 ? (
        <NotFound close={closePhoto} />
      ) : request.error ? (
        <Failed error={request.error} retry={request.reload} />
      ) : record ? (
        <Content key={id} record={record} state={state} navigate={navigate} api={api} />
      ) : (
        <Loading slow={request.slow} subject="this photo" />
      )}
      {showsViewer && (
        <Viewer
          id={id}
          record={record}
          hasFailed={Boolean(request.error)}
          previous={neighbours?.previous}
          next={neighbours?.next}
          goTo={goTo}
          close={closeViewer}
          api={api}
        />
      )}
    </Dialog>
  );
}

/**
 * Return whether to show the viewer. After it has been closed, focus the button that opens it.
 * @param {boolean} isWanted
 */
function useViewer(isWanted) {
  // Of two modal dialogs, the one that opens last is on top. On a page load, the viewer's effect would run first, so
  // show the viewer only after this dialog has opened.
  const [isDialogOpen, setDialogOpen] = useState(false);
  const wasShown = useRef(false);
  useEffect(() => setDialogOpen(true), []);
  const isShown = isWanted && isDialogOpen;
  useEffect(() => {
    if (wasShown.current && !isShown)
      /** @type {HTMLElement | null} */ (document.querySelector(".open-viewer"))?.focus();
    wasShown.current = isShown;
  }, [isShown]);
  return isShown;
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
  const { width, height, isWhole } = useThumbnailSize(record);
  const coordinates = record.photo.location?.coordinates;
  const fileLocation = locationOf(record);
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
          {record.thumbnail && isWhole && <Regions photo={record.photo} />}
          <a
            class="open-viewer"
            href={href(state, { viewParams: { full: "1" } })}
            aria-label="View full screen (f)"
            title="View full screen (f)"
          >
            <span>
              <Icon name="fullscreen" />
            </span>
          </a>
        </div>
        <div class="actions">
          <CopyButton
            text={fileLocation.text}
            label={fileLocation.isFile ? "Copy path" : "Copy S3 URI"}
          />
          <CopyButton text={location.href} label="Copy link" />
          {settings.sign_originals && <OriginalLink id={record.id} api={api} />}
        </div>
        {coordinates && <MiniMap lat={coordinates[1]} lng={coordinates[0]} />}
        <RelatedFiles record={record} state={state} api={api} />
        <Copies record={record} state={state} api={api} />
      </div>
      <div class="facts">
        <Summary record={record} />
        <Tags
          record={record}
          tab={state.viewParams.tab}
          setTab={(tab) => navigate({ viewParams: { tab } }, { replace: true })}
        />
      </div>
    </div>
  );
}

/**
 * Fetch the ids of the previous and the next photo in the result. Return null until they have arrived.
 * @param {string} id
 * @param {State} state
 * @param {Api} api
 */
function useNeighbours(id, state, api) {
  const pairs = shownParams(state);
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
 * Links to the copies of a photo: those with the same fingerprint or, without a fingerprint, with the same ETag.
 * @param {{record: PhotoRecord, state: State, api: Api}} props
 */
function Copies({ record, state, api }) {
  const { data } = useRequest(async (signal) => {
    const { fingerprint, etag } = record;
    if (fingerprint) {
      return api.get("/photos", { fingerprint, sort: "key", limit: MAX_COPIES + 1 }, { signal });
    }
    return etag ? api.get(`/photos/by-etag/${encodeURIComponent(etag)}`, null, { signal }) : null;
  }, record.id);
  /** @type {Photo[]} */
  const copies = data?.photos ?? [];
  const otherCopies = copies.filter(({ id }) => id !== record.id);
  if (!otherCopies.length) return null;
  return (
    <section class="copies">
      <h3>
        {otherCopies.length === 1
          ? "Another copy of this file"
          : `${formatNumber(otherCopies.length)} other copies of this file`}
      </h3>
      <ul>
        {otherCopies.slice(0, MAX_COPIES).map(({ id }) => (
          <li key={id}>
            <a href={href(state, { photo: id })}>
              <PathText path={id} limit={200} />
            </a>
          </li>
        ))}
      </ul>
      {record.fingerprint && (
        <a href={href(state, { ...GALLERY, filters: { fingerprint: record.fingerprint } })}>
          Show all copies
        </a>
      )}
    </section>
  );
}

/**
 * A button that requests a signed link to the original, then the link. The link is created only on request, because
 * anyone who has it can use it.
 * @param {{id: string, api: Api}} props
 */
function OriginalLink({ id, api }) {
  const [link, setLink] = useState(/** @type {{url: string, seconds: number} | null} */ (null));
  const [error, setError] = useState(/** @type {Problem | null} */ (null));
  const requestLink = () => api.get(`${photoPath(id)}/original`).then(setLink, setError);
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
 * Return the width and height at which to show the thumbnail, in pixels, and whether it is shown whole, without
 * cropping. The size changes with the width of the window.
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
  const photoAspect = photoWidth && photoHeight ? photoWidth / photoHeight : null;
  const aspect = Math.min(3.2, Math.max(0.5, photoAspect ?? 1.5));
  const width = Math.min(maxWidth, MAX_THUMBNAIL_HEIGHT_PIXELS * aspect);
  const isWhole = aspect === photoAspect;
  return { width: Math.round(width), height: Math.round(width / aspect), isWhole };
}
