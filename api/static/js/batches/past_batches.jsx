/**
 * @file Table of batches that are no longer running.
 * @import { ComponentChildren } from "preact"
 * @import { Batch, Navigate, SourcePatterns, State } from "../core/types"
 */
import { ActionButton } from "../components/action_button.jsx";
import { TableHead } from "../components/table_head.jsx";
import { Time } from "../components/time.jsx";
import {
  formatDuration,
  formatLocalTime,
  formatNumber,
  oneLine,
  pluralize,
} from "../core/format.js";
import { href } from "../core/url_state.js";
import { BatchCounts, Sources, StateBadge } from "./batch_parts.jsx";
import { describeDownload, progressOf, splitSource, STATE_LABELS } from "./labels.js";

/** @type {[title: ComponentChildren, kind?: string][]} */
const COLUMNS = [
  ["Started"],
  ["Source"],
  ["State"],
  ["Listed", "number"],
  ["Indexed", "number"],
  ["Failed", "number"],
  ["Duration", "number"],
  [<span class="visually-hidden">Actions</span>],
];

/**
 * @param {object} props
 * @param {Batch[]} props.batches
 * @param {string | null} props.next cursor of the next page of older batches, or null
 * @param {() => Promise<void>} props.loadMore
 * @param {State} props.state
 * @param {Navigate} props.navigate
 * @param {(source: string, patterns?: SourcePatterns) => Promise<Batch>} props.start
 */
export function PastBatches({ batches, next, loadMore, state, navigate, start }) {
  return (
    <section class="past card" aria-labelledby="past-title">
      <h2 id="past-title">History</h2>
      {batches.length ? (
        <div class="table-scroll" tabindex={0} role="region" aria-label="Finished jobs">
          <table role="table">
            <TableHead columns={COLUMNS} />
            <tbody role="rowgroup">
              {batches.map((batch) => (
                <PastRow
                  key={batch.id}
                  batch={batch}
                  state={state}
                  navigate={navigate}
                  start={start}
                />
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <p class="muted">
          No finished jobs. Start one above, or run <code>./run.sh</code> in a terminal.
        </p>
      )}
      {next && (
        <ActionButton kind="quiet" act={loadMore}>
          Show older
        </ActionButton>
      )}
    </section>
  );
}

/**
 * @param {object} props
 * @param {Batch} props.batch
 * @param {State} props.state
 * @param {Navigate} props.navigate
 * @param {(source: string, patterns?: SourcePatterns) => Promise<Batch>} props.start
 */
function PastRow({ batch, state, navigate, start }) {
  const { id, numbers, sources } = batch;
  const isOpen = state.viewParams.batch === id;
  const [bucket, prefix] = splitSource(sources[0] ?? "");
  const photos = href(state, {
    view: "gallery",
    clearFilters: true,
    filters: { bucket, prefix },
    viewParams: { batch: "", cause: "" },
  });
  return (
    <>
      <tr role="row">
        <td role="cell">
          <Time text={batch.started_at} />
        </td>
        <td role="cell">
          <Sources batch={batch} />
        </td>
        <td role="cell">
          <StateBadge batch={batch} />
        </td>
        <td role="cell" class="number">
          {formatNumber(numbers.listed)}
        </td>
        <td role="cell" class="number">
          {formatNumber(progressOf(batch).done)}
        </td>
        <td role="cell" class={`number ${numbers.failed ? "bad" : ""}`}>
          {formatNumber(numbers.failed)}
        </td>
        <td role="cell" class="number">
          {formatDuration(numbers.seconds)}
        </td>
        <td role="cell">
          <button
            type="button"
            class="quiet"
            aria-expanded={isOpen}
            aria-label={`Details of ${sources.join(", ")}, ${formatLocalTime(batch.started_at)}`}
            onClick={() => navigate({ viewParams: { batch: isOpen ? "" : id } })}
          >
            Details
          </button>
        </td>
      </tr>
      {isOpen && (
        <tr class="details" role="row">
          <td role="cell" colspan={8}>
            {numbers.listed > 0 && <p>{STATE_LABELS[batch.state]?.[1]}</p>}
            {batch.problem && <p class="field-error">{oneLine(batch.problem, 500)}</p>}
            <BatchCounts numbers={numbers} />
            <p class="muted">
              Downloaded: {describeDownload(numbers)}. Job ID: {id}
            </p>
            {batch.pruned && (
              <p class={batch.pruned.problem ? "field-error" : "muted"}>
                {batch.pruned.problem
                  ? `Nothing was pruned: ${oneLine(batch.pruned.problem, 500)}`
                  : `Pruned: ${pluralize(batch.pruned.records, "record")} of deleted files.`}
              </p>
            )}
            {sources.length === 1 && (
              <p class="buttons">
                <a href={photos}>View photos</a>{" "}
                <ActionButton act={() => start(sources[0], batch.patterns?.[0])}>
                  Start again
                </ActionButton>
              </p>
            )}
          </td>
        </tr>
      )}
    </>
  );
}
