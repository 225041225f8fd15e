/**
 * @file The photos that pass the filters, fetched page by page.
 *
 * Only the pages around the visible part are held. Of all others remain each photo's aspect ratio (4 bytes) and the
 * page's cursor, with which it is fetched again.
 * @import { Api, Pair, Photo, State } from "../core/types"
 */
import { isAborted, toProblem } from "../core/api.js";
import { useLayoutEffect, useState } from "../core/preact.js";
import { forgetScrollPositions } from "../core/scroll_positions.js";
import { filterParams } from "../core/url_state.js";

export const PAGE_SIZE = 100;
const HELD_PAGES = 24;
/** Of photos whose size is not known: most cameras take 3:2. */
const USUAL_ASPECT = 1.5;

/**
 * @typedef {object} Page
 * @property {string | undefined} cursor
 * @property {string | null} next the cursor of the page after it
 * @property {Photo[] | null} photos null: not held
 * @property {number} usedAt order of the last uses, for dropping the page that was used least recently
 * @property {boolean} isLoading
 */

export class PhotoPages {
  /**
   * @param {Api} api
   * @param {Pair[]} params filters and sort order
   */
  constructor(api, params) {
    this.api = api;
    this.params = params;
    this.count = 0;
    this.done = false;
    /** @type {import("../core/api.js").Problem | null} */
    this.error = null;
    this.loading = false;
    /** Counts the changes. */
    this.round = 0;
    /** @type {Page[]} */
    this.pages = [];
    this.aspects = new Float32Array(PAGE_SIZE);
    this.control = new AbortController();
    /** @type {Set<(round: number) => void>} */
    this.listeners = new Set();
    this.uses = 0;
  }

  /** Fetch the next page, unless one is being fetched or there is none. */
  async more() {
    if (this.loading || this.done || this.error) return;
    this.loading = true;
    const cursor = this.pages.at(-1)?.next ?? undefined;
    try {
      const { photos, next } = await this.fetch(cursor);
      this.pages.push({ cursor, next, photos, usedAt: ++this.uses, isLoading: false });
      this.noteAspects(photos);
      this.done = !next;
    } catch (error) {
      if (isAborted(error)) return;
      this.error = toProblem(error);
    }
    this.loading = false;
    this.changed();
  }

  /**
   * @param {string | undefined} cursor
   * @returns {Promise<{photos: Photo[], next: string | null}>}
   */
  fetch(cursor) {
    /** @type {Pair[]} */
    const params = [...this.params, ["limit", PAGE_SIZE]];
    if (cursor) params.push(["cursor", cursor]);
    return this.api.get("/photos", params, { signal: this.control.signal });
  }

  /** @param {Photo[]} photos */
  noteAspects(photos) {
    if (this.count + photos.length > this.aspects.length) {
      const larger = new Float32Array(this.aspects.length * 2 + PAGE_SIZE);
      larger.set(this.aspects);
      this.aspects = larger;
    }
    for (const photo of photos) this.aspects[this.count++] = aspectOf(photo);
  }

  /**
   * Return the photo at an index of the result; null while its page is being fetched.
   * @param {number} index
   */
  at(index) {
    const page = this.pages[Math.floor(index / PAGE_SIZE)];
    if (!page) return null;
    page.usedAt = ++this.uses;
    if (!page.photos) this.refetch(page);
    return page.photos?.[index % PAGE_SIZE] ?? null;
  }

  /** @param {Page} page */
  async refetch(page) {
    if (page.isLoading) return;
    page.isLoading = true;
    try {
      page.photos = (await this.fetch(page.cursor)).photos;
    } catch (error) {
      if (isAborted(error)) return;
      page.photos = []; // its tiles stay grey
    }
    page.isLoading = false;
    this.changed();
  }

  /**
   * Return the index of a photo that is held, else -1.
   * @param {string} id
   */
  indexOf(id) {
    for (const [at, { photos }] of this.pages.entries()) {
      const index = photos?.findIndex((photo) => photo.id === id) ?? -1;
      if (index >= 0) return at * PAGE_SIZE + index;
    }
    return -1;
  }

  changed() {
    const held = this.pages.filter((page) => page.photos);
    if (held.length > HELD_PAGES) {
      held.sort((one, other) => one.usedAt - other.usedAt);
      for (const page of held.slice(0, held.length - HELD_PAGES)) page.photos = null;
    }
    this.round += 1;
    for (const listener of this.listeners) listener(this.round);
  }

  retry() {
    this.error = null;
    this.more();
    this.changed();
  }

  end() {
    this.control.abort();
  }
}

/**
 * Width by height as the photo is shown. Panoramas are cropped.
 * @param {Photo} photo
 */
export function aspectOf({ photo: { width_pixels: width = 0, height_pixels: height = 0 } }) {
  return width > 0 && height > 0 ? Math.min(3.2, Math.max(0.45, width / height)) : USUAL_ASPECT;
}

// The result stays while a photo or another view is open, and is there at once afterwards.
/** @type {{key: string, pages: PhotoPages} | null} */
let current = null;

/** @param {State} state */
export function resultKey(state) {
  return JSON.stringify([filterParams(state.filters), state.sort]);
}

/**
 * Return the photos of a state.
 * @param {State} state
 * @param {Api} api
 */
export function usePhotoPages(state, api) {
  const key = resultKey(state);
  if (current?.key !== key) {
    current?.pages.end();
    const pages = new PhotoPages(api, [...filterParams(state.filters), ["sort", state.sort]]);
    current = { key, pages };
    forgetScrollPositions();
  }
  const { pages } = current;
  const [, setRound] = useState(0);
  // A layout effect, as in useRequest.
  useLayoutEffect(() => {
    pages.listeners.add(setRound);
    setRound(pages.round);
    if (!pages.count) pages.more();
    return () => void pages.listeners.delete(setRound);
  }, [pages]);
  return pages;
}

/** Forget the result, so that it is fetched again: after a token was entered, or on "Try again". */
export function forgetPages() {
  current?.pages.end();
  current = null;
}
