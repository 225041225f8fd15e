/**
 * @file Fetches the photos that match the filters, page by page.
 *
 * Only the photos of the recently used pages are kept in memory. Of the other pages, only each photo's aspect ratio
 * and day (8 bytes) and the page's cursor are kept. With the cursor, the page can be fetched again.
 * @import { Api, Pair, Photo, State } from "../core/types"
 */
import { isAborted, toProblem } from "../core/api.js";
import { useLayoutEffect, useState } from "../core/preact.js";
import { scheduleRetry } from "../core/recovery.js";
import { clearScrollPositions } from "../core/scroll_positions.js";
import { filterParams } from "../core/url_state.js";
import { dayNumber } from "./date_headings.js";

export const PAGE_SIZE = 100;
const MAX_PAGES_IN_MEMORY = 24;
/** Aspect ratio for photos of unknown size: that of most cameras. */
const DEFAULT_ASPECT = 1.5;

/**
 * @typedef {object} Page
 * @property {string | undefined} cursor cursor of the page; undefined for the first
 * @property {string} [before] id of the photo that follows the page, if the page was fetched upwards
 * @property {string | null} next cursor of the next page; null if there is none
 * @property {Photo[] | null} photos null: dropped from memory
 * @property {number} lastUse number of the page's latest use; higher numbers are more recent
 * @property {boolean} isLoading whether the page is being fetched again
 */

/** The photos that match the filters, as far as they have been fetched: an interval of the whole list. */
export class PhotoPages {
  /**
   * @param {Api} api
   * @param {Pair[]} params filters and sort order
   * @param {{start?: string | null, base?: number}} [options] start: the month with which the fetched photos begin, or
   *   "none" for the photos without a date; by default, they begin with the list. base: see the property
   */
  constructor(api, params, { start = null, base = 0 } = {}) {
    this.api = api;
    this.params = params;
    this.start = start;
    /** Number of photos in the list before those fetched. It may be outdated or an estimate. */
    this.base = base;
    /** Whether there may be photos before those fetched. */
    this.hasPrevious = start !== null;
    /** Whether the page before those fetched is being fetched. */
    this.loadingPrevious = false;
    /** Number of photos that were inserted before those fetched first. */
    this.inserted = 0;
    /** Id of the first photo. */
    this.firstId = "";
    /**
     * The photos that will replace these ones; see jumpTo.
     * @type {PhotoPages | null}
     */
    this.successor = null;
    /** Number of photos fetched so far. */
    this.count = 0;
    /** Whether all pages have been fetched. */
    this.isComplete = false;
    /** @type {import("../core/api.js").Problem | null} */
    this.error = null;
    /** How often pages were fetched again after errors, since the latest success. */
    this.retries = 0;
    /** Whether the next page is being fetched. */
    this.loading = false;
    /** Increases with every change. */
    this.version = 0;
    /** @type {Page[]} */
    this.pages = [];
    /** Aspect ratios of all photos; only the first `count` are set. */
    this.aspects = new Float32Array(PAGE_SIZE);
    /** Days of all photos, as numbers; see dayNumber. */
    this.days = new Uint32Array(PAGE_SIZE);
    this.controller = new AbortController();
    /** @type {Set<(version: number) => void>} */
    this.listeners = new Set();
    /**
     * Number of photos that matched when they were loaded, as far as it is known; see new_photos.jsx.
     * @type {number | null}
     */
    this.total = null;
    /** Number of the latest use of a page. */
    this.lastUseNumber = 0;
  }

  /** Fetch the next page, unless a fetch is in progress or there are no more pages. */
  async loadMore() {
    if (this.loading || this.isComplete || this.error) return;
    this.loading = true;
    const cursor = this.pages.at(-1)?.next ?? undefined;
    try {
      const { photos, next } = await this.fetch(cursor);
      this.pages.push({ cursor, next, photos, lastUse: ++this.lastUseNumber, isLoading: false });
      this.firstId ||= photos[0]?.id ?? "";
      this.addLayoutData(photos);
      this.isComplete = !next;
      this.retries = 0;
    } catch (error) {
      if (isAborted(error)) return;
      this.error = toProblem(error);
      scheduleRetry(this.error, this.retries++, () => this.retry());
    }
    this.loading = false;
    this.trimAndNotify();
  }

