/**
 * @file Fetches and caches the records of the single photos on the map, without their tags, many in one request.
 * @import { Api, Photo } from "../core/types"
 */

// Limits for one request, because the length of URLs and of the API's parameter `query` is limited.
const MAX_IDS = 100;
const MAX_QUERY_CHARACTERS = 6000;
// At most this many photos are fetched for a view of the map. The others have markers without a thumbnail.
const MAX_PHOTOS_IN_VIEW = 300;
const MAX_CACHED_PHOTOS = 3000;

/** @type {Map<string, Photo>} */
const cache = new Map();
/** @type {Set<() => void>} */
const listeners = new Set();

/**
 * Call `onPhoto` once, as soon as the summary of a photo is in the cache.
 * @param {string} id
 * @param {(photo: Photo) => void} onPhoto
 * @returns {() => void} a function that stops waiting
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
 * Return as many of the first ids as fit in one request, but at least one.
 * @param {readonly string[]} ids
 */
export function firstChunk(ids) {
  let length = 0;
  const end = ids.findIndex((id, index) => {
    // In the URL, each id has percent-encoded quotes around it and a comma after it.
    length += encodeURIComponent(id).length + 10;
    return index >= MAX_IDS || (index > 0 && length > MAX_QUERY_CHARACTERS);
  });
  return end < 0 ? [...ids] : ids.slice(0, end);
}

/**
 * Fetch summaries. Call `onPhotos` for each response, with the photos by id.
 * @param {Api} api
 * @param {string[]} ids
 * @param {(photos: Record<string, Photo>) => void} onPhotos
 * @param {AbortSignal} signal
 */
export async function fetchSummaries(api, ids, onPhotos, signal) {
  const cached = ids.flatMap((id) => cache.get(id) ?? []);
  if (cached.length) onPhotos(byId(cached));
  let missing = ids.filter((id) => !cache.has(id)).slice(0, MAX_PHOTOS_IN_VIEW);
  while (missing.length) {
    const chunk = firstChunk(missing);
    missing = missing.slice(chunk.length);
    const params = { query: JSON.stringify({ _id: { $in: chunk } }), limit: chunk.length };
    /** @type {Photo[]} */
    let photos;
    try {
      ({ photos } = await api.get("/photos", params, { signal }));
    } catch {
      return; // the markers work without thumbnails
    }
    if (cache.size > MAX_CACHED_PHOTOS) cache.clear();
    for (const photo of photos) cache.set(photo.id, photo);
    onPhotos(byId(photos));
    for (const listener of listeners) listener();
  }
}

/** @param {readonly Photo[]} photos */
const byId = (photos) => Object.fromEntries(photos.map((photo) => [photo.id, photo]));
