// The counts at the side: one answer for the values, one for the ranges, both under the filters of the address.
import { useAgain } from "./again.js";
import { useLoad } from "./load.js";
import { filterParams } from "./state.js";

const VALUES = "camera,lens,keyword,rating,place,bucket,format,status";
const RANGES = "taken,iso,f,exposure,focal";

// Counts of everything are kept by the API. Until it has them, those of a part that come soon are better than none.
const FIRST_MS = 400;

// Returns what useLoad does; data: {total, more, counted, cut_short, facets: {name: rows}}. others: each facet without its own filter.
export function useFacets(state, api, isWanted) {
  const pairs = filterParams(state.filters);
  const hasFolders = state.filters.bucket?.length === 1 || state.filters.prefix;
  const ask = async (signal) => {
    if (!isWanted) return null;
    const common = [...pairs, ["others", "true"], ["top", "200"]];
    if (!pairs.length) common.push(["budget_ms", FIRST_MS]);
    const [values, ranges] = await Promise.all([
      api.get("/facets", [...common, ["fields", VALUES]], { signal }),
      api.get("/facets", [...common, ["fields", hasFolders ? `${RANGES},folder` : RANGES]], { signal }),
    ]);
    return {
      total: values.total,
      more: values.more,
      counted: Math.min(values.counted, ranges.counted),
      cut_short: values.cut_short || ranges.cut_short,
      facets: { ...values.facets, ...ranges.facets },
    };
  };
  const key = `${isWanted} ${JSON.stringify(pairs)}`;
  const found = useLoad(ask, key);
  useAgain(found, key);
  return found;
}
