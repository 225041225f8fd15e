/**
 * @file A list of values of a filter with their counts, and a search for further values.
 * @import { Api, Counts, Navigate, State } from "../core/types"
 * @import { SectionOptions } from "./sections.js"
 */
import { formatNumber } from "../core/format.js";
import { useEffect, useState } from "../core/preact.js";
import { facetParams } from "../core/url_state.js";
import { useRefetchPartial } from "../hooks/use_refetch_partial.js";
import { useRequest } from "../hooks/use_request.js";
import { FacetValue, withToggled } from "./facet_value.jsx";
import { FACET_PARAMS, MAX_VALUES } from "./use_facets.js";

const COLLAPSED_COUNT = 6;
// Longer lists of values have a search box.
const MAX_WITHOUT_SEARCH = 12;
// The search is sent this long after the last key press. If the counts in the response are outdated, the search is sent
// again after the same pause.
const TYPING_PAUSE_MS = 250;

/**
 * @typedef {{value: any, count: number, make?: string}[]} Rows
 * @typedef {{section: SectionOptions, rows: Rows, folders?: Rows, state: State, navigate: Navigate, api: Api}}
 *   KindProps
 */

/**
 * A list of values with their counts. A photo matches if it has any of the selected values.
 * @param {KindProps} props
 */
export function Values({ section, rows, state, navigate, api }) {
  const { name, noneLabel } = section;
  const property = section.property ?? name;
  const [showsAll, setShowsAll] = useState(false);
  const [isByName, setByName] = useState(false);
  const [searchText, setSearchText] = useState("");
  const term = searchText.trim();
  const search = useValueSearch(name, term, state, api);
  const allRows = [...(search.rows ?? []), ...rows];
  /** @param {string} value */
  const format = (value) => section.format?.(value, allRows) ?? value;
  const selected = state.filters[/** @type {"camera"} */ (name)] ?? [];
  const values = rows.filter(({ value }) => value !== null);
  const counts = new Map(
    [...(search.rows ?? []), ...values].map(({ value, count }) => [String(value), count]),
  );
  const missing = rows.find(({ value }) => value === null);
  const isWithout = Boolean(state.filters.without?.includes(property));
  const all = [...new Set([...selected, ...values.map(({ value }) => String(value))])];
  const limit = Math.max(COLLAPSED_COUNT, selected.length);
  const shown = term
    ? matchingValues(term, all, search.rows ?? [], format)
    : showsAll
      ? isByName
        ? sortedByLabel(all, format)
        : all
      : all.slice(0, limit);
  const max = Math.max(1, ...values.map(({ count }) => count));
  if (!all.length && (!missing || section.isRare)) return <NoData name={section.noun ?? name} />;
  return (
    <div>
      {showsAll && all.length > MAX_WITHOUT_SEARCH && (
        <input
          type="search"
          class="find"
          aria-label={`Find in ${section.title}`}
          placeholder="Find…"
          maxlength={100}
          value={searchText}
          onInput={(event) => setSearchText(event.currentTarget.value)}
        />
      )}
      {showsAll && !term && (
        <button
          type="button"
          class="link sort-values"
          aria-pressed={isByName}
          onClick={() => setByName(!isByName)}
        >
          Sort A–Z
        </button>
      )}
      {term && shown.length === 0 && (
        <p class="none" role="status">
          {search.isLoading ? "Searching…" : search.hasFailed ? "Couldn't search." : "No matches."}
        </p>
      )}
      <ul class="values">
        {shown.map((value) => (
          <FacetValue
            key={value}
            label={format(value)}
            count={counts.get(value) ?? 0}
            max={max}
            isOn={selected.includes(value)}
            toggle={() => navigate({ filters: { [name]: withToggled(selected, value) } })}
          />
        ))}
        {noneLabel && (missing || isWithout) && !term && (
          <FacetValue
            label={noneLabel}
            quiet
            count={missing?.count ?? 0}
            max={max}
            isOn={isWithout}
            toggle={() =>
              navigate({ filters: { without: withToggled(state.filters.without, property) } })
            }
          />
        )}
      </ul>
      {showsAll && !term && values.length >= MAX_VALUES && (
        <p class="none">
          These are the {formatNumber(MAX_VALUES)} most frequent values. Find the others by name.
        </p>
      )}
      {all.length > COLLAPSED_COUNT && (
        <button
          type="button"
          class="link"
          onClick={() => {
            setShowsAll(!showsAll);
            setSearchText("");
          }}
        >
          {showsAll
            ? "Show fewer"
            : `Show all ${formatNumber(all.length)}${all.length >= MAX_VALUES ? "+" : ""}`}
        </button>
      )}
    </div>
  );
}

/**
 * @param {readonly string[]} values
 * @param {(value: string) => string} format
 */
export const sortedByLabel = (values, format) =>
  [...values].sort((a, b) => format(a).localeCompare(format(b), undefined, { numeric: true }));

/**
 * Return the values to show for a search term: those in the list whose label contains it, and the API's matches.
 * @param {string} term
 * @param {string[]} values
 * @param {Rows} matches of the API
 * @param {(value: string) => string} format
 */
export function matchingValues(term, values, matches, format) {
  const text = term.toLowerCase();
  const listed = values.filter((value) => format(value).toLowerCase().includes(text));
  return [...new Set([...listed, ...matches.map(({ value }) => String(value))])];
}

/**
 * Search the API for the values that contain a text, because the panel has only the most frequent values.
 * @param {string} name of the facet
 * @param {string} term
 * @param {State} state
 * @param {Api} api
 * @returns {{rows: Rows | null, isLoading: boolean, hasFailed: boolean}}
 */
function useValueSearch(name, term, state, api) {
  const [searchedTerm, setSearchedTerm] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSearchedTerm(term), TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [term]);
  const pairs = facetParams(name, state);
  const key = JSON.stringify([name, searchedTerm, searchedTerm ? pairs : []]);
  const request = useRequest(
    /** @returns {Promise<(Counts & {term: string}) | null>} */
    async (signal) => {
      if (!searchedTerm) return null;
      const counts = await api.get(
        "/facets",
        [...pairs, ...FACET_PARAMS, ["fields", name], ["find", searchedTerm]],
        { signal },
      );
      return { ...counts, term: searchedTerm };
    },
    key,
  );
  useRefetchPartial(request, key, TYPING_PAUSE_MS);
  const { data, error, loading } = request;
  return {
    rows: term && data?.term === term ? data.facets[name] : null,
    isLoading: Boolean(term) && (loading || searchedTerm !== term),
    hasFailed: Boolean(error),
  };
}

/** @param {{name: string}} props */
export const NoData = ({ name }) => <p class="none">No {name} data in these photos.</p>;
