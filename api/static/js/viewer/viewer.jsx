/**
 * @file Full-screen viewer for one photo or video: zoom, pan, swipe, keys and slideshow.
 * @import { Api, PhotoRecord } from "../core/types"
 * @import { Picture } from "./use_picture.js"
 */
import { Icon } from "../components/icons.jsx";
import { Thumbnail } from "../components/thumbnail.jsx";
import { formatNumber, oneLine } from "../core/format.js";
import { fileName } from "../core/labels.js";
import { canHavePreview, isPlayable, reasonOf } from "../core/picture_sources.js";
import { useEffect, useRef, useState } from "../core/preact.js";
import { settings } from "../core/settings.js";
import { usePreview } from "../hooks/use_preview.js";
import { fitSize } from "./zoom.js";
import { useGestures } from "./use_gestures.js";
import { usePicture } from "./use_picture.js";

const ZOOM_STEP = 1.5;
const PAN_STEP = 80;
/** How long the slideshow shows each photo, in milliseconds. */
export const SLIDE_MS = 4000;
const SOURCE_LABELS = { original: "Original", preview: "Preview", thumbnail: "Thumbnail" };
const THUMBNAIL_PIXELS = 480;

/**
 * @typedef {object} ViewerProps
 * @property {string} id
 * @property {PhotoRecord | null} record null while it is loading
 * @property {boolean} hasFailed whether the record could not be loaded
 * @property {string | undefined} previous id of the previous photo in the result
 * @property {string | undefined} next
 * @property {(id: string | undefined) => void} goTo
 * @property {() => void} close
 * @property {Api} api
 */

/** @param {ViewerProps} props */
export function Viewer({ id, record, hasFailed, previous, next, goTo, close, api }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const picture = usePicture(record, api);
  const name = oneLine(fileName(id), 120);
  const gestures = useGestures({
    key: id,
    picture: picture.size,
    onSwipe: (swipe) => (swipe === "close" ? close() : goTo(swipe === "next" ? next : previous)),
  });
  const isReady = hasFailed || Boolean(record && !picture.isLoading);
  const slideshow = useSlideshow({ id, isReady, next, goTo });

  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    gestures.stageRef.current?.focus();
    return () => {
      if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
      element?.close();
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- runs once
  }, []);

  const toggleFullscreen = () => {
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    else dialog.current?.requestFullscreen?.().catch(() => {});
  };
  const isZoomed = gestures.zoom.scale > 1;
  /** @param {string} key */
  const actionOf = (key) => {
    const { panBy, zoomBy } = gestures;
    switch (key) {
      case "ArrowLeft":
        return isZoomed ? () => panBy(PAN_STEP, 0) : () => goTo(previous);
      case "ArrowRight":
        return isZoomed ? () => panBy(-PAN_STEP, 0) : () => goTo(next);
      case "ArrowUp":
        return () => panBy(0, PAN_STEP);
      case "ArrowDown":
        return () => panBy(0, -PAN_STEP);
      case "PageUp":
        return () => goTo(previous);
      case "PageDown":
        return () => goTo(next);
      case "+":
      case "=":
        return () => zoomBy(ZOOM_STEP);
      case "-":
        return () => zoomBy(1 / ZOOM_STEP);
      case "0":
        return gestures.reset;
      case "1":
        return gestures.showFull;
      case "f":
        return toggleFullscreen;
      case "i":
        return close;
      case " ":
        return slideshow.toggle;
    }
    return null;
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    // The photo dialog below has keys of its own.
    event.stopPropagation();
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = /** @type {Element} */ (event.target);
    const isOwnKey = event.key === " " || event.key.startsWith("Arrow");
    if (target.matches("video") || (event.key === " " && target.matches("button, a"))) {
      if (isOwnKey) return;
    }
    const action = actionOf(event.key);
    if (!action) return;
    event.preventDefault();
    action();
  };
  /**
   * @param {string} label
   * @param {Parameters<typeof Icon>[0]["name"]} icon
   * @param {() => void} onClick
   * @param {object} [more] further attributes
   */
  const renderButton = (label, icon, onClick, more = {}) => (
    <button
      type="button"
      class="plain"
      aria-label={label}
      title={label}
      onClick={onClick}
      {...more}
    >
      <Icon name={icon} />
    </button>
  );
  return (
    <dialog
      ref={dialog}
      class="viewer"
      aria-label={`Viewer: ${name}`}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onKeyDown={onKeyDown}
    >
      <header>
        <p class="name" role="status">
          {name}
        </p>
        {gestures.canZoom && (
          <>
            {renderButton("Zoom out (-)", "zoomOut", () => gestures.zoomBy(1 / ZOOM_STEP), {
              "aria-disabled": !isZoomed,
            })}
            <output class="percent" aria-label="Zoom">
              {gestures.percent}%
            </output>
            {renderButton("Zoom in (+)", "zoomIn", () => gestures.zoomBy(ZOOM_STEP), {
              "aria-disabled": gestures.isAtLimit,
            })}
          </>
        )}
        {renderButton(
          slideshow.isRunning ? "Pause slideshow (Space)" : "Start slideshow (Space)",
          slideshow.isRunning ? "pause" : "play",
          slideshow.toggle,
          { "aria-pressed": slideshow.isRunning },
        )}
        {document.fullscreenEnabled &&
          renderButton("Full screen (f)", "fullscreen", toggleFullscreen)}
        {renderButton("Close viewer (Esc)", "close", close)}
      </header>
      <div
        class={`stage ${isZoomed ? "zoomed" : ""}`}
        ref={gestures.stageRef}
        role="group"
        aria-label="Picture"
        aria-busy={!isReady}
        tabindex={0}
        {...gestures.handlers}
      >
        {record && (
          <Media key={id} record={record} picture={picture} gestures={gestures} name={name} />
        )}
        {!isReady && <p class="note">Loading…</p>}
        {hasFailed && <p class="note">Couldn't load this photo.</p>}
      </div>
      <div class="turn previous">
        {renderButton("Previous photo (←)", "previous", () => goTo(previous), {
          "aria-disabled": !previous,
        })}
      </div>
      <div class="turn next">
        {renderButton("Next photo (→)", "next", () => goTo(next), { "aria-disabled": !next })}
      </div>
      <footer>{record && isReady && <Caption record={record} picture={picture} />}</footer>
    </dialog>
  );
}

