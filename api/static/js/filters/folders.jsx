/**
 * @file The folders of a bucket, level by level, and a box for a prefix.
 * @import { FacetRow, Navigate, State } from "../core/types"
 */
import { oneLine } from "../core/format.js";
import { useState } from "../core/preact.js";
import { useSyncedInput } from "../hooks/use_synced_input.js";
import { FacetValue } from "./facet_value.jsx";

const FEW = 8;

/**
 * @param {object} props
 * @param {FacetRow[]} [props.folders] the facet `folder`, below the bucket and prefix; absent where neither is chosen
 * @param {State} props.state
 * @param {Navigate} props.navigate
 */
export function Folders({ folders, state, navigate }) {
  const prefix = state.filters.prefix ?? "";
  const [text, setText] = useSyncedInput(prefix);
  const [isWhole, setWhole] = useState(false);
  /** @param {string} value */
  const go = (value) => navigate({ filters: { prefix: value || null } });
  const inside = (folders ?? []).filter(({ value }) => value);
  const max = Math.max(1, ...inside.map(({ count }) => count));
  const steps = prefix.split("/").slice(0, -1);
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    go(text);
  };
  return (
    <div class="folders">
      {steps.length > 0 && (
        <nav class="steps" aria-label="Folder">
          <button type="button" onClick={() => go("")}>
            All
          </button>
          {steps.map((step, at) => (
            <button
              type="button"
              key={at}
              aria-current={at === steps.length - 1 ? "true" : undefined}
              onClick={() => go(`${steps.slice(0, at + 1).join("/")}/`)}
            >
              {oneLine(step || "(no name)", 40)}
            </button>
          ))}
        </nav>
      )}
      {inside.length > 0 && (
        <ul class="values plain">
          {(isWhole ? inside : inside.slice(0, FEW)).map(({ value, count }) => (
            <FacetValue
              key={value}
              label={value}
              count={count}
              max={max}
              isOn={false}
              toggle={() => go(prefix + value)}
            />
          ))}
        </ul>
      )}
      {inside.length > FEW && (
        <button type="button" class="link" onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Show fewer" : `Show all ${inside.length}`}
        </button>
      )}
      <form class="prefix" onSubmit={submit}>
        <input
          type="text"
          aria-label="Folder or beginning of the key"
          placeholder="Folder or prefix, as 2024/"
          value={text}
          maxlength={1024}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </form>
    </div>
  );
}
