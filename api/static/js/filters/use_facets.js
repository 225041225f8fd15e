/**
 * @file The counts of the filter panel: one request for values, one for ranges, both under the current filters.
 * @import { Api, Counts, Pair, State } from "../core/types"
 */
import { filterParams } from "../core/url_state.js";
import { useRefetchPartial } from "../hooks/use_refetch_partial.js";
import { useRequest } from "../hooks/use_request.js";

const VALUES = "camera,lens,keyword,rating,place,bucket,format,status";
const RANGES = "taken,iso,f,exposure,focal";

// The API keeps the counts of everything. Until it has them, early counts of a part are better than none.
const FIRST_BUDGET_MS = 400;

/**
 * Fetch the counts; each facet is counted without its own filter.
 * @param {State} state
 * @param {Api} api
 * @param {boolean} isEnabled
 */
export function useFacets(state, api, isEnabled) {
  const pairs = filterParams(state.filters);
  const hasFolders = state.filters.bucket?.length === 1 || state.filters.prefix;
  /**
   * @param {AbortSignal} signal
   * @returns {Promise<Counts | null>}
   */
  const ask = async (signal) => {
    if (!isEnabled) return null;
    /** @type {Pair[]} */
    const common = [...pairs, ["others", "true"], ["top", "200"]];
    if (!pairs.length) common.push(["budget_ms", FIRST_BUDGET_MS]);
    const ranges = hasFolders ? `${RANGES},folder` : RANGES;
    const [first, second] = await Promise.all(
      [VALUES, ranges].map((fields) =>
        api.get("/facets", [...common, ["fields", fields]], { signal }),
      ),
    );
    return {
      total: first.total,
      more: first.more,
      counted: Math.min(first.counted, second.counted),
      cut_short: first.cut_short || second.cut_short,
      facets: { ...first.facets, ...second.facets },
    };
  };
  const key = `${isEnabled} ${JSON.stringify(pairs)}`;
  const request = useRequest(ask, key);
  useRefetchPartial(request, key);
  return request;
}