  /** Fetch the page before the first one, unless a fetch is in progress or there are no more pages. */
  async loadPrevious() {
    if (this.loadingPrevious || !this.hasPrevious || this.error || !this.firstId) return;
    this.loadingPrevious = true;
    const before = this.firstId;
    try {
      const { photos } = await this.fetch(undefined, before);
      this.retries = 0;
      this.hasPrevious = photos.length === PAGE_SIZE;
      if (photos.length) {
        const page = { cursor: undefined, before, next: null, photos, isLoading: false };
        this.pages.unshift({ ...page, lastUse: ++this.lastUseNumber });
        this.insertLayoutData(photos);
      }
    } catch (error) {
      if (isAborted(error)) return;
      const problem = toProblem(error);
      // If the first photo was deleted, its place is unknown.
      if (problem.code === "not_found") jumpTo(this, this.start, this.base + this.inserted);
      else {
        this.error = problem;
        scheduleRetry(problem, this.retries++, () => this.retry());
      }
    }
    this.loadingPrevious = false;
    this.trimAndNotify();
  }

  /**
   * Fetch a page: the first one, that of a cursor, or the one before a photo.
   * @param {string | undefined} cursor
   * @param {string} [before] id of the photo
   * @returns {Promise<{photos: Photo[], next: string | null}>}
   */
  fetch(cursor, before) {
    /** @type {Pair[]} */
    const params = [...this.params, ["limit", PAGE_SIZE]];
    if (before) params.push(["before", before]);
    else if (cursor) params.push(["cursor", cursor]);
    else if (this.start) params.push(["start", this.start]);
    return this.api.get("/photos", params, { signal: this.controller.signal });
  }

  /**
   * Append the aspect ratios and days of photos. Double the arrays if they are full.
   * @param {Photo[]} photos
   */
  addLayoutData(photos) {
    if (this.count + photos.length > this.aspects.length) {
      const length = this.aspects.length * 2 + PAGE_SIZE;
      const [aspects, days] = [new Float32Array(length), new Uint32Array(length)];
      aspects.set(this.aspects);
      days.set(this.days);
      Object.assign(this, { aspects, days });
    }
    for (const photo of photos) {
      this.aspects[this.count] = aspectOf(photo);
      this.days[this.count] = dayNumber(photo);
      this.count += 1;
    }
  }

  /**
   * Insert the aspect ratios and days of photos before the others.
   * @param {Photo[]} photos
   */
  insertLayoutData(photos) {
    const { aspects, days, count } = this;
    const length = count + photos.length + PAGE_SIZE;
    Object.assign(this, {
      aspects: new Float32Array(length),
      days: new Uint32Array(length),
      count: 0,
    });
    this.addLayoutData(photos);
    this.aspects.set(aspects.subarray(0, count), photos.length);
    this.days.set(days.subarray(0, count), photos.length);
    this.count += count;
    this.base -= photos.length;
    this.inserted += photos.length;
    this.firstId = photos[0].id;
  }

  /**
   * Return the number of places in the first page without a photo. The first page of the list may have fewer photos
   * than the others.
   */
  get emptyPlaces() {
    return (PAGE_SIZE - (this.inserted % PAGE_SIZE)) % PAGE_SIZE;
  }

  /**
   * Return the photo at an index of the result, or null if it is not in memory. If its page has been dropped, fetch the
   * page again.
   * @param {number} index
   */
  at(index) {
    const place = index + this.emptyPlaces;
    const page = this.pages[Math.floor(place / PAGE_SIZE)];
    if (!page || index < 0) return null;
    page.lastUse = ++this.lastUseNumber;
    if (!page.photos) this.refetch(page);
    const isFirst = place < PAGE_SIZE;
    return page.photos?.[isFirst ? index : place % PAGE_SIZE] ?? null;
  }

  /** @param {Page} page */
  async refetch(page) {
    if (page.isLoading) return;
    page.isLoading = true;
    try {
      page.photos = (await this.fetch(page.cursor, page.before)).photos;
      this.retries = 0;
    } catch (error) {
      if (isAborted(error)) return;
      const retry = () => {
        page.isLoading = false;
        this.trimAndNotify();
      };
      if (scheduleRetry(toProblem(error), this.retries++, retry)) return;
      page.photos = []; // the places of these photos stay empty
    }
    page.isLoading = false;
    this.trimAndNotify();
  }

