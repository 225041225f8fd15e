/**
 * @file Loads the best picture of a photo that this browser can show.
 * @import { Api, Photo } from "../core/types"
 * @import { SourceKind } from "../core/picture_sources.js"
 * @import { Size } from "./zoom.js"
 */
import { isAborted, photoPath, Problem, toProblem } from "../core/api.js";
import { isPlayable, sourcesOf } from "../core/picture_sources.js";
import { useEffect, useState } from "../core/preact.js";
import { fetchPreview } from "../core/previews.js";
import { settings } from "../core/settings.js";

/**
 * @typedef {object} Picture
 * @property {SourceKind | null} kind null while loading, and if there is no picture
 * @property {string | null} url null for a thumbnail, which has its own component
 * @property {Size | null} size in pixels of the file
 * @property {Problem[]} problems why better pictures could not be shown
 * @property {boolean} isLoading
 */

/** @type {Readonly<Picture>} */
const LOADING = Object.freeze({ kind: null, url: null, size: null, problems: [], isLoading: true });

/**
 * @param {Photo | null} record
 * @param {Api} api
 * @returns {Picture}
 */
export function usePicture(record, api) {
  const [result, setResult] = useState({ key: "", picture: /** @type {Picture} */ (LOADING) });
  const key = record ? `${record.id} ${record.etag ?? ""}` : "";
  useEffect(() => {
    if (!record) return undefined;
    const controller = new AbortController();
    /** @type {string[]} */
    const blobs = [];
    findPicture(record, api, controller.signal, blobs).then(
      (picture) => {
        if (!controller.signal.aborted) setResult({ key, picture });
      },
      () => {}, // aborted
    );
    return () => {
      controller.abort();
      for (const url of blobs) URL.revokeObjectURL(url);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- key stands for the record
  }, [key]);
  return result.key === key && record ? result.picture : LOADING;
}

/**
 * Try the pictures of a photo, best first.
 * @param {Photo} record
 * @param {Api} api
 * @param {AbortSignal} signal
 * @param {string[]} blobs receives the blob URLs, which the caller has to revoke
 * @returns {Promise<Picture>}
 */
async function findPicture(record, api, signal, blobs) {
  /** @type {Problem[]} */
  const problems = [];
  for (const kind of sourcesOf(record, settings)) {
    if (kind === "thumbnail") return { kind, url: null, size: null, problems, isLoading: false };
    try {
      let url;
      if (kind === "original") {
        ({ url } = await api.get(`${photoPath(record.id)}/original`, null, { signal }));
        // The <video> element shows whether the browser can play a video.
        if (isPlayable(record)) return { kind, url, size: null, problems, isLoading: false };
      } else {
        url = URL.createObjectURL(await fetchPreview(record, "screen", signal));
        blobs.push(url);
      }
      return { kind, url, size: await measure(url, signal), problems, isLoading: false };
    } catch (error) {
      if (isAborted(error) || signal.aborted) throw error;
      problems.push(toProblem(error));
    }
  }
  return { kind: null, url: null, size: null, problems, isLoading: false };
}

/**
 * Load a picture and return its size as shown.
 * @param {string} url
 * @param {AbortSignal} signal
 * @returns {Promise<Size>}
 */
async function measure(url, signal) {
  const image = new Image();
  const stop = () => (image.src = "");
  signal.addEventListener("abort", stop, { once: true });
  image.src = url;
  try {
    await image.decode();
  } catch {
    throw new Problem({ code: "not_shown", detail: "This browser cannot show the picture." });
  } finally {
    signal.removeEventListener("abort", stop);
  }
  return { width: image.naturalWidth, height: image.naturalHeight };
}
