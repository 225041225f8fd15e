/**
 * @file The thumbnail that the camera stored in the photo, turned upright; without one, the file's format and name.
 * @import { Photo } from "../core/types"
 */
import { api, readToken } from "../core/api.js";
import { oneLine } from "../core/format.js";
import { fileName, STATUSES } from "../core/labels.js";
import { useEffect, useState } from "../core/preact.js";
import { settings } from "../core/settings.js";

// Orientations of Exif 3.0, 4.6.5.1.6.
/** @type {Record<number, string>} */
const TURNS = {
  2: "scaleX(-1)",
  3: "rotate(180deg)",
  4: "scaleY(-1)",
  5: "rotate(270deg) scaleX(-1)",
  6: "rotate(90deg)",
  7: "rotate(90deg) scaleX(-1)",
  8: "rotate(270deg)",
};

/**
 * The thumbnail fills a box. What is beyond it is cut off: so are the black bars with which cameras pad thumbnails to
 * 4:3.
 * @param {{record: Photo, width: number, height: number, alt?: string}} props of the box, in pixels
 */
export function Thumbnail({ record, width, height, alt = "" }) {
  const [failed, setFailed] = useState(false);
  const source = useSource(record.thumbnail);
  if (!record.thumbnail || failed) return <NoThumbnail record={record} />;
  const { orientation = 1 } = record.photo;
  const turned = orientation >= 5 && orientation <= 8;
  const style = {
    width: `${turned ? height : width}px`,
    height: `${turned ? width : height}px`,
    transform: `translate(-50%, -50%) ${TURNS[orientation] ?? ""}`,
  };
  return (
    <img
      class="thumbnail"
      src={source ?? undefined}
      alt={alt}
      style={style}
      decoding="async"
      draggable={false}
      onError={() => source && setFailed(true)}
    />
  );
}

/** @param {{record: Photo}} props */
export function NoThumbnail({ record }) {
  const bad = record.status !== "ok" && record.status !== "no_exif";
  return (
    <span class={`no-thumbnail ${bad ? "bad" : ""}`}>
      <span class="format">{oneLine(record.format ?? "?", 12).toUpperCase()}</span>
      <span class="name">{oneLine(fileName(record.key ?? record.id), 80)}</span>
      <span class="why">
        {bad ? (STATUSES[record.status] ?? record.status) : "No thumbnail in the file"}
      </span>
    </span>
  );
}

/**
 * Return the address for an <img>. It cannot send the token: where reading needs it, the thumbnail is fetched and shown
 * from memory.
 * @param {string | null | undefined} address
 */
function useSource(address) {
  const [blobUrl, setBlobUrl] = useState(/** @type {string | null} */ (null));
  const isFetched = Boolean(settings.needs_token && readToken() && address);
  useEffect(() => {
    if (!isFetched || !address) return undefined;
    const control = new AbortController();
    /** @type {string | null} */
    let url = null;
    api
      .open(address, { signal: control.signal })
      .then((answer) => answer.blob())
      .then((data) => {
        if (control.signal.aborted) return;
        url = URL.createObjectURL(data);
        setBlobUrl(url);
      })
      .catch(() => {});
    return () => {
      control.abort();
      if (url) URL.revokeObjectURL(url);
    };
  }, [address, isFetched]);
  return isFetched ? blobUrl : address;
}
