/**
 * @file Summaries of the single photos on the map, fetched many at a time.
 * @import { Api, Photo } from "../core/types"
 */

// Of one request: addresses have a limit, and so has the API's `query`.
const MAX_IDS = 100;
const MAX_QUERY_CHARS = 6000;
// Of one view, and in memory.
const MAX_PHOTOS = 300;
const MAX_KEPT = 3000;

/** @type {Map<string, Photo>} */
const kept = new Map();
/** @type {Set<() => void>} */
const listeners = new Set();

/**
 * Call `onPhoto` once the summary of a photo is known.
 * @param {string} id
 * @param {(photo: Photo) => void} onPhoto
 * @returns {() => void} stops waiting
 */
export function whenSummaryKnown(id, onPhoto) {
  const listener = () => {
    const photo = kept.get(id);
    if (!photo) return;
    listeners.delete(listener);
    onPhoto(photo);
  };
  listeners.add(listener);
  listener();
  return () => void listeners.delete(listener);
}

/**
 * Take as many ids as fit in one request, at least one.
 * @param {readonly string[]} ids
 */
export function takePart(ids) {
  let length = 0;
  const end = ids.findIndex((id, at) => {
    length += encodeURIComponent(id).length + 10;
    return at >= MAX_IDS || (at > 0 && length > MAX_QUERY_CHARS);
  });
  return end < 0 ? [...ids] : ids.slice(0, end);
}

/**
 * Fetch summaries, and hand them over by id as they arrive.
 * @param {Api} api
 * @param {string[]} ids
 * @param {(photos: Record<string, Photo>) => void} onPhotos
 * @param {AbortSignal} signal
 */
export async function fetchSummaries(api, ids, onPhotos, signal) {
  const known = ids.flatMap((id) => kept.get(id) ?? []);
  if (known.length) onPhotos(byId(known));
  let missing = ids.filter((id) => !kept.has(id)).slice(0, MAX_PHOTOS);
  while (missing.length) {
    const part = takePart(missing);
    missing = missing.slice(part.length);
    const params = { query: JSON.stringify({ _id: { $in: part } }), limit: part.length };
    /** @type {Photo[]} */
    let photos;
    try {
      ({ photos } = await api.get("/photos", params, { signal }));
    } catch {
      return; // the markers stay without thumbnails, and open their photos
    }
    if (kept.size > MAX_KEPT) kept.clear();
    for (const photo of photos) kept.set(photo.id, photo);
    onPhotos(byId(photos));
    for (const listener of listeners) listener();
  }
}

/** @param {readonly Photo[]} photos */
const byId = (photos) => Object.fromEntries(photos.map((photo) => [photo.id, photo]));