  /**
   * Return the index of a photo in the result, or -1 if the photo is not in memory.
   * @param {string} id
   */
  indexOf(id) {
    for (const [pageIndex, { photos }] of this.pages.entries()) {
      const index = photos?.findIndex((photo) => photo.id === id) ?? -1;
      if (index >= 0) return pageIndex ? pageIndex * PAGE_SIZE + index - this.emptyPlaces : index;
    }
    return -1;
  }

  /** Drop the photos of the least recently used pages, and notify the listeners of a change. */
  trimAndNotify() {
    const loaded = this.pages.filter((page) => page.photos);
    if (loaded.length > MAX_PAGES_IN_MEMORY) {
      loaded.sort((a, b) => a.lastUse - b.lastUse);
      for (const page of loaded.slice(0, loaded.length - MAX_PAGES_IN_MEMORY)) page.photos = null;
    }
    this.version += 1;
    for (const listener of this.listeners) listener(this.version);
  }

  /** Fetch again after an error. */
  retry() {
    if (this.controller.signal.aborted || !this.error) return;
    this.error = null;
    this.loadMore();
    this.trimAndNotify();
  }

  /** Abort all requests. */
  abort() {
    this.controller.abort();
    this.successor?.abort();
  }
}

/**
 * Return the aspect ratio (width divided by height) at which a photo is shown. Very wide and very tall photos are
 * cropped.
 * @param {Photo} photo
 */
export function aspectOf({ photo: { width_pixels: width = 0, height_pixels: height = 0 } }) {
  return width > 0 && height > 0 ? Math.min(3.2, Math.max(0.45, width / height)) : DEFAULT_ASPECT;
}

// The photos of the current result. They are kept outside the component, so that they are still there when the user
// returns from another view.
/** @type {{key: string, pages: PhotoPages} | null} */
let current = null;

/**
 * Return a text that identifies the result: the filters and the sort order.
 * @param {State} state
 */
export function resultKey(state) {
  return JSON.stringify([filterParams(state.filters), state.sort]);
}

/**
 * Replace the photos of the view by those from a month on. They are replaced when the new ones have arrived. The latest
 * call wins.
 * @param {PhotoPages} pages
 * @param {string | null} start a month, "none" for the photos without a date, or null for the beginning of the list
 * @param {number} base number of photos before the month
 */
export async function jumpTo(pages, start, base) {
  pages.successor?.abort();
  const successor = new PhotoPages(pages.api, pages.params, { start, base });
  pages.successor = successor;
  await successor.loadMore();
  if (successor.controller.signal.aborted || current?.pages !== pages) return;
  // The last photos of the list may have been deleted.
  if (start && successor.isComplete && !successor.count) {
    await jumpTo(pages, null, 0);
    return;
  }
  successor.total = pages.total;
  successor.version += pages.version;
  pages.successor = null;
  pages.abort();
  current = { key: current.key, pages: successor };
  clearScrollPositions();
  for (const listener of pages.listeners) listener(successor.version);
}

/**
 * Return the photos that match the filters of a state, and render again when they change.
 * @param {State} state
 * @param {Api} api
 * @param {{fromBeginning?: boolean}} [options] fromBeginning: whether the view needs the list from its beginning
 */
export function usePhotoPages(state, api, { fromBeginning = false } = {}) {
  const key = resultKey(state);
  if (current?.key !== key || (fromBeginning && current.pages.hasPrevious)) {
    current?.pages.abort();
    const pages = new PhotoPages(api, [...filterParams(state.filters), ["sort", state.sort]]);
    current = { key, pages };
    clearScrollPositions();
  }
  const { pages } = current;
  const [, setVersion] = useState(0);
  // Use a layout effect: a plain effect would send the request only after the next paint.
  useLayoutEffect(() => {
    pages.listeners.add(setVersion);
    setVersion(pages.version);
    if (!pages.count) pages.loadMore();
    return () => void pages.listeners.delete(setVersion);
  }, [pages]);
  return pages;
}

/** Return the photos of the view, or null. */
export const currentPages = () => current?.pages ?? null;

/** Drop all photos, so that the next view fetches them again. */
export function dropPages() {
  current?.pages.abort();
  current = null;
}
