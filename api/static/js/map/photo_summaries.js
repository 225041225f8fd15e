/**
 * @file Fetches and caches summaries of the single photos on the map, many per request.
 * @import { Api, Photo } from "../core/types"
 */

// Limits per request. URLs and the API's `query` are limited in length.
const MAX_IDS = 100;
const MAX_QUERY_CHARACTERS = 6000;
// Limit per view.
const MAX_PHOTOS = 300;
const MAX_CACHED = 3000;

/** @type {Map<string, Photo>} */
const cache = new Map();
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
    const photo = cache.get(id);
    if (!photo) return;
    listeners.delete(listener);
    onPhoto(photo);
  };
  listeners.add(listener);
  listener();
  return () => void listeners.delete(listener);
}

/**
 * Return the first ids, as many as fit in one request, but at least one.
 * @param {readonly string[]} ids
 */
export function firstBatch(ids) {
  let length = 0;
  const end = ids.findIndex((id, index) => {
    // Quotes and a comma, percent-encoded, surround each id.
    length += encodeURIComponent(id).length + 10;
    return index >= MAX_IDS || (index > 0 && length > MAX_QUERY_CHARACTERS);
  });
  return end < 0 ? [...ids] : ids.slice(0, end);
}

/**
 * Fetch summaries, and pass them to `onPhotos` by id as they arrive.
 * @param {Api} api
 * @param {string[]} ids
 * @param {(photos: Record<string, Photo>) => void} onPhotos
 * @param {AbortSignal} signal
 */
export async function fetchSummaries(api, ids, onPhotos, signal) {
  const cached = ids.flatMap((id) => cache.get(id) ?? []);
  if (cached.length) onPhotos(byId(cached));
  let missing = ids.filter((id) => !cache.has(id)).slice(0, MAX_PHOTOS);
  while (missing.length) {
    const batch = firstBatch(missing);
    missing = missing.slice(batch.length);
    const params = { query: JSON.stringify({ _id: { $in: batch } }), limit: batch.length };
    /** @type {Photo[]} */
    let photos;
    try {
      ({ photos } = await api.get("/photos", params, { signal }));
    } catch {
      return; // the markers work without thumbnails
    }
    if (cache.size > MAX_CACHED) cache.clear();
    for (const photo of photos) cache.set(photo.id, photo);
    onPhotos(byId(photos));
    for (const listener of listeners) listener();
  }
}

/** @param {readonly Photo[]} photos */
const byId = (photos) => Object.fromEntries(photos.map((photo) => [photo.id, photo]));
