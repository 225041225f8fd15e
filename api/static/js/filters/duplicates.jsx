/**
 * @file Filters for files that have copies. Copies are recognized by their fingerprint.
 * @import { KindProps } from "./values.jsx"
 */
import { formatNumber, pluralize } from "../core/format.js";
import { fileName } from "../core/labels.js";
import { useState } from "../core/preact.js";
import { href } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";
import { FacetValue, withToggled } from "./facet_value.jsx";

// Number of files to show at first and with each further click. The API takes up to 50 values per filter.
const STEP = 20;

/** @param {KindProps} props */
export function Duplicates({ rows, state, navigate, api }) {
  const [limit, setLimit] = useState(STEP);
  const selected = state.filters.fingerprint ?? [];
  const groups = duplicateGroups(rows, selected);
  const shown = groups.slice(0, limit);
  const names = useNames(
    shown.map(({ value }) => value),
    api,
  );
  if (!groups.length) return <p class="none">No duplicates among these photos.</p>;
  const max = groups.reduce((high, { count }) => Math.max(high, count), 1);
  return (
    <>
      <ul class="values">
        {shown.map(({ value, count }) => (
          <FacetValue
            key={value}
            label={names.get(value) ?? "…"}
            count={count}
            max={max}
            isOn={selected.includes(value)}
            toggle={() => navigate({ filters: { fingerprint: withToggled(selected, value) } })}
          />
        ))}
      </ul>
      <p class="none">
        {pluralize(groups.length, "file")} with copies, recognized by size and metadata.{" "}
        <a href={href(state, { view: "duplicates", photo: null })}>Compare copies</a>
      </p>
      {groups.length > limit && (
        <button type="button" class="link" onClick={() => setLimit(limit + STEP)}>
          Show {formatNumber(Math.min(STEP, groups.length - limit))} more
        </button>
      )}
    </>
  );
}

/**
 * Return the fingerprints that several photos share, the most frequent one first, and those that are selected.
 * @param {{value: any, count: number}[]} rows
 * @param {string[]} selected
 * @returns {{value: string, count: number}[]}
 */
export const duplicateGroups = (rows, selected) =>
  rows.filter(
    ({ value, count }) => value !== null && (count > 1 || selected.includes(String(value))),
  );

/**
 * Fetch the name of a file for each fingerprint.
 * @param {string[]} fingerprints
 * @param {KindProps["api"]} api
 * @returns {Map<string, string>}
 */
function useNames(fingerprints, api) {
  const [known] = useState(() => /** @type {Map<string, string>} */ (new Map()));
  const unknown = fingerprints.filter((value) => !known.has(value)).slice(0, STEP);
  useRequest(async (signal) => {
    const pages = await Promise.all(
      unknown.map((value) => api.get("/photos", { fingerprint: value, limit: 1 }, { signal })),
    );
    for (const [index, { photos }] of pages.entries()) {
      known.set(unknown[index], photos[0] ? fileName(photos[0].key ?? photos[0].id) : "?");
    }
    return null;
  }, unknown.join());
  return known;
}
