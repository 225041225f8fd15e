/**
 * @file Components that running and past batches share.
 * @import { Batch, BatchNumbers } from "../core/types"
 */
import { PathText } from "../components/path_text.jsx";
import { sourceName } from "../core/folders.js";
import { formatNumber } from "../core/format.js";
import { COUNT_LABELS, stateLabel } from "./labels.js";

/** @param {{batch: Batch}} props */
export function StateBadge({ batch }) {
  const [label, kind] = stateLabel(batch);
  return <span class={`state ${kind}`}>{label}</span>;
}

/** @param {{sources: string[]}} props */
export const Sources = ({ sources }) => (
  <span class="sources">
    {sources.map((source) => (
      <code key={source}>
        <PathText path={sourceName(source)} limit={200} />
      </code>
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
