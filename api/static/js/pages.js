// The photos that pass the filters, fetched page by page as they are looked at. However far one scrolls, only the
// photos around that place are held; of the others their shape (4 bytes) and each page's cursor, to fetch it again.
import { useLayoutEffect, useState } from "./html.js";
import { filterParams } from "./state.js";

export const PAGE = 100;
const KEPT_PAGES = 24;

export class Pages {
  constructor(api, pairs) {
    Object.assign(this, { api, pairs, count: 0, done: false, error: null, loading: false, round: 0 });
    this.pages = []; // {cursor, photos or null, wanted}
    this.aspects = new Float32Array(PAGE);
    this.control = new AbortController();
    this.listeners = new Set();
    this.used = 0;
  }

  // Fetch the page behind the last one, unless it is under way or there is none.
  async more() {
    if (this.loading || this.done || this.error) return;
    this.loading = true;
    const cursor = this.pages.at(-1)?.next;
    try {
      const found = await this.fetch(cursor);
      this.pages.push({ cursor, next: found.next, photos: found.photos, used: ++this.used });
      this.note(found.photos);
      this.done = !found.next;
    } catch (error) {
      if (error.name === "AbortError") return;
      this.error = error;
    }
    this.loading = false;
    this.changed();
  }

  fetch(cursor) {
    const pairs = [...this.pairs, ["limit", PAGE]];
    if (cursor) pairs.push(["cursor", cursor]);
    return this.api.get("/photos", pairs, { signal: this.control.signal });
  }

  note(photos) {
    if (this.count + photos.length > this.aspects.length) {
      const larger = new Float32Array(this.aspects.length * 2 + PAGE);
      larger.set(this.aspects);
      this.aspects = larger;
    }
    for (const photo of photos) this.aspects[this.count++] = aspectOf(photo);
  }

  // The photo at a place in the result; null while it is on its way.
  at(index) {
    const page = this.pages[Math.floor(index / PAGE)];
    if (!page) return null;
    page.used = ++this.used;
    if (!page.photos) this.refetch(page);
    return page.photos?.[index % PAGE] ?? null;
  }

  async refetch(page) {
    if (page.wanted) return;
    page.wanted = true;
    try {
      page.photos = (await this.fetch(page.cursor)).photos;
    } catch (error) {
      if (error.name === "AbortError") return;
      page.photos = []; // what was there is gone or cannot be had; its places stay grey
    }
    page.wanted = false;
    this.changed();
  }

  // Where a photo is, if it is held; else -1.
  indexOf(id) {
    for (const [at, page] of this.pages.entries()) {
      const found = page.photos?.findIndex((photo) => photo.id === id) ?? -1;
      if (found >= 0) return at * PAGE + found;
    }
    return -1;
  }

  changed() {
    const held = this.pages.filter((page) => page.photos);
    if (held.length > KEPT_PAGES) {
      held.sort((one, other) => one.used - other.used);
      for (const page of held.slice(0, held.length - KEPT_PAGES)) page.photos = null;
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

// Width by height as the photo is shown; cameras' usual 3:2 where neither is known. Panoramas are cut.
function aspectOf({ photo }) {
  const { width_pixels: width, height_pixels: height } = photo;
  return width > 0 && height > 0 ? Math.min(3.2, Math.max(0.45, width / height)) : 1.5;
}

// The last result stays when a view or a photo is opened over it, and comes back as it was.
let current = { key: null, pages: null };
const places = new Map();

export function resultKey(state) {
  return JSON.stringify([filterParams(state.filters), state.sort]);
}

export function usePages(state, api) {
  const key = resultKey(state);
  if (current.key !== key) {
    current.pages?.end();
    current = { key, pages: new Pages(api, [...filterParams(state.filters), ["sort", state.sort]]) };
    places.clear();
  }
  const { pages } = current;
  const [, setRound] = useState(0);
  // Asked before what is there so far is painted, as in useLoad.
  useLayoutEffect(() => {
    pages.listeners.add(setRound);
    setRound(pages.round);
    if (!pages.count) pages.more();
    return () => pages.listeners.delete(setRound);
  }, [pages]);
  return pages;
}

// Forget the result, to ask anew: after a token was given, or when reading again was asked for.
export function forgetPages() {
  current.pages?.end();
  current = { key: null, pages: null };
}

// Where a view was scrolled to in this result.
export const placeOf = (view) => places.get(view) ?? 0;
export const keepPlace = (view, at) => places.set(view, at);
