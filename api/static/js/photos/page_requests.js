/**
 * @file Requests the pages of a list of photos.
 * @import { Api, Pair, Photo } from "../core/types"
 * @import { Problem } from "../core/api.js"
 */
import { toProblem } from "../core/api.js";
import { scheduleRetry } from "../core/recovery.js";

export const PAGE_SIZE = 100;

/** The requests for the pages of one list, and their failures. */
export class PageRequests {
  /**
   * @param {Api} api
   * @param {Pair[]} params filters and sort order
   * @param {string | null} start the month with which the pages begin, or null for the beginning of the list
   */
  constructor(api, params, start) {
    this.api = api;
    this.params = params;
    this.start = start;
    this.controller = new AbortController();
    /** @type {Problem | null} */
    this.error = null;
    /** How often pages were fetched again after errors, since the latest success. */
    this.retries = 0;
  }

  /**
   * Fetch a page: the first one, that of a cursor, or the one before a photo.
   * @param {string | undefined} cursor
   * @param {string} [before] id of the photo
   * @returns {Promise<{photos: Photo[], next: string | null}>}
   */
  async fetch(cursor, before) {
    /** @type {Pair[]} */
    const params = [...this.params, ["limit", PAGE_SIZE]];
    if (before) params.push(["before", before]);
    else if (cursor) params.push(["cursor", cursor]);
    else if (this.start) params.push(["start", this.start]);
    const page = await this.api.get("/photos", params, { signal: this.controller.signal });
    this.retries = 0;
    return page;
  }

  /**
   * Call `retry` when a failed request should be sent again. Return false if it should not.
   * @param {unknown} error
   * @param {() => void} retry
   */
  scheduleRetry(error, retry) {
    return Boolean(scheduleRetry(toProblem(error), this.retries++, retry));
  }

  get isAborted() {
    return this.controller.signal.aborted;
  }

  abort() {
    this.controller.abort();
  }
}
