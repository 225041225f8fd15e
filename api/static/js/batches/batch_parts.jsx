/**
 * @file Components that running and past batches share.
 * @import { Batch, BatchNumbers } from "../core/types"
 */
import { PathText } from "../components/path_text.jsx";
import { sourceName } from "../core/folders.js";
import { formatNumber, oneLine } from "../core/format.js";
import { countLabels, describePatterns, stateLabel } from "./labels.js";

/** @param {{batch: Batch}} props */
export function StateBadge({ batch }) {
  const [label, kind] = stateLabel(batch);
  return <span class={`state ${kind}`}>{label}</span>;
}

/** @param {{batch: Pick<Batch, "sources" | "patterns">}} props */
export const Sources = ({ batch }) => (
  <span class="sources">
    {batch.sources.map((source) => (
      <code key={source}>
        <PathText path={sourceName(source)} limit={200} />
      </code>
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
      {countLabels(numbers).map(([name, title, explanation]) => (
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
