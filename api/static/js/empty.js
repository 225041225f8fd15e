// No photos: because there are none at all, or because none passes the filters.
import { html } from "./html.js";
import { describeFilter } from "./describe.js";
import { useLoad } from "./load.js";
import { Failed, Loading, NothingFound, NothingYet } from "./screens.js";
import { filterParams, href } from "./state.js";

export function Empty({ state, navigate, api }) {
  const pairs = filterParams(state.filters);
  const isFiltered = pairs.length > 0;
  // Is it the filters, or is there nothing? What each filter keeps away tells which one to take off.
  const { data, error, loading, reload } = useLoad(
    async (signal) => {
      const { photos } = await api.get("/photos", { limit: 1 }, { signal });
      if (!photos.length || !isFiltered) return { any: photos.length > 0, without: [] };
      const without = await Promise.all(pairs.slice(0, 6).map((pair, at) => countWithout(api, pairs, at, signal)));
      return { any: true, without };
    },
    JSON.stringify(pairs),
  );
  if (loading) return html`<${Loading} />`;
  if (error) return html`<${Failed} error=${error} retry=${reload} />`;
  if (!data.any) return html`<${NothingYet} href=${href(state, { view: "batches", only: true })} />`;
  const helpful = data.without.filter((found) => found?.count > 0).sort((one, other) => other.count - one.count);
  return html`<${NothingFound} clear=${() => navigate({ only: true })}>
    ${helpful.length > 0 &&
    html`<p>Without one of them there would be photos:</p>
      <ul class="without">
        ${helpful.map(({ name, value, count }) => {
          const [kind, text] = describeFilter(name, value);
          return html`<li key=${`${name} ${value}`}>
            <a href=${href(state, { filters: without(state.filters, name, value) })}>Without <b>${kind} ${text}</b></a> ${count}
          </li>`;
        })}
      </ul>`}
  <//>`;
}

async function countWithout(api, pairs, at, signal) {
  const [name, value] = pairs[at];
  const others = pairs.filter((_, index) => index !== at);
  try {
    const { total } = await api.get("/facets", [...others, ["fields", "status"], ["budget_ms", 500]], { signal });
    return { name, value, count: total };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return null; // a hint that cannot be had in time
  }
}

// The change that takes one value of a filter away.
export function without(filters, name, value) {
  const given = filters[name];
  return { [name]: Array.isArray(given) ? given.filter((item) => item !== value) : null };
}
