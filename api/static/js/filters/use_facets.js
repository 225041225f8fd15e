/**
 * @file Fetches the counts of the filter panel in two or three requests: counts by value, counts by range, and counts
 * of properties of files. The second request also fetches the counts by person and country.
 * @import { Api, Counts, Pair, State } from "../core/types"
 */
import { facetParams, filterParams, shownParams } from "../core/url_state.js";
import { useRefetchPartial } from "../hooks/use_refetch_partial.js";
import { useRequest } from "../hooks/use_request.js";

const VALUES = "camera,lens,keyword,rating,gps,bucket";
// Selecting one of their values shows every file of a stack; see facetParams.
const FILE_VALUES = "format,status,media_type";
const RANGES = "taken,iso,f,exposure,focal,person,country";

/** Number of values to request for each facet. */
export const MAX_VALUES = 200;
/**
 * The parameters of all requests: also count the values that a facet's own filters exclude.
 * @type {Pair[]}
 */
export const FACET_PARAMS = [
  ["others", "true"],
  ["top", MAX_VALUES],
];
// Time limit for the counts without a filter. The API counts the whole library in the background and caches the result.
// Until then, partial counts that arrive quickly are better than none.
const UNFILTERED_BUDGET_MS = 400;

/**
 * Fetch the counts of one filter whose section is closed at first.
 * @param {string} name
 * @param {State} state
 * @param {Api} api
 * @param {number} changes of the library; each change fetches the counts again
 */
export function useFacet(name, state, api, changes) {
  const pairs = facetParams(name, state);
  /**
   * @param {AbortSignal} signal
   * @returns {Promise<Counts>}
   */
  const load = (signal) =>
    api.get("/facets", [...pairs, ...FACET_PARAMS, ["fields", name]], { signal });
  const key = `${name} ${JSON.stringify(pairs)} ${changes}`;
  const request = useRequest(load, key);
  useRefetchPartial(request, key);
  return request;
}

/**
 * Fetch the counts of the photos that match the filters. The counts of each facet ignore the facet's own filters.
 * @param {State} state
 * @param {Api} api
 * @param {boolean} isEnabled
 * @param {number} changes of the library; each change fetches the counts again
 */
export function useFacets(state, api, isEnabled, changes) {
  const pairs = shownParams(state);
  const filePairs = facetParams("format", state);
  // If values and properties of files are counted in the same files, one request is enough.
  const isOneRequest = filePairs.length === pairs.length;
  const hasFolders = state.filters.bucket?.length === 1 || state.filters.prefix;
  /**
   * @param {AbortSignal} signal
   * @returns {Promise<Counts | null>}
   */
  const load = async (signal) => {
    if (!isEnabled) return null;
    /** @type {Pair[]} */
    const options = [...FACET_PARAMS];
    if (!filterParams(state.filters).length) options.push(["budget_ms", UNFILTERED_BUDGET_MS]);
    /** @type {(params: Pair[], fields: string) => Promise<any>} */
    const count = (params, fields) =>
      api.get("/facets", [...params, ...options, ["fields", fields]], { signal });
    const [values, ranges, fileValues] = await Promise.all([
      count(pairs, isOneRequest ? `${VALUES},${FILE_VALUES}` : VALUES),
      count(pairs, hasFolders ? `${RANGES},folder` : RANGES),
      isOneRequest ? { facets: {} } : count(filePairs, FILE_VALUES),
    ]);
    return {
      total: values.total,
      other_files: values.other_files,
      files_in_stacks: values.files_in_stacks,
      more: values.more,
      counted: Math.min(values.counted, ranges.counted),
      partial: values.partial || ranges.partial || fileValues.partial,
      // If the totals differ, photos were stored or deleted between the two responses.
      stale:
        values.stale ||
        ranges.stale ||
        fileValues.stale ||
        (values.total !== ranges.total && !values.partial),
      facets: { ...values.facets, ...ranges.facets, ...fileValues.facets },
    };
  };
  const key = `${isEnabled} ${JSON.stringify(pairs)} ${changes}`;
  const request = useRequest(load, key);
  useRefetchPartial(request, key);
  return request;
}
