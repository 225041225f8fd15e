/**
 * @file Filters by folder, one level after the other, or by any prefix.
 * @import { FacetRow, Navigate, State } from "../core/types"
 */
import { formatNumber, oneLine } from "../core/format.js";
import { useState } from "../core/preact.js";
import { useSyncedInput } from "../hooks/use_synced_input.js";
import { FacetValue } from "./facet_value.jsx";

const COLLAPSED_COUNT = 8;

/**
 * @param {object} props
 * @param {FacetRow[]} [props.folders] the facet `folder`: the folders directly under the selected bucket and
 *   prefix. Absent unless a prefix or a single bucket is selected.
 * @param {State} props.state
 * @param {Navigate} props.navigate
 */
export function Folders({ folders, state, navigate }) {
  const prefix = state.filters.prefix ?? "";
  const [text, setText] = useSyncedInput(prefix);
  const [showsAll, setShowsAll] = useState(false);
  /** @param {string} value */
  const setPrefix = (value) => navigate({ filters: { prefix: value || null } });
  const subfolders = (folders ?? [])
    .filter(({ value }) => value)
    .sort((a, b) => a.value.localeCompare(b.value, undefined, { numeric: true }));
  const max = Math.max(1, ...subfolders.map(({ count }) => count));
  const parents = prefix.split("/").slice(0, -1);
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    setPrefix(text);
  };
  return (
    <div class="folders">
      {parents.length > 0 && (
        <nav class="breadcrumbs" aria-label="Folder">
          <button type="button" onClick={() => setPrefix("")}>
            All
          </button>
          {parents.map((name, index) => (
            <button
              type="button"
              key={index}
              aria-current={index === parents.length - 1 ? "true" : undefined}
              onClick={() => setPrefix(`${parents.slice(0, index + 1).join("/")}/`)}
            >
              {oneLine(name || "(unnamed)", 40)}
            </button>
          ))}
        </nav>
      )}
      {subfolders.length > 0 && (
        <ul class="values plain">
          {(showsAll ? subfolders : subfolders.slice(0, COLLAPSED_COUNT)).map(
            ({ value, count }) => (
              <FacetValue
                key={value}
                label={value}
                count={count}
                max={max}
                isOn={false}
                toggle={() => setPrefix(prefix + value)}
              />
            ),
          )}
        </ul>
      )}
      {subfolders.length > COLLAPSED_COUNT && (
        <button type="button" class="link" onClick={() => setShowsAll(!showsAll)}>
          {showsAll ? "Show fewer" : `Show all ${formatNumber(subfolders.length)}`}
        </button>
      )}
      <form class="prefix" onSubmit={submit}>
        <input
          type="text"
          aria-label="Folder or path prefix"
          placeholder="Folder, e.g. 2024/"
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
