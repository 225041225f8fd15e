/**
 * @file Keeps a list of batches up to date: first a page from /batches, then the event stream of /events.
 * @import { Api, Batch, RateSample } from "../core/types"
 */
import { createParser } from "eventsource-parser";
import { toProblem } from "../core/api.js";
import { useCallback, useEffect, useState } from "../core/preact.js";

const PAGE_SIZE = 20;
// The chart shows 15 minutes, at one sample per second.
const MAX_SAMPLES = 900;
const FIRST_RECONNECT_DELAY_MS = 1000;
const MAX_RECONNECT_DELAY_MS = 15_000;

export const RUNNING_STATES = new Set(["listing", "reading", "cancelling"]);

/**
 * Read server-sent events from a response. EventSource is not an option, because it cannot send the token.
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

// By batch id. Module state, so that the chart continues after a visit to another view.
/** @type {Map<string, RateSample[]>} */
const rates = new Map();

/** @param {Batch} batch */
function recordRate({ id, state, rate }) {
  if (!RUNNING_STATES.has(state) || rate === null) return;
  const samples = rates.get(id) ?? [];
  /** @type {RateSample} */
  const sample = [Date.now() / 1000, rate];
  rates.set(id, [...samples, sample].slice(-MAX_SAMPLES));
}

/**
 * Add or replace updated batches. The result is sorted from newest to oldest; ids sort by time.
 * @param {readonly Batch[]} batches
 * @param {readonly Batch[]} updates
 */
export function mergeBatches(batches, updates) {
  const ids = new Set(updates.map(({ id }) => id));
  const others = batches.filter(({ id }) => !ids.has(id));
  return [...others, ...updates].sort((a, b) => (a.id < b.id ? 1 : -1));
}

/** @param {number} milliseconds */
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Watch the batches.
 *
 * Returns `batches` (null before the first response), `next` (the cursor of older batches), `loadMore` (fetches them),
 * `merge` (adds batches from other responses), `isLive` (whether the event stream is open), `rates` by batch id,
 * `error` and `reload`.
 * @param {Api} api
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
      // The page includes changes that happened while no events arrived.
      const page = await api.get("/batches", { limit: PAGE_SIZE }, { signal });
      setError(null);
      setNext((known) => known ?? page.next);
      merge(page.batches);
      const response = await api.open("/events", { signal });
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
            // Retrying would not help: the request is refused, for lack of a token.
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
