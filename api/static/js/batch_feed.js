// The batches as they go: a page of them from /batches, then what /events tells, for as long as someone looks.
import { useCallback, useEffect, useState } from "./html.js";

const PAGE = 20;
// The rate of the last quarter of an hour is drawn, at one sample a second.
const MOST_SAMPLES = 900;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;

export const UNDER_WAY = new Set(["listing", "reading", "cancelling"]);

// Reads server-sent events from a Response: fetch can send the token, EventSource cannot. tell(name, data) for each.
export async function readEvents(answer, tell) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (text += value.replaceAll("\r\n", "\n")).split("\n\n");
    text = events.pop();
    for (const event of events) {
      const lines = event.split("\n");
      const field = (name) => lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
      const data = field("data").join("\n");
      if (data) tell(field("event")[0] ?? "message", JSON.parse(data));
    }
  }
}

// By batch id: [[seconds since 1970, images a second], ...]. Kept while the page is open, whatever view it shows.
const rates = new Map();

const newestFirst = (batches) => batches.sort((a, b) => (a.id < b.id ? 1 : -1));

// Returns {batches, next, error, isLive, rates, more, take, reload}. batches: null before the first answer; rates: see
// there; more(): the next page; take(batches): what another answer told.
export function useBatches(api) {
  const [batches, setBatches] = useState(null);
  const [next, setNext] = useState(null);
  const [error, setError] = useState(null);
  const [isLive, setLive] = useState(false);
  const [round, setRound] = useState(0);

  const take = useCallback((told) => {
    for (const { id, state, rate } of told) {
      if (!UNDER_WAY.has(state) || rate === null) continue;
      const samples = rates.get(id) ?? [];
      rates.set(id, [...samples, [Date.now() / 1000, rate]].slice(-MOST_SAMPLES));
    }
    const known = new Map(told.map((batch) => [batch.id, batch]));
    setBatches((was) => newestFirst([...(was ?? []).filter(({ id }) => !known.has(id)), ...told]));
  }, []);

  useEffect(() => {
    const control = new AbortController();
    const { signal } = control;
    const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
    const follow = async () => {
      let pause = FIRST_PAUSE_MS;
      while (!signal.aborted) {
        try {
          // After a break the page tells what the events did not.
          const page = await api.get("/batches", { limit: PAGE }, { signal });
          setError(null);
          setNext((was) => was ?? page.next);
          take(page.batches);
          const answer = await api.open("/events", { signal });
          setLive(true);
          pause = FIRST_PAUSE_MS;
          await readEvents(answer, (name, data) => name === "batches" && !signal.aborted && take(data.batches));
        } catch (problem) {
          if (signal.aborted) return;
          // Without a token there is nothing to try again.
          if (problem.status >= 400 && problem.status < 500) return void setError(problem);
          setBatches((was) => (was === null && setError(problem), was));
        }
        setLive(false);
        await wait(pause);
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      }
    };
    follow();
    return () => control.abort();
  }, [round]);

  const more = useCallback(async () => {
    const page = await api.get("/batches", { limit: PAGE, after: next });
    setNext(page.next);
    take(page.batches);
  }, [next]);

  const reload = useCallback(() => (setError(null), setRound((at) => at + 1)), []);
  return { batches, next, error, isLive, rates, more, take, reload };
}
