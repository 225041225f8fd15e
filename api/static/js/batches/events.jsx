/**
 * @file Counts of the events with which S3 servers report changes in buckets. Renders nothing if no
 * events are configured.
 * @import { Api, EventCounts } from "../core/types"
 */
import { Failed } from "../components/status_screens.jsx";
import { formatNumber } from "../core/format.js";
import { useEffect } from "../core/preact.js";
import { useRequest } from "../hooks/use_request.js";
import { describeEvents } from "./labels.js";

const REFRESH_MS = 30_000;

/** @param {{api: Api}} props */
export function Events({ api }) {
  const request = useRequest((signal) => api.get("/events/counts", null, { signal }), "");
  const { reload } = request;
  useEffect(() => {
    const timer = setInterval(reload, REFRESH_MS);
    return () => clearInterval(timer);
  }, [reload]);
  /** @type {EventCounts | null} */
  const events = request.data?.events ?? null;
  if (!events && !request.error) return null;
  return (
    <section class="card" aria-labelledby="events-title">
      <h2 id="events-title">Changes in the bucket</h2>
      {request.error && <Failed error={request.error} retry={reload} />}
      {events && <Counts events={events} />}
    </section>
  );
}

/** @param {{events: EventCounts}} props */
function Counts({ events }) {
  const { counts, lag } = describeEvents(events);
  if (!events.received) return <p class="muted">No events received yet.</p>;
  return (
    <>
      <dl class="numbers">
        {counts.map(({ name, title, explanation, count }) => (
          <div key={name} class={name === "failed" && count ? "bad" : ""} title={explanation}>
            <dt>{title}</dt>
            <dd>{formatNumber(count)}</dd>
          </div>
        ))}
      </dl>
      {lag && <p class="muted">{lag}</p>}
    </>
  );
}
