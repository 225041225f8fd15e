/**
 * @file Components that running and past batches share.
 * @import { BatchNumbers } from "../core/types"
 */
import { number, oneLine } from "../core/format.js";
import { NUMBERS, STATES } from "./labels.js";

/** @param {{state: string}} props */
export function StateBadge({ state }) {
  return <span class={`state ${state}`}>{STATES[state]?.[0] ?? state}</span>;
}

/** @param {{sources: string[]}} props */
export const Sources = ({ sources }) => (
  <span class="sources">
    {sources.map((source) => (
      <code key={source}>{oneLine(source, 200)}</code>
    ))}
  </span>
);

/** @param {{numbers: BatchNumbers}} props */
export function Numbers({ numbers }) {
  return (
    <dl class="numbers">
      {NUMBERS.map(([name, title, explanation]) => (
        <div
          key={name}
          class={name === "failed" && numbers.failed ? "bad" : ""}
          title={explanation}
        >
          <dt>{title}</dt>
          <dd>{number(numbers[name])}</dd>
        </div>
      ))}
    </dl>
  );
}
