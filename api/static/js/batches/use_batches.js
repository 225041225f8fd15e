/**
 * @file The batches, live: a page of them from /batches, then the events of /events while the view is open.
 * @import { Api, Batch, RateSample } from "../core/types"
 */
import { createParser } from "eventsource-parser";
import { toProblem } from "../core/api.js";
import { useCallback, useEffect, useState } from "../core/preact.js";

const PAGE_SIZE = 20;
// The chart shows a quarter of an hour, at one sample a second.
const MAX_SAMPLES = 900;
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 15_000;

export const RUNNING_STATES = new Set(["listing", "reading", "cancelling"]);

/**
 * Read server-sent events from a response. (EventSource could not send the token.)
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

// By batch id. Kept while the page is open, whatever view it shows.
/** @type {Map<string, RateSample[]>} */
const rates = new Map();

/** @param {Batch} batch */
function noteRate({ id, state, rate }) {
  if (!RUNNING_STATES.has(state) || rate === null) return;
  const samples = rates.get(id) ?? [];
  /** @type {RateSample} */
  const sample = [Date.now() / 1000, rate];
  rates.set(id, [...samples, sample].slice(-MAX_SAMPLES));
}

/**
 * Replace the batches of which there is news. Ids sort by time; the newest come first.
 * @param {readonly Batch[]} batches
 * @param {readonly Batch[]} news
 */
export function mergeBatches(batches, news) {
  const ids = new Set(news.map(({ id }) => id));
  const others = batches.filter(({ id }) => !ids.has(id));
  return [...others, ...news].sort((a, b) => (a.id < b.id ? 1 : -1));
}

/** @param {number} milliseconds */
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Follow the batches.
 *
 * Returns `batches` (null before the first answer), `next` (cursor of older ones), `loadMore` to fetch those, `merge`
 * for batches from other answers, `isLive` (events arrive) and `rates` by batch id.
 * @param {Api} api
 */
export function useBatches(api) {
  const [batches, setBatches] = useState(/** @type {Batch[] | null} */ (null));
  const [next, setNext] = useState(/** @type {string | null} */ (null));
  const [error, setError] = useState(/** @type {import("../core/api.js").Problem | null} */ (null));
  const [isLive, setLive] = useState(false);
  const [round, setRound] = useState(0);

  const merge = useCallback((/** @type {Batch[]} */ news) => {
    for (const batch of news) noteRate(batch);
    setBatches((known) => mergeBatches(known ?? [], news));
  }, []);

  useEffect(() => {
    const control = new AbortController();
    const { signal } = control;
    let pause = FIRST_PAUSE_MS;
    const followOnce = async () => {
      // The page has what happened while no events arrived.
      const page = await api.get("/batches", { limit: PAGE_SIZE }, { signal });
      setError(null);
      setNext((known) => known ?? page.next);
      merge(page.batches);
      const response = await api.open("/events", { signal });
      setLive(true);
      pause = FIRST_PAUSE_MS;
      await readEvents(response, (name, data) => {
        if (name === "batches" && !signal.aborted) merge(data.batches);
      });
    };
    const follow = async () => {
      while (!signal.aborted) {
        try {
          await followOnce();
        } catch (cause) {
          if (signal.aborted) return;
          const problem = toProblem(cause);
          if (problem.status >= 400 && problem.status < 500) {
            // Trying again does not help without a token.
            setError(problem);
            return;
          }
          setBatches((known) => {
            if (known === null) setError(problem);
            return known;
          });
        }
        setLive(false);
        await wait(pause);
        pause = Math.min(2 * pause, MAX_PAUSE_MS);
      }
    };
    follow();
    return () => control.abort();
  }, [api, merge, round]);

  const loadMore = useCallback(async () => {
    const page = await api.get("/batches", { limit: PAGE_SIZE, after: next ?? "" });
    setNext(page.next);
    merge(page.batches);
  }, [api, merge, next]);

  const reload = useCallback(() => {
    setError(null);
    setRound((at) => at + 1);
  }, []);
  return { batches, next, error, isLive, rates, loadMore, merge, reload };
}
