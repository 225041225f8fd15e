/**
 * @file A card with a chart of the values of a facet.
 * @import { ComponentChildren } from "preact"
 * @import { FacetRow, RangeRow } from "../core/types"
 */
import { pluralize } from "../core/format.js";

/**
 * Return the number of photos without a value of a facet.
 * @param {(FacetRow & Partial<RangeRow>)[]} rows
 */
export const countWithoutValue = (rows) => rows.find(isWithoutValue)?.count ?? 0;

/**
 * Return whether a row counts the photos without a value. Rows of ranges have no `value` either, but they have bounds.
 * @param {FacetRow & Partial<RangeRow>} row
 */
const isWithoutValue = ({ value, from, least }) =>
  value === null && from === undefined && least === undefined;

/**
 * @param {object} props
 * @param {string} props.title
 * @param {boolean} [props.wide]
 * @param {ComponentChildren} props.children
 * @param {number} [props.withoutCount] number of photos without the value that the chart counts
 * @param {string | null} [props.href] URL of the gallery with those photos
 * @param {string} [props.valueName] name of the value, with its article
 */
export function ChartCard({ title, wide, children, withoutCount, href: url = null, valueName }) {
  return (
    <section class={`card ${wide ? "wide" : ""}`} aria-label={title}>
      <h2>{title}</h2>
      {children}
      {withoutCount !== undefined && withoutCount > 0 && (
        <p class="without">
          {url ? (
            <a href={url}>
              {pluralize(withoutCount, "photo")} without {valueName}
            </a>
          ) : (
            `${pluralize(withoutCount, "photo")} without ${valueName}`
          )}
        </p>
      )}
    </section>
  );
}

/** @param {{subject: string}} props */
export const NoData = ({ subject }) => <p class="muted">No {subject} data in these photos.</p>;
