/**
 * @file Fetches the photos that match the filters, page by page.
 *
 * Only the recently used pages are kept in memory. The others are reduced to the aspect ratio of each photo (4 bytes)
 * and the page's cursor, with which the page can be fetched again.
 * @import { Api, Pair, Photo, State } from "../core/types"
 */
import { isAborted, toProblem } from "../core/api.js";
import { useLayoutEffect, useState } from "../core/preact.js";
import { clearScrollPositions } from "../core/scroll_positions.js";
import { filterParams } from "../core/url_state.js";

export const PAGE_SIZE = 100;
const MAX_PAGES_IN_MEMORY = 24;
/** For photos of unknown size. Most cameras take 3:2 photos. */
const DEFAULT_ASPECT = 1.5;

/**
 * @typedef {object} Page
 * @property {string | undefined} cursor
 * @property {string | null} next cursor of the next page
 * @property {Photo[] | null} photos null: dropped from memory
 * @property {number} lastUse orders the pages by their latest use
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
    /** Increases with every change. */
    this.version = 0;
    /** @type {Page[]} */
    this.pages = [];
    this.aspects = new Float32Array(PAGE_SIZE);
    this.controller = new AbortController();
    /** @type {Set<(version: number) => void>} */
    this.listeners = new Set();
    this.useCount = 0;
  }

  /** Fetch the next page, unless a fetch is in progress or there are no more pages. */
  async loadMore() {
    if (this.loading || this.done || this.error) return;
    this.loading = true;
    const cursor = this.pages.at(-1)?.next ?? undefined;
    try {
      const { photos, next } = await this.fetch(cursor);
      this.pages.push({ cursor, next, photos, lastUse: ++this.useCount, isLoading: false });
      this.addAspects(photos);
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
    return this.api.get("/photos", params, { signal: this.controller.signal });
  }

  /** @param {Photo[]} photos */
  addAspects(photos) {
    if (this.count + photos.length > this.aspects.length) {
      const larger = new Float32Array(this.aspects.length * 2 + PAGE_SIZE);
      larger.set(this.aspects);
      this.aspects = larger;
    }
    for (const photo of photos) this.aspects[this.count++] = aspectOf(photo);
  }

  /**
   * Return the photo at an index of the result; null while its page is loading.
   * @param {number} index
   */
  at(index) {
    const page = this.pages[Math.floor(index / PAGE_SIZE)];
    if (!page) return null;
    page.lastUse = ++this.useCount;
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
      page.photos = []; // its tiles stay empty
    }
    page.isLoading = false;
    this.changed();
  }

  /**
   * Return the index of a photo; -1 if it is not in memory.
   * @param {string} id
   */
  indexOf(id) {
    for (const [pageIndex, { photos }] of this.pages.entries()) {
      const index = photos?.findIndex((photo) => photo.id === id) ?? -1;
      if (index >= 0) return pageIndex * PAGE_SIZE + index;
    }
    return -1;
  }

  /** Drop the least recently used pages, and notify the listeners. */
  changed() {
    const loaded = this.pages.filter((page) => page.photos);
    if (loaded.length > MAX_PAGES_IN_MEMORY) {
      loaded.sort((a, b) => a.lastUse - b.lastUse);
      for (const page of loaded.slice(0, loaded.length - MAX_PAGES_IN_MEMORY)) page.photos = null;
    }
    this.version += 1;
    for (const listener of this.listeners) listener(this.version);
  }

  retry() {
    this.error = null;
    this.loadMore();
    this.changed();
  }

  abort() {
    this.controller.abort();
  }
}

/**
 * Return the ratio of width to height at which a photo is shown. Panoramas are cropped.
 * @param {Photo} photo
 */
export function aspectOf({ photo: { width_pixels: width = 0, height_pixels: height = 0 } }) {
  return width > 0 && height > 0 ? Math.min(3.2, Math.max(0.45, width / height)) : DEFAULT_ASPECT;
}

// Module state, so that the photos are still there after a visit to another view.
/** @type {{key: string, pages: PhotoPages} | null} */
let current = null;

/** @param {State} state */
export function resultKey(state) {
  return JSON.stringify([filterParams(state.filters), state.sort]);
}

/**
 * Return the photos that match the filters of a state.
 * @param {State} state
 * @param {Api} api
 */
export function usePhotoPages(state, api) {
  const key = resultKey(state);
  if (current?.key !== key) {
    current?.pages.abort();
    const pages = new PhotoPages(api, [...filterParams(state.filters), ["sort", state.sort]]);
    current = { key, pages };
    clearScrollPositions();
  }
  const { pages } = current;
  const [, setVersion] = useState(0);
  // A layout effect, because a plain effect would send the request one paint later.
  useLayoutEffect(() => {
    pages.listeners.add(setVersion);
    setVersion(pages.version);
    if (!pages.count) pages.loadMore();
    return () => void pages.listeners.delete(setVersion);
  }, [pages]);
  return pages;
}

/** Drop the photos, so that they are fetched again: after the user entered a token or pressed "Try again". */
export function dropPages() {
  current?.pages.abort();
  current = null;
}
