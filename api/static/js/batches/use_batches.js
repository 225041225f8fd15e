/**
 * @file Keeps a list of batches up to date: fetches a page from /batches, then applies the updates from /events.
 * @import { Api, Batch, RateSample } from "../core/types"
 */
import { createParser } from "eventsource-parser";
import { toProblem } from "../core/api.js";
import { useCallback, useEffect, useState } from "../core/preact.js";
import { isRunning } from "./labels.js";

const PAGE_SIZE = 20;
// Enough for a rate chart of 15 minutes: /events sends at most one update per second.
const MAX_SAMPLES = 900;
const FIRST_RECONNECT_DELAY_MS = 1000;
const MAX_RECONNECT_DELAY_MS = 15_000;

/**
 * Read server-sent events from a response until it ends. The browser's EventSource cannot be used, because it cannot
 * send the token.
 * @param {Response} response
 * @param {(name: string, data: any) => void} onEvent
 */
export async function readEvents(response, onEvent) {
  if (!response.body) return;
  const parser = createParser({
    onEvent: ({ event = "message", data }) => onEvent(event, JSON.parse(data)),
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.feed(value);
  }
}

// Rate samples by batch id. They are kept outside the component, so that the chart is still complete when the user
// returns from another view.
/** @type {Map<string, RateSample[]>} */
const rates = new Map();

/** @param {Batch} batch */
function recordRate(batch) {
  const { id, rate } = batch;
  if (!isRunning(batch) || rate === null) return;
  const samples = rates.get(id) ?? [];
  /** @type {RateSample} */
  const sample = [Date.now() / 1000, rate];
  rates.set(id, [...samples, sample].slice(-MAX_SAMPLES));
}

/**
 * Return the batches with the updates added or replaced, newest first. Ids sort by time.
 * @param {readonly Batch[]} batches
 * @param {readonly Batch[]} updates
 */
export function mergeBatches(batches, updates) {
  const ids = new Set(updates.map(({ id }) => id));
  const unchanged = batches.filter(({ id }) => !ids.has(id));
  return [...unchanged, ...updates].sort((a, b) => (a.id < b.id ? 1 : -1));
}

/**
 * @typedef {object} BatchFeed
 * @property {Batch[] | null} batches newest first; null before the first response
 * @property {string | null} next cursor of the next page of older batches, or null
 * @property {import("../core/api.js").Problem | null} error
 * @property {boolean} isLive whether the event stream is open
 * @property {Map<string, RateSample[]>} rates by batch id
 * @property {() => Promise<void>} loadMore fetches the next page of older batches
 * @property {(updates: Batch[]) => void} merge adds or replaces batches from other responses
 * @property {() => void} reload connects again after an error
 */

/** @param {number} milliseconds */
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Fetch the batches, and watch them for changes.
 * @param {Api} api
 * @returns {BatchFeed}
 */
export function useBatches(api) {
  const [batches, setBatches] = useState(/** @type {Batch[] | null} */ (null));
  const [next, setNext] = useState(/** @type {string | null} */ (null));
  const [error, setError] = useState(/** @type {import("../core/api.js").Problem | null} */ (null));
  const [isLive, setLive] = useState(false);
  const [reloadCount, setReloadCount] = useState(0);

  const merge = useCallback((/** @type {Batch[]} */ updates) => {
    for (const batch of updates) recordRate(batch);
    setBatches((known) => mergeBatches(known ?? [], updates));
  }, []);

  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    let delay = FIRST_RECONNECT_DELAY_MS;
    const watchOnce = async () => {
      // Fetch the page again after each interruption: it includes the changes whose events were missed.
      const page = await api.get("/batches", { limit: PAGE_SIZE }, { signal });
      setError(null);
      setNext((known) => known ?? page.next);
      merge(page.batches);
      const response = await api.getResponse("/events", { signal });
      setLive(true);
      delay = FIRST_RECONNECT_DELAY_MS;
      await readEvents(response, (name, data) => {
        if (name === "batches" && !signal.aborted) merge(data.batches);
      });
    };
    const watch = async () => {
      while (!signal.aborted) {
        try {
          await watchOnce();
        } catch (cause) {
          if (signal.aborted) return;
          const problem = toProblem(cause);
          if (problem.status >= 400 && problem.status < 500) {
            // The API refuses the request, usually because the token is missing or wrong. Retrying would not help.
            setError(problem);
            return;
          }
          setBatches((known) => {
            if (known === null) setError(problem);
            return known;
          });
        }
        setLive(false);
        await wait(delay);
        delay = Math.min(2 * delay, MAX_RECONNECT_DELAY_MS);
      }
    };
    watch();
    return () => controller.abort();
  }, [api, merge, reloadCount]);

  const loadMore = useCallback(async () => {
    const page = await api.get("/batches", { limit: PAGE_SIZE, after: next ?? "" });
    setNext(page.next);
    merge(page.batches);
  }, [api, merge, next]);

  const reload = useCallback(() => {
    setError(null);
    setReloadCount((last) => last + 1);
  }, []);
  return { batches, next, error, isLive, rates, loadMore, merge, reload };
}
