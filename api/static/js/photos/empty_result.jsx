/**
 * @file Screen for a result without photos. Either the library is empty, or no photos match the filters.
 * @import { Api, FilterName, Navigate, Pair, State } from "../core/types"
 */
import {
  EmptyLibrary,
  Failed,
  Loading,
  NoMatches,
  OnlyOtherFiles,
} from "../components/status_screens.jsx";
import { isAborted } from "../core/api.js";
import { pluralize } from "../core/format.js";
import { filterTitle, MEDIA_TYPE_LABELS } from "../core/labels.js";
import { filterParams, href, shownParams, withoutFilterValue } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";

// Maximum number of filters to try. For each, the photos that match without that filter are counted.
const MAX_HINTS = 6;
// Time limit for each count.
const BUDGET_MS = 500;

/**
 * @typedef {{name: FilterName, value: string, count: number}} Hint a value of a filter, and the number of photos that
 *   match without it
 */

/** @param {{state: State, navigate: Navigate, api: Api}} props */
export function EmptyResult({ state, navigate, api }) {
  const pairs = shownParams(state);
  const { data, error, loading, reload } = useRequest(
    (signal) => findHints(api, pairs, signal),
    JSON.stringify(pairs),
  );
  if (loading) return <Loading />;
  if (error) return <Failed error={error} retry={reload} />;
  if (!data?.hasFiles) {
    return <EmptyLibrary href={href(state, { view: "batches", clearFilters: true })} />;
  }
  if (!filterParams(state.filters).length) {
    return <OnlyOtherFiles href={href(state, { filters: { media_type: ["other"] } })} />;
  }
  return (
    <NoMatches clear={() => navigate({ clearFilters: true })}>
      {data.hints.length > 0 && (
        <>
          <p>Remove one filter to see photos:</p>
          <ul class="without">
            {data.hints.map(({ name, value, count }) => (
              <li key={`${name} ${value}`}>
                <a
                  href={href(state, {
                    filters:
                      name === "primary"
                        ? { primary: "false" }
                        : withoutFilterValue(state.filters, name, value),
                  })}
                >
                  Remove “{filterTitle(name, value)}”
                </a>{" "}
                ({pluralize(count, "photo")})
              </li>
            ))}
          </ul>
        </>
      )}
    </NoMatches>
  );
}

/**
 * Find out whether the library has any files, and which filters exclude photos.
 * @param {Api} api
 * @param {Pair[]} pairs the filters
 * @param {AbortSignal} signal
 * @returns {Promise<{hasFiles: boolean, hints: Hint[]}>} hints: the one with the most photos first
 */
async function findHints(api, pairs, signal) {
  /** @type {Pair[]} */
  const everything = Object.keys(MEDIA_TYPE_LABELS).map((type) => ["media_type", type]);
  const { photos } = await api.get("/photos", [...everything, ["limit", 1]], { signal });
  if (!photos.length || !pairs.length) return { hasFiles: photos.length > 0, hints: [] };
  const counted = await Promise.all(
    pairs.slice(0, MAX_HINTS).map((pair) => countWithout(api, pairs, pair, signal)),
  );
  const hints = counted.filter((hint) => hint !== null).filter(({ count }) => count > 0);
  return { hasFiles: true, hints: hints.sort((a, b) => b.count - a.count) };
}

/**
 * Count the photos that match without one of the filters. The count can be a lower bound if counting takes longer
 * than BUDGET_MS. Return null if the request fails.
 * @param {Api} api
 * @param {Pair[]} pairs
 * @param {Pair} removed
 * @param {AbortSignal} signal
 * @returns {Promise<Hint | null>}
 */
async function countWithout(api, pairs, removed, signal) {
  const [name, value] = removed;
  /** @type {Pair[]} */
  const params = [
    ...pairs.filter((pair) => pair !== removed),
    ["fields", "status"],
    ["budget_ms", BUDGET_MS],
  ];
  try {
    const { total } = await api.get("/facets", params, { signal });
    return { name: /** @type {FilterName} */ (name), value: String(value), count: total };
  } catch (error) {
    if (isAborted(error)) throw error;
    return null;
  }
}
