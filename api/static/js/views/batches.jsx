/**
 * @file The view "Indexing jobs". It has a form that starts batches, and shows running batches, the schedule, the
 * events of S3 servers, past batches and failures.
 * @import { Api, Batch, Navigate, SourcePatterns, State } from "../core/types"
 */
import { Events } from "../batches/events.jsx";
import { Failures } from "../batches/failures.jsx";
import { PastBatches } from "../batches/past_batches.jsx";
import { RunningBatch } from "../batches/running_batch.jsx";
import { Schedule } from "../batches/schedule.jsx";
import { StartForm } from "../batches/start_form.jsx";
import { describeProgress, isRunning } from "../batches/labels.js";
import { useBatches } from "../batches/use_batches.js";
import { Failed, Loading } from "../components/status_screens.jsx";
import { useEffect } from "../core/preact.js";

/**
 * @param {object} props
 * @param {State} props.state
 * @param {Navigate} props.navigate
 * @param {Api} props.api
 * @param {(progress: string | null) => void} props.setProgress shows the progress in the title of the tab
 */
export default function Batches({ state, navigate, api, setProgress }) {
  const feed = useBatches(api);
  const progress = describeProgress((feed.batches ?? []).filter(isRunning));
  useEffect(() => {
    setProgress(progress);
    return () => setProgress(null);
  }, [progress, setProgress]);
  if (feed.error) return <Failed error={feed.error} retry={feed.reload} />;
  if (!feed.batches) return <Loading subject="jobs" />;
  const running = feed.batches.filter(isRunning);
  const past = feed.batches.filter((batch) => !isRunning(batch));
  /** @type {(source: string, patterns?: SourcePatterns) => Promise<Batch>} */
  const start = async (source, { include, exclude } = { source, include: [], exclude: [] }) => {
    const batch = await api.post("/batches", { source, include, exclude });
    feed.merge([batch]);
    return batch;
  };
  // This text changes when a batch starts or ends.
  const scheduleVersion = feed.batches.map(({ id, state: name }) => `${id} ${name}`).join();
  // This text changes whenever an image fails, and when a batch starts or ends.
  const failuresVersion = feed.batches
    .map((batch) => `${batch.id} ${isRunning(batch)} ${batch.numbers.failed}`)
    .join();
  return (
    <div class="batches">
      <StartForm start={start} api={api} />
      <section class={`running ${running.length ? "" : "card"}`} aria-labelledby="running-title">
        <h2 id="running-title">
          In progress
          {!feed.isLive && (
            <>
              {" "}
              <span class="muted offline" role="status">
                Not live. Connecting…
              </span>
            </>
          )}
        </h2>
        {running.length === 0 && <p class="muted">No jobs running.</p>}
        {running.map((batch) => (
          <RunningBatch
            key={batch.id}
            batch={batch}
            samples={feed.rates.get(batch.id) ?? []}
            api={api}
            merge={feed.merge}
          />
        ))}
      </section>
      <Schedule state={state} api={api} version={scheduleVersion} merge={feed.merge} />
      <Events api={api} />
      <PastBatches
        batches={past}
        next={feed.next}
        loadMore={feed.loadMore}
        state={state}
        navigate={navigate}
        start={start}
      />
      <Failures state={state} navigate={navigate} api={api} version={failuresVersion} />
    </div>
  );
}
