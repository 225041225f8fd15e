/**
 * @file Components that running and past batches share.
 * @import { Batch, BatchNumbers } from "../core/types"
 */
import { formatNumber, oneLine } from "../core/format.js";
import { COUNT_LABELS, describePatterns, STATE_LABELS } from "./labels.js";

/** @param {{state: string}} props */
export function StateBadge({ state }) {
  return <span class={`state ${state}`}>{STATE_LABELS[state]?.[0] ?? state}</span>;
}

/** @param {{batch: Pick<Batch, "sources" | "patterns">}} props */
export const Sources = ({ batch }) => (
  <span class="sources">
    {batch.sources.map((source) => (
      <code key={source}>{oneLine(source, 200)}</code>
    ))}
    {batch.patterns?.map((patterns) => (
      <span key={patterns.source} class="muted">
        {batch.sources.length > 1 && `${oneLine(patterns.source, 200)}: `}
        {oneLine(describePatterns(patterns), 400)}
      </span>
    ))}
  </span>
);

/** @param {{numbers: BatchNumbers}} props */
export function BatchCounts({ numbers }) {
  return (
    <dl class="numbers">
      {COUNT_LABELS.map(([name, title, explanation]) => (
        <div
          key={name}
          class={name === "failed" && numbers.failed ? "bad" : ""}
          title={explanation}
        >
          <dt>{title}</dt>
          <dd>{formatNumber(numbers[name] ?? 0)}</dd>
        </div>
      ))}
    </dl>
  );
}