/**
 * @typedef {object} MediaProps
 * @property {PhotoRecord} record
 * @property {Picture} picture
 * @property {ReturnType<typeof useGestures>} gestures
 * @property {string} name
 */

/** @param {MediaProps} props */
function Media({ record, picture, gestures, name }) {
  const [isUnplayable, setUnplayable] = useState(false);
  const { zoom, drag, fit } = gestures;
  const transform = `translate(-50%, -50%) translate(${zoom.x + drag.x}px, ${zoom.y + drag.y}px) scale(${zoom.scale})`;
  const isPlayed = isPlayable(record) && picture.kind === "original";
  if (isPlayed && isUnplayable) return <UnplayableVideo record={record} name={name} />;
  if (isPlayed && picture.url)
    return (
      // Camera videos have no captions.
      <video
        src={picture.url}
        controls
        playsinline
        preload="metadata"
        aria-label={name}
        onError={() => setUnplayable(true)}
      />
    );
  if (picture.url && picture.size)
    return (
      <img
        src={picture.url}
        alt={name}
        draggable={false}
        style={{ width: `${fit.width}px`, height: `${fit.height}px`, transform }}
      />
    );
  if (record.thumbnail) return <LargeThumbnail record={record} name={name} />;
  if (picture.isLoading) return null;
  const codes = picture.problems.map(({ code }) => code);
  return (
    <p class="note" role="alert">
      {(codes.length ? codes : ["no_preview"]).map(reasonOf).join(" · ")}
    </p>
  );
}

/**
 * The cover of a video that the browser cannot play.
 * @param {{record: PhotoRecord, name: string}} props
 */
function UnplayableVideo({ record, name }) {
  const { url } = usePreview(canHavePreview(record, settings) ? record : null, "screen");
  return (
    <div class="unplayable">
      {url ? (
        <img src={url} alt={name} draggable={false} />
      ) : (
        record.thumbnail && <LargeThumbnail record={record} name={name} />
      )}
      <p class="note" role="alert">
        {reasonOf("not_played")}
      </p>
    </div>
  );
}

/** @param {{record: PhotoRecord, name: string}} props */
function LargeThumbnail({ record, name }) {
  const { width_pixels: photoWidth, height_pixels: photoHeight } = record.photo;
  const aspect = photoWidth && photoHeight ? photoWidth / photoHeight : 1.5;
  const room = {
    width: Math.min(innerWidth, THUMBNAIL_PIXELS),
    height: Math.min(innerHeight - 120, THUMBNAIL_PIXELS),
  };
  const { width, height } = fitSize({ width: aspect * 10_000, height: 10_000 }, room);
  return (
    <div class="small" style={{ width: `${width}px`, height: `${height}px` }}>
      <Thumbnail record={record} width={width} height={height} alt={name} />
    </div>
  );
}

/** @param {{record: PhotoRecord, picture: Picture}} props */
function Caption({ record, picture }) {
  if (isPlayable(record) && picture.kind === "original") return null;
  const { width_pixels: width, height_pixels: height } = record.photo;
  const pixels = (/** @type {number} */ w, /** @type {number} */ h) =>
    `${formatNumber(w)} × ${formatNumber(h)}`;
  const parts = [];
  if (picture.kind) {
    const label = SOURCE_LABELS[picture.kind];
    parts.push(
      picture.size ? `${label}, ${pixels(picture.size.width, picture.size.height)}` : label,
    );
  }
  if (picture.kind !== "original" && width && height) parts.push(`photo ${pixels(width, height)}`);
  if (picture.kind && picture.kind !== "original" && picture.problems.length)
    parts.push(reasonOf(picture.problems[0].code));
  return <p>{parts.join(" · ")}</p>;
}

/**
 * Go to the next photo every SLIDE_MS. The time counts from when a photo is shown.
 * @param {{id: string, isReady: boolean, next: string | undefined, goTo: (id: string | undefined) => void}} options
 */
function useSlideshow({ id, isReady, next, goTo }) {
  const [isRunning, setRunning] = useState(false);
  const latest = useRef({ next, goTo });
  latest.current = { next, goTo };
  const hasNext = Boolean(next);
  useEffect(() => {
    if (!isRunning || !isReady || !hasNext) return undefined;
    const timer = setTimeout(() => latest.current.goTo(latest.current.next), SLIDE_MS);
    return () => clearTimeout(timer);
  }, [isRunning, isReady, hasNext, id]);
  return { isRunning, toggle: () => setRunning((last) => !last) };
}
