/**
 * @file The bar above a view: the active filters as chips, the number of photos, and the sort order.
 * @import { ComponentChildren } from "preact"
 * @import { Counts, FilterName, Navigate, State } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
 */
import { formatTotal, pluralize } from "../core/format.js";
import { describeFilter, filterTitle, nounOf } from "../core/labels.js";
import { filterParams, href, withoutFilterValue } from "../core/url_state.js";
import { sortOptions } from "../filters/sorts.js";
import { SelectButton } from "../photos/selection_bar.jsx";

/**
 * @param {object} props
 * @param {State} props.state
 * @param {Navigate} props.navigate
 * @param {RequestState<Counts | null>} props.counts
 * @param {() => void} props.toggleFilters
 * @param {boolean} props.isPanelOpen
 * @param {ComponentChildren} props.columnMenu the menu of the table's columns, if the view is the table
 */
export function FilterChips({ state, navigate, counts, toggleFilters, isPanelOpen, columnMenu }) {
  const pairs = filterParams(state.filters);
  const { data, loading } = counts;
  const isSortable = state.view === "gallery" || state.view === "table";
  return (
    <div class="chips">
      <button
        type="button"
        class="filters-button"
        aria-expanded={isPanelOpen}
        aria-controls="filters"
        onClick={toggleFilters}
      >
        <FilterIcon />
        Filters{pairs.length > 0 && <span class="badge">{pairs.length}</span>}
      </button>
      <p class="total" role="status" aria-live="polite">
        {data ? (
          <>
            <b>{formatTotal(data)}</b> {nounOf(state.filters.media_type)}
            {data.total === 1 ? "" : "s"}
            {!!data.other_files && (
              <>
                ,{" "}
                <a href={href(state, { filters: { media_type: ["other"] } })}>
                  {pluralize(data.other_files, "other file")}
                </a>
              </>
            )}
            {!!data.files_in_stacks && (
              <>
                ,{" "}
                <a href={href(state, { filters: { primary: "false" } })}>
                  {pluralize(data.files_in_stacks, "more file")} in stacks
                </a>
              </>
            )}
          </>
        ) : loading ? (
          "Counting…"
        ) : (
          ""
        )}
      </p>
      <ul class="chip-list" aria-label="Active filters">
        {pairs.map(([name, item]) => {
          const value = String(item);
          const [kind, text] = describeFilter(name, value);
          return (
            <li key={`${name} ${value}`} class="chip">
              <span>
                {kind && <span class="kind">{kind}:</span>} <bdi>{text}</bdi>
              </span>
              <button
                type="button"
                aria-label={`Remove ${filterTitle(name, value)}`}
                onClick={() =>
                  navigate({
                    filters: withoutFilterValue(
                      state.filters,
                      /** @type {FilterName} */ (name),
                      value,
                    ),
                  })
                }
              >
                ×
              </button>
            </li>
          );
        })}
        {pairs.length > 1 && (
          <li>
            <button type="button" class="link" onClick={() => navigate({ clearFilters: true })}>
              Clear all
            </button>
          </li>
        )}
      </ul>
      {state.view === "gallery" && <SelectButton />}
      {columnMenu}
      {isSortable && (
        <label class="order">
          <span>Sort</span>
          <select
            value={state.sort}
            onChange={(event) => navigate({ sort: event.currentTarget.value })}
          >
            {sortOptions(state.sort).map(([value, title]) => (
              <option key={value} value={value}>
                {title}
              </option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}

function FilterIcon() {
  return (
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path
        d="M2 4h12M4.500 8h7M6.500 12h3"
        stroke="currentColor"
        stroke-width="1.6"
        stroke-linecap="round"
      />
    </svg>
  );
}
