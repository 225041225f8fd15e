/**
 * @file Charts of the photos by focal length, and by its equivalent on 35 mm film.
 * @import { FilterChange, RangeRow, State } from "../core/types"
 */
import { ChartCard, countWithoutValue, NoData } from "../components/chart_card.jsx";
import { ColumnChart } from "../components/charts.jsx";
import { formatDecimal } from "../core/format.js";
import { formatSpan, SPAN_FORMATTERS } from "../core/spans.js";

/** @typedef {(filters: FilterChange) => string} LinkTo */

/** @param {{rows: RangeRow[], linkTo: LinkTo, state: State}} props */
export function FocalLengths({ rows, linkTo, state }) {
  const columns = focalColumns("focal", rows, linkTo);
  // The API has no filter for photos without a focal length, so link to a query. If there already is a query, leave the
  // link out, because there can be only one.
  const query = JSON.stringify({ "photo.focal_length_mm": { $exists: false } });
  return (
    <ChartCard
      title="By focal length"
      withoutCount={countWithoutValue(rows)}
      valueName="a focal length"
      href={state.filters.query ? null : linkTo({ query })}
    >
      {columns.length ? (
        <ColumnChart rows={columns} label="Photos by focal length" />
      ) : (
        <NoData subject="focal length" />
      )}
    </ChartCard>
  );
}

/**
 * Focal lengths of cameras with different sensors, such as phones and full-frame cameras, compare only by these.
 * @param {{rows: RangeRow[], linkTo: LinkTo}} props
 */
export function Equivalents({ rows, linkTo }) {
  const columns = focalColumns("focal35", rows, linkTo);
  return (
    <ChartCard
      title="By 35 mm equivalent"
      withoutCount={countWithoutValue(rows)}
      valueName="a 35 mm equivalent"
      href={linkTo({ without: "focal35" })}
    >
      {columns.length ? (
        <ColumnChart rows={columns} label="Photos by 35 mm equivalent" />
      ) : (
        <NoData subject="35 mm equivalent" />
      )}
    </ChartCard>
  );
}

/**
 * @param {"focal" | "focal35"} name of the filter
 * @param {RangeRow[]} rows
 * @param {LinkTo} linkTo
 */
const focalColumns = (name, rows, linkTo) =>
  rows
    .filter(({ least }) => least !== undefined)
    .map((range) => ({
      label: describeFocalRange(range),
      count: range.count,
      // Use values that photos have, because the range's upper bound belongs to the next range.
      href: linkTo({ [name]: formatSpan([range.least, range.greatest]) }),
      shortLabel: formatDecimal(range.from ?? range.least, 0),
    }));

/** @param {RangeRow} range */
function describeFocalRange({ from, to, least, greatest }) {
  const isOpenBelow = from === null || from === undefined;
  if (isOpenBelow && to) return `Under ${SPAN_FORMATTERS.focal([to, to])}`;
  return SPAN_FORMATTERS.focal([from ?? least, to ?? greatest]);
}
