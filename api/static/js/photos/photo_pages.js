/**
 * @file Fetches the photos that match the filters, page by page.
 *
 * Only the photos of the recently used pages are kept in memory. Of the other pages, only each photo's aspect ratio
 * and day (8 bytes) and the page's cursor are kept. With the cursor, the page can be fetched again.
 * @import { Api, Pair, State } from "../core/types"
 * @import { Page } from "./page_cache.js"
 */
import { isAborted, toProblem } from "../core/api.js";
import { useLayoutEffect, useState } from "../core/preact.js";
import { clearScrollPositions } from "../core/scroll_positions.js";
import { shownParams } from "../core/url_state.js";
import { PageCache } from "./page_cache.js";
import { PAGE_SIZE, PageRequests } from "./page_requests.js";
import { PhotoShapes } from "./photo_shapes.js";

/** The photos that match the filters, as far as they have been fetched: an interval of the whole list. */
export class PhotoPages {
  /**
   * @param {Api} api
   * @param {Pair[]} params filters and sort order
   * @param {{start?: string | null, base?: number}} [options] start: the month with which the fetched photos begin, or
   *   "none" for the photos without a date; by default, they begin with the list. base: see the property
   */
  constructor(api, params, { start = null, base = 0 } = {}) {
    this.requests = new PageRequests(api, params, start);
    this.cache = new PageCache();
    this.shapes = new PhotoShapes();
    /** Number of photos in the list before those fetched. It may be outdated or an estimate. */
    this.base = base;
    /** Whether there may be photos before those fetched. */
    this.hasPrevious = start !== null;
    /** Whether all pages have been fetched. */
    this.isComplete = false;
    /**
     * The ends of the interval at which a page is being fetched.
     * @type {Set<"previous" | "next">}
     */
    this.fetching = new Set();
    /**
     * The photos that will replace these ones; see jumpTo.
     * @type {PhotoPages | null}
     */
    this.successor = null;
    /**
     * Number of photos that matched when they were loaded, as far as it is known; see new_photos.jsx.
     * @type {number | null}
     */
    this.total = null;
    this.changes = new Changes();
  }

  get params() {
    return this.requests.params;
  }

  get start() {
    return this.requests.start;
  }

  get error() {
    return this.requests.error;
  }

  /** Whether the next page is being fetched. */
  get loading() {
    return this.fetching.has("next");
  }

  /** Number of photos fetched so far. */
  get count() {
    return this.shapes.count;
  }

  get aspects() {
    return this.shapes.aspects;
  }

  get days() {
    return this.shapes.days;
  }

  /** Number of photos that were inserted before those fetched first. */
  get inserted() {
    return this.cache.inserted;
  }

  get version() {
    return this.changes.version;
  }

  /** Fetch the next page, unless a fetch is in progress or there are no more pages. */
  async loadMore() {
    if (this.loading || this.isComplete || this.error) return;
    this.fetching.add("next");
    const cursor = this.cache.next;
    try {
      const { photos, next } = await this.requests.fetch(cursor);
      this.cache.append(cursor, next, photos);
      this.shapes.append(photos);
      this.isComplete = !next;
    } catch (error) {
      if (isAborted(error)) return;
      this.fail(error);
    }
    this.fetching.delete("next");
    this.trimAndNotify();
  }

  /** Fetch the page before the first one, unless a fetch is in progress or there are no more pages. */
  async loadPrevious() {
    const before = this.cache.firstId;
    if (this.fetching.has("previous") || !this.hasPrevious || this.error || !before) return;
    this.fetching.add("previous");
    try {
      const { photos } = await this.requests.fetch(undefined, before);
      this.hasPrevious = photos.length === PAGE_SIZE;
      if (photos.length) {
        this.cache.prepend(photos);
        this.shapes.prepend(photos);
        this.base -= photos.length;
      }
    } catch (error) {
      if (isAborted(error)) return;
      // If the first photo was deleted, its place is unknown.
      if (toProblem(error).code === "not_found") {
        jumpTo(this, this.start, this.base + this.inserted);
      } else this.fail(error);
    }
    this.fetching.delete("previous");
    this.trimAndNotify();
  }

  /**
   * Store an error. If its cause may end by itself, fetch again later.
   * @param {unknown} error
   */
  fail(error) {
    this.requests.error = toProblem(error);
    this.requests.scheduleRetry(error, () => this.retry());
  }

  /**
   * Return the photo at an index of the result, or null if it is not in memory. If its page has been dropped, fetch the
   * page again.
   * @param {number} index
   */
  at(index) {
    const { page, place } = this.cache.find(index);
    if (page && !page.photos) this.refetch(page);
    return page?.photos?.[place] ?? null;
  }

  /** @param {Page} page */
  async refetch(page) {
    if (page.isLoading) return;
    page.isLoading = true;
    try {
      page.photos = (await this.requests.fetch(page.cursor, page.before)).photos;
    } catch (error) {
      if (isAborted(error)) return;
      const retry = () => {
        page.isLoading = false;
        this.trimAndNotify();
      };
      if (this.requests.scheduleRetry(error, retry)) return;
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
    return this.cache.indexOf(id);
  }

  /** Drop the photos of the least recently used pages, and notify the listeners of a change. */
  trimAndNotify() {
    this.cache.trim();
    this.changes.notify();
  }

  /** Fetch again after an error. */
  retry() {
    if (this.requests.isAborted || !this.error) return;
    this.requests.error = null;
    this.loadMore();
    this.trimAndNotify();
  }

  /** Abort all requests. */
  abort() {
    this.requests.abort();
    this.successor?.abort();
  }
}

/** Tells listeners about changes. */
class Changes {
  constructor() {
    /** Increases with every change. */
    this.version = 0;
    /** @type {Set<(version: number) => void>} */
    this.listeners = new Set();
  }

  notify() {
    this.version += 1;
    this.tell(this.version);
  }

  /** @param {number} version */
  tell(version) {
    for (const listener of this.listeners) listener(version);
  }
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
  return JSON.stringify([shownParams(state), state.sort]);
}

/**
 * Fetch the photos from a month on. When they have arrived, replace the photos of the view by them. The latest call
 * wins.
 * @param {PhotoPages} pages
 * @param {string | null} start a month, "none" for the photos without a date, or null for the beginning of the list
 * @param {number} base number of photos before the month
 */
export async function jumpTo(pages, start, base) {
  pages.successor?.abort();
  const successor = new PhotoPages(pages.requests.api, pages.params, { start, base });
  pages.successor = successor;
  await successor.loadMore();
  if (successor.requests.isAborted || current?.pages !== pages) return;
  // The last photos of the list may have been deleted.
  if (start && successor.isComplete && !successor.count) {
    await jumpTo(pages, null, 0);
    return;
  }
  successor.total = pages.total;
  successor.changes.version += pages.version;
  pages.successor = null;
  pages.abort();
  current = { key: current.key, pages: successor };
  clearScrollPositions();
  pages.changes.tell(successor.version);
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
    const pages = new PhotoPages(api, [...shownParams(state), ["sort", state.sort]]);
    current = { key, pages };
    clearScrollPositions();
  }
  const { pages } = current;
  const [, setVersion] = useState(0);
  // Use a layout effect: a plain effect would send the request only after the next paint.
  useLayoutEffect(() => {
    pages.changes.listeners.add(setVersion);
    setVersion(pages.version);
    if (!pages.count) pages.loadMore();
    return () => void pages.changes.listeners.delete(setVersion);
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
