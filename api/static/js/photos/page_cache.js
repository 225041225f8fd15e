/**
 * @file Keeps the photos of the recently used pages in memory.
 * @import { Photo } from "../core/types"
 */
import { PAGE_SIZE } from "./page_requests.js";

const MAX_PAGES_IN_MEMORY = 24;

/**
 * @typedef {object} Page
 * @property {string | undefined} cursor cursor of the page; undefined for the first
 * @property {string} [before] id of the photo that follows the page, if the page was fetched upwards
 * @property {string | null} next cursor of the next page; null if there is none
 * @property {Photo[] | null} photos null: dropped from memory
 * @property {number} lastUse number of the page's latest use; higher numbers are more recent
 * @property {boolean} isLoading whether the page is being fetched again
 */

/** The pages that have been fetched, which follow one another. */
export class PageCache {
  constructor() {
    /** @type {Page[]} */
    this.pages = [];
    /** Id of the first photo. */
    this.firstId = "";
    /** Number of photos that were inserted before those fetched first. */
    this.inserted = 0;
    /** Number of the latest use of a page. */
    this.lastUseNumber = 0;
  }

  /** Cursor of the page after those fetched; undefined if there is none. */
  get next() {
    return this.pages.at(-1)?.next ?? undefined;
  }

  /**
   * Add a page after the others.
   * @param {string | undefined} cursor
   * @param {string | null} next
   * @param {Photo[]} photos
   */
  append(cursor, next, photos) {
    this.pages.push({ cursor, next, photos, lastUse: ++this.lastUseNumber, isLoading: false });
    this.firstId ||= photos[0]?.id ?? "";
  }

  /**
   * Insert a page before the others.
   * @param {Photo[]} photos at least one
   */
  prepend(photos) {
    const page = { cursor: undefined, before: this.firstId, next: null, photos, isLoading: false };
    this.pages.unshift({ ...page, lastUse: ++this.lastUseNumber });
    this.inserted += photos.length;
    this.firstId = photos[0].id;
  }

  /**
   * Number of places without a photo in the first page. The first page of the list may have fewer photos than the
   * others.
   */
  get emptyPlaces() {
    return (PAGE_SIZE - (this.inserted % PAGE_SIZE)) % PAGE_SIZE;
  }

  /**
   * Return the page with the photo at an index, and the photo's place in it.
   * @param {number} index
   * @returns {{page: Page | undefined, place: number}}
   */
  find(index) {
    if (index < 0) return { page: undefined, place: 0 };
    const place = index + this.emptyPlaces;
    const page = this.pages[Math.floor(place / PAGE_SIZE)];
    if (page) page.lastUse = ++this.lastUseNumber;
    return { page, place: place < PAGE_SIZE ? index : place % PAGE_SIZE };
  }

  /**
   * Return the index of a photo, or -1 if the photo is not in memory.
   * @param {string} id
   */
  indexOf(id) {
    for (const [pageIndex, { photos }] of this.pages.entries()) {
      const index = photos?.findIndex((photo) => photo.id === id) ?? -1;
      if (index >= 0) return pageIndex ? pageIndex * PAGE_SIZE + index - this.emptyPlaces : index;
    }
    return -1;
  }

  /** Drop the photos of the least recently used pages. */
  trim() {
    const loaded = this.pages.filter((page) => page.photos);
    if (loaded.length <= MAX_PAGES_IN_MEMORY) return;
    loaded.sort((a, b) => a.lastUse - b.lastUse);
    for (const page of loaded.slice(0, loaded.length - MAX_PAGES_IN_MEMORY)) page.photos = null;
  }
}
