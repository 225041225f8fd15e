/**
 * @file Shows the thumbnail embedded in a photo, rotated upright. If there is none, shows a small preview that the API
 * makes or, without one, the file's format and name.
 * @import { Photo } from "../core/types"
 */
import { api, isAborted, readToken, toProblem } from "../core/api.js";
import { oneLine } from "../core/format.js";
import { fileName, STATUS_LABELS } from "../core/labels.js";
import { canHavePreview, reasonOf } from "../core/picture_sources.js";
import { useEffect, useRef, useState } from "../core/preact.js";
import { isOutage, onRecovery } from "../core/recovery.js";
import { settings } from "../core/settings.js";
import { usePreview } from "../hooks/use_preview.js";

/** @typedef {"absent" | "broken" | "unreachable"} Failure why there is no thumbnail to show */

// CSS transforms by the value of the Orientation tag (Exif 3.0, 4.6.5.1.6).
/** @type {Record<number, string>} */
const TRANSFORMS = {
  2: "scaleX(-1)",
  3: "rotate(180deg)",
  4: "scaleY(-1)",
  5: "rotate(270deg) scaleX(-1)",
  6: "rotate(90deg)",
  7: "rotate(90deg) scaleX(-1)",
  8: "rotate(270deg)",
};

/**
 * A thumbnail that fills a box and is cropped to it. This also crops the black bars with which cameras pad thumbnails
 * to 4:3.
 * @param {{record: Photo, width: number, height: number, alt?: string}} props width and height of the box, in pixels
 */
export function Thumbnail(props) {
  const { record } = props;
  if (record.thumbnail)
    return <EmbeddedThumbnail key={record.thumbnail} {...props} url={record.thumbnail} />;
  return canHavePreview(record, settings) ? (
    <PreviewThumbnail {...props} />
  ) : (
    <NoThumbnail record={record} />
  );
}

/** @param {{record: Photo, width: number, height: number, alt?: string, url: string}} props */
function EmbeddedThumbnail({ record, width, height, alt = "", url }) {
  const { source, failure, onError } = useImageSource(url);
  if (failure) return <NoThumbnail record={record} failure={failure} />;
  const { orientation = 1 } = record.photo;
  const isSideways = orientation >= 5 && orientation <= 8;
  const style = {
    width: `${isSideways ? height : width}px`,
    height: `${isSideways ? width : height}px`,
    transform: `translate(-50%, -50%) ${TRANSFORMS[orientation] ?? ""}`,
  };
  return (
    <img
      class="thumbnail"
      src={source ?? undefined}
      alt={alt}
      style={style}
      decoding="async"
      draggable={false}
      onError={onError}
    />
  );
}

/** @type {Record<Failure, string>} */
const FAILURE_LABELS = {
  absent: "No thumbnail",
  broken: "Thumbnail can't be shown",
  unreachable: "Can't reach the server",
};

/**
 * A small preview, which is upright already.
 * @param {{record: Photo, width: number, height: number, alt?: string}} props
 */
function PreviewThumbnail({ record, width, height, alt = "" }) {
  const { url, problem } = usePreview(record, "tile");
  if (!url)
    return <NoThumbnail record={record} reason={problem ? reasonOf(problem.code) : "Loading…"} />;
  const style = { width: `${width}px`, height: `${height}px`, transform: "translate(-50%, -50%)" };
  return <img class="thumbnail" src={url} alt={alt} style={style} draggable={false} />;
}

/** @param {{record: Photo, failure?: Failure | null, reason?: string}} props reason: why there is no picture */
export function NoThumbnail({
  record,
  failure = null,
  reason = FAILURE_LABELS[failure ?? "absent"],
}) {
  const isUnreadable = record.status !== "ok" && record.status !== "no_exif";
  return (
    <span class={`no-thumbnail ${isUnreadable ? "bad" : ""}`}>
      <span class="format">{oneLine(record.format ?? "?", 12).toUpperCase()}</span>
      <span class="name" dir="auto">
        {oneLine(fileName(record.key ?? record.id), 80)}
      </span>
      <span class="why">
        {isUnreadable && failure !== "unreachable"
          ? (STATUS_LABELS[record.status] ?? record.status)
          : reason}
      </span>
    </span>
  );
}

/**
 * Return the URL of a thumbnail for an <img>. An <img> cannot send the token, so if the API requires one, fetch the
 * thumbnail and return a blob URL. Until the thumbnail has arrived, the URL is null.
 *
 * An <img> does not say why it failed, so request the thumbnail again to find out. After an outage, load it again.
 * @param {string} url must not change while the component is mounted
 */
function useImageSource(url) {
  const [blobUrl, setBlobUrl] = useState(/** @type {string | null} */ (null));
  const [failure, setFailure] = useState(/** @type {Failure | null} */ (null));
  const [attempt, setAttempt] = useState(0);
  const isRetried = useRef(false);
  const needsFetch = Boolean(settings.needs_token && readToken());
  const mustFetch = needsFetch || failure === "broken";
  useEffect(() => {
    if (!mustFetch) return undefined;
    const controller = new AbortController();
    /** @type {string | null} */
    let objectUrl = null;
    api
      .getResponse(url, { signal: controller.signal })
      .then((response) => response.blob())
      .then((blob) => {
        if (controller.signal.aborted) return;
        if (!needsFetch) {
          // The server has the thumbnail, so either the outage was short, or the browser cannot decode the thumbnail.
          // Try once more.
          if (!isRetried.current) setFailure(null);
          isRetried.current = true;
          return;
        }
        objectUrl = URL.createObjectURL(blob);
        setBlobUrl(objectUrl);
      })
      .catch((error) => {
        if (isAborted(error) || controller.signal.aborted) return;
        setFailure(isOutage(toProblem(error)) ? "unreachable" : "absent");
      });
    return () => {
      controller.abort();
      if (objectUrl) URL.revokeObjectURL(objectUrl);
    };
  }, [url, needsFetch, mustFetch, attempt]);
  useEffect(() => {
    if (failure !== "unreachable") return undefined;
    return onRecovery(() => {
      setFailure(null);
      setAttempt((last) => last + 1);
    });
  }, [failure]);
  const source = needsFetch ? blobUrl : url;
  return { source, failure, onError: () => source && setFailure("broken") };
}
