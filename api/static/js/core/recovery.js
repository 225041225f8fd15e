/**
 * @file Decides when failed requests are sent again.
 *
 * One Recovery waits for the end of an outage for the whole page: while the server or its database cannot be reached,
 * it requests /readyz with growing pauses. When /readyz succeeds, everything that failed is loaded again. A query that
 * timed out is sent again only a few times, because it may be too expensive even when the database is not busy.
 */
import { api } from "./api.js";

const FIRST_DELAY_MS = 1000;
const MAX_DELAY_MS = 15_000;
// The API's error codes of outages that end by themselves.
const OUTAGE_CODES = new Set([
  "unreachable",
  "mongodb_unavailable",
  "redis_unavailable",
  "too_many_connections",
  "too_many_queries",
  "unavailable",
]);
// The API's error code of a query that exceeded its time limit, and the pauses before it is sent again.
const TIMEOUT_CODE = "query_timeout";
const TIMEOUT_DELAYS_MS = [3000, 10_000, 30_000];
// What a reverse proxy responds if it cannot reach the API.
const PROXY_STATUSES = new Set([502, 504]);

/**
 * Return whether a request failed because of an outage that may end by itself.
 * @param {{code?: string | null, status?: number} | null | undefined} problem
 */
export const isOutage = (problem) =>
  Boolean(problem) &&
  (OUTAGE_CODES.has(problem?.code ?? "") ||
    (!problem?.code && PROXY_STATUSES.has(problem?.status ?? 0)));

export class Recovery {
  /**
   * @param {() => Promise<unknown>} probe fails while the outage lasts
   * @param {(milliseconds: number) => Promise<unknown>} wait
   */
  constructor(probe, wait) {
    this.probe = probe;
    this.wait = wait;
    /** @type {Set<() => void>} */
    this.waiting = new Set();
    this.isProbing = false;
  }

  /**
   * Call a function once when the outage is over. Return a function that cancels this.
   * @param {() => void} callback
   */
  onRecovery(callback) {
    this.waiting.add(callback);
    if (!this.isProbing) this.run();
    return () => void this.waiting.delete(callback);
  }

  async run() {
    this.isProbing = true;
    let delay = FIRST_DELAY_MS;
    while (this.waiting.size) {
      await this.wait(delay);
      delay = Math.min(2 * delay, MAX_DELAY_MS);
      if (!this.waiting.size) break;
      try {
        await this.probe();
      } catch {
        continue;
      }
      const callbacks = [...this.waiting];
      this.waiting.clear();
      for (const callback of callbacks) callback();
    }
    this.isProbing = false;
  }
}

/**
 * Wait for a time, or until the browser is online again.
 * @param {number} milliseconds
 */
const waitOrOnline = (milliseconds) =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve(undefined);
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done);
  });

const recovery = new Recovery(() => api.get("/readyz"), waitOrOnline);

/**
 * Call a function once when the outage is over. Return a function that cancels this.
 * @param {() => void} callback
 */
export const onRecovery = (callback) => recovery.onRecovery(callback);

/**
 * Call a function once when a failed request should be sent again. Return a function that cancels this.
 * @param {{code?: string | null, status?: number} | null | undefined} problem why the request failed
 * @param {number} retries how often the request has been sent again already
 * @param {() => void} callback
 * @returns {(() => void) | undefined} undefined if the request should not be sent again
 */
export function scheduleRetry(problem, retries, callback) {
  if (isOutage(problem)) return onRecovery(callback);
  const delay = problem?.code === TIMEOUT_CODE ? TIMEOUT_DELAYS_MS[retries] : undefined;
  if (delay === undefined) return undefined;
  const timer = setTimeout(callback, delay);
  return () => clearTimeout(timer);
}
