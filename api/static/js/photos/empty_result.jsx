/**
 * @file No photos: either there are none at all, or none passes the filters.
 * @import { Api, FilterName, Navigate, Pair, State } from "../core/types"
 */
import { Failed, Loading, NothingFound, NothingYet } from "../components/status_screens.jsx";
import { isAborted } from "../core/api.js";
import { describeFilter } from "../core/labels.js";
import { filterParams, href, without } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";

const MAX_HINTS = 6;
const BUDGET_MS = 500;

/** @typedef {{name: FilterName, value: string, count: number}} Hint a filter, and the photos that pass without it */

/** @param {{state: State, navigate: Navigate, api: Api}} props */
export function EmptyResult({ state, navigate, api }) {
  const pairs = filterParams(state.filters);
  const { data, error, loading, reload } = useRequest(
    (signal) => findHints(api, pairs, signal),
    JSON.stringify(pairs),
  );
  if (loading) return <Loading />;
  if (error) return <Failed error={error} retry={reload} />;
  if (!data?.hasPhotos) {
    return <NothingYet href={href(state, { view: "batches", only: true })} />;
  }
  return (
    <NothingFound clear={() => navigate({ only: true })}>
      {data.hints.length > 0 && (
        <>
          <p>Without one of them there would be photos:</p>
          <ul class="without">
            {data.hints.map(({ name, value, count }) => {
              const [kind, text] = describeFilter(name, value);
              return (
                <li key={`${name} ${value}`}>
                  <a href={href(state, { filters: without(state.filters, name, value) })}>
                    Without{" "}
                    <b>
                      {kind} {text}
                    </b>
                  </a>{" "}
                  {count}
                </li>
              );
            })}
          </ul>
        </>
      )}
    </NothingFound>
  );
}

/**
 * @param {Api} api
 * @param {Pair[]} pairs
 * @param {AbortSignal} signal
 * @returns {Promise<{hasPhotos: boolean, hints: Hint[]}>} hints: the most helpful first
 */
async function findHints(api, pairs, signal) {
  const { photos } = await api.get("/photos", { limit: 1 }, { signal });
  if (!photos.length || !pairs.length) return { hasPhotos: photos.length > 0, hints: [] };
  const counted = await Promise.all(
    pairs.slice(0, MAX_HINTS).map((_, at) => countWithout(api, pairs, at, signal)),
  );
  const hints = counted.filter((hint) => hint !== null).filter(({ count }) => count > 0);
  return { hasPhotos: true, hints: hints.sort((one, other) => other.count - one.count) };
}

/**
 * Count the photos without one of the filters; null if that takes too long.
 * @param {Api} api
 * @param {Pair[]} pairs
 * @param {number} at
 * @param {AbortSignal} signal
 * @returns {Promise<Hint | null>}
 */
async function countWithout(api, pairs, at, signal) {
  const [name, value] = pairs[at];
  /** @type {Pair[]} */
  const params = [
    ...pairs.filter((_, index) => index !== at),
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
