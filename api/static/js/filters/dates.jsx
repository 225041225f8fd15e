/**
 * @file Filters by date taken: two fields for the first and the last day, and photos without a date.
 * @import { KindProps } from "./values.jsx"
 */
import { RangeFields } from "../components/range_fields.jsx";
import { daysOf } from "./date_bars.js";
import { FacetValue, withToggled } from "./facet_value.jsx";
import { NoData } from "./values.jsx";

/** @param {KindProps} props */
export function Dates({ section, rows, state, navigate }) {
  const { taken, without } = state.filters;
  const [first, last] = daysOf(taken);
  const missing = rows.find(({ value }) => value === null)?.count ?? 0;
  const isWithout = Boolean(without?.includes("date"));
  const dated = rows.reduce((sum, { value, count }) => sum + (value === null ? 0 : count), 0);
  if (!rows.length && !taken && !isWithout) return <NoData name="date" />;
  /** @type {(low: string, high: string) => void} */
  const onChange = (low, high) =>
    navigate({ filters: { taken: low === high ? low || null : `${low}..${high}` } });
  return (
    <>
      <RangeFields
        title={section.title}
        type="date"
        low={first}
        high={last}
        parse={parseDay}
        onChange={onChange}
      />
      {(missing > 0 || isWithout) && (
        <ul class="values">
          <FacetValue
            quiet
            label={section.noneLabel ?? ""}
            count={missing}
            max={Math.max(1, dated, missing)}
            isOn={isWithout}
            toggle={() => navigate({ filters: { without: withToggled(without, "date") } })}
          />
        </ul>
      )}
    </>
  );
}

/**
 * Return the day if the filter `taken` accepts it, or null.
 * @param {string} text
 */
const parseDay = (text) => (/^(19|20)\d\d-\d\d-\d\d$/.test(text) ? text : null);
