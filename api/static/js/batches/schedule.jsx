/**
 * @file Table of the sources that are indexed on a schedule. Without a schedule, nothing is shown.
 * @import { Api, Batch, ScheduledSource, State } from "../core/types"
 */
import { Failed } from "../components/status_screens.jsx";
import { TableHead } from "../components/table_head.jsx";
import { Time } from "../components/time.jsx";
import { formatLocalTime, oneLine } from "../core/format.js";
import { useEffect } from "../core/preact.js";
import { href } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";
import { Sources, StateBadge } from "./batch_parts.jsx";
import { describeInterval, isOverdue } from "./labels.js";

// Skipped jobs do not change the list of batches, so look for them at intervals.
const REFRESH_MS = 60_000;
/** @type {[title: string][]} */
const COLUMNS = [["Source"], ["Interval"], ["Last run"], ["Next run"]];

/**
 * @param {object} props
 * @param {State} props.state
 * @param {Api} props.api
 * @param {string} props.version changes when a batch starts or ends
 * @param {(batches: Batch[]) => void} props.merge adds batches to the history
 */
export function Schedule({ state, api, version, merge }) {
  const request = useRequest((signal) => api.get("/schedule", null, { signal }), version);
  const { reload } = request;
  useEffect(() => {
    const timer = setInterval(reload, REFRESH_MS);
    return () => clearInterval(timer);
  }, [reload]);
  /** @type {ScheduledSource[]} */
  const sources = request.data?.sources ?? [];
  if (!sources.length && !request.error) return null;
  return (
    <section class="schedule card" aria-labelledby="schedule-title">
      <h2 id="schedule-title">Schedule</h2>
      {request.error ? (
        <Failed error={request.error} retry={reload} />
      ) : (
        <div class="table-scroll" tabindex={0} role="region" aria-label="Scheduled jobs">
          <table role="table">
            <TableHead columns={COLUMNS} />
            <tbody role="rowgroup">
              {sources.map((entry) => (
                <tr role="row" key={`${entry.source} ${entry.every} ${entry.at}`}>
                  <td role="cell" data-label="Source">
                    <Sources batch={{ sources: [entry.source], patterns: patternsOf(entry) }} />
                  </td>
                  <td role="cell" data-label="Interval">
                    {describeInterval(entry)}
                    {entry.prune && <span class="muted">, then prune</span>}
                  </td>
                  <td role="cell" data-label="Last run">
                    <LastRun entry={entry} state={state} merge={merge} />
                  </td>
                  <td role="cell" data-label="Next run">
                    {isOverdue(entry)
                      ? "Overdue. Are the workers running?"
                      : formatLocalTime(entry.next_at)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

/** @param {ScheduledSource} entry */
const patternsOf = ({ source, include, exclude }) =>
  include.length || exclude.length ? [{ source, include, exclude }] : [];

/** @param {{entry: ScheduledSource, state: State, merge: (batches: Batch[]) => void}} props */
function LastRun({ entry, state, merge }) {
  const { last, last_batch: batch } = entry;
  if (!last) return <span class="muted">Not yet</span>;
  return (
    <>
      {last.outcome === "skipped" && (
        <p class="warning">
          Skipped <Time text={last.at} />: the previous job was still running.
        </p>
      )}
      {last.outcome === "failed" && (
        <p class="field-error">
          Could not start <Time text={last.at} />: {oneLine(last.problem ?? "", 300)}
        </p>
      )}
      {batch && (
        <a
          href={href(state, { viewParams: { batch: batch.id } })}
          // The job may be older than those loaded into the history.
          onClick={() => merge([batch])}
        >
          <StateBadge batch={batch} /> <Time text={batch.started_at} />
        </a>
      )}
      {!batch && last.outcome === "started" && <Time text={last.at} />}
      {batch?.pruned?.problem && (
        <p class="field-error">Nothing was pruned: {oneLine(batch.pruned.problem, 300)}</p>
      )}
    </>
  );
}
