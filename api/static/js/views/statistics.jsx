/**
 * @file Statistics of the photos that pass the filters. Every bar links to its photos in the gallery.
 * @import { ComponentChildren } from "preact"
 * @import { Api, FacetRow, FilterChange, FilterName, Navigate, RangeRow, State } from "../core/types"
 */
import { Columns, RankedBars } from "../components/charts.jsx";
import { Failed, Loading, NothingFound, NothingYet } from "../components/status_screens.jsx";
import { decimal, number, ofMany, oneLine, period, plural, share } from "../core/format.js";
import { SPANS, writeSpan } from "../core/labels.js";
import { everyMonth } from "../core/months.js";
import { filterParams, href } from "../core/url_state.js";
import { useRefetchPartial } from "../hooks/use_refetch_partial.js";
import { useRequest } from "../hooks/use_request.js";

/** @param {{state: State, navigate: Navigate, api: Api}} props */
export default function Statistics({ state, navigate, api }) {
  const pairs = filterParams(state.filters);
  const key = JSON.stringify(pairs);
  const request = useRequest(
    /** @returns {Promise<StatisticsAnswer>} */
    (signal) => api.get("/statistics", pairs, { signal }),
    key,
  );
  const isWhole = pairs.length === 0;
  useRefetchPartial(request, key);
  if (request.error) return <Failed error={request.error} retry={request.reload} />;
  if (!request.data) return <Loading subject="statistics" slow={request.slow} />;
  const { total, counted, cut_short: cutShort, facets, buckets } = request.data;
  if (!total && isWhole) return <NothingYet href={href(state, { view: "batches" })} />;
  if (!total) return <NothingFound clear={() => navigate({ only: true })} />;
  /** @type {LinkTo} */
  const to = (filters) => href(state, { view: "gallery", filters, photo: null });
  return (
    <section class="statistics" aria-busy={request.stale} aria-label="Statistics">
      {cutShort && (
        <p class="notice" role="status">
          These are counts of {plural(counted, "photo")}, some of all: the whole is being counted,
          and shown here as soon as it is.{" "}
          <button type="button" onClick={request.reload}>
            Count again
          </button>
        </p>
      )}
      <Summary data={request.data} to={to} />
      <Months rows={facets.taken} to={to} />
      <Hours rows={facets.hour} to={to} />
      <Focals rows={facets.focal} to={to} state={state} />
      <Values name="camera" title="Camera" rows={facets.camera} total={counted} to={to} />
      <Values name="lens" title="Lens" rows={facets.lens} total={counted} to={to} />
      <Buckets rows={buckets} to={to} />
    </section>
  );
}

/**
 * @typedef {(filters: FilterChange) => string} LinkTo
 * @typedef {{bucket: string, count: number} & Record<Status, number>} BucketRow
 * @typedef {object} StatisticsAnswer
 * @property {number} total
 * @property {boolean} [more]
 * @property {number} counted
 * @property {boolean} cut_short
 * @property {{taken: FacetRow[], hour: FacetRow[], focal: RangeRow[], camera: FacetRow[], lens: FacetRow[]}} facets
 * @property {BucketRow[]} buckets
 */

/**
 * @template {FacetRow} T
 * @param {T[]} rows
 * @returns {T[]}
 */
const withoutNull = (rows) => rows.filter(({ value }) => value !== null && value !== undefined);
/**
 * Return the number of photos without a value. Rows of ranges have no value either.
 * @param {(FacetRow & Partial<RangeRow>)[]} rows
 */
const countOfNull = (rows) => rows.find(isOfNull)?.count ?? 0;

/** @param {FacetRow & Partial<RangeRow>} row */
const isOfNull = ({ value, from, least }) =>
  value === null && from === undefined && least === undefined;

/**
 * @param {object} props
 * @param {string} props.title
 * @param {boolean} [props.wide]
 * @param {ComponentChildren} props.children
 * @param {number} [props.without] how many photos have no value
 * @param {string | null} [props.href] of those photos
 * @param {string} [props.missing] what those photos lack
 */
function Card({ title, wide, children, without, href: address = null, missing }) {
  return (
    <section class={`card ${wide ? "wide" : ""}`} aria-label={title}>
      <h2>{title}</h2>
      {children}
      {without !== undefined && without > 0 && (
        <p class="without">
          {address ? (
            <a href={address}>
              {plural(without, "photo")} without {missing}
            </a>
          ) : (
            `${plural(without, "photo")} without ${missing}`
          )}
        </p>
      )}
    </section>
  );
}

const None = () => <p class="muted">None of these photos says so.</p>;

/** @param {{data: StatisticsAnswer, to: LinkTo}} props */
function Summary({ data, to }) {
  const { facets, buckets } = data;
  const withExif = buckets.reduce((sum, { ok }) => sum + ok, 0);
  const noExif = buckets.reduce((sum, { no_exif: count }) => sum + count, 0);
  const counted = buckets.reduce((sum, { count }) => sum + count, 0);
  const months = withoutNull(facets.taken);
  const first = months[0]?.value;
  const last = months.at(-1)?.value;
  /** @type {[name: string, value: string, href: string | null][]} */
  const facts = [
    ["Photos", ofMany(data), to({})],
    ["With EXIF", share(withExif, counted), to({ status: "ok" })],
    ["Without EXIF", share(noExif, counted), noExif ? to({ status: "no_exif" }) : null],
    ["First", first ? period(first) : "–", first ? to({ taken: first }) : null],
    ["Last", last ? period(last) : "–", last ? to({ taken: last }) : null],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value, address]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{address ? <a href={address}>{value}</a> : value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** @param {{rows: FacetRow[], to: LinkTo}} props */
function Months({ rows, to }) {
  const dated = withoutNull(rows);
  let year = "";
  const months = dated.length ? everyMonth(dated) : [];
  const columns = months.map(({ value, count }) => {
    const isFirstOfYear = value.slice(0, 4) !== year;
    year = value.slice(0, 4);
    return {
      label: period(value),
      count,
      href: to({ taken: value }),
      mark: isFirstOfYear ? year : null,
    };
  });
  return (
    <Card
      title="By month"
      wide
      without={countOfNull(rows)}
      missing="a date"
      href={to({ without: "date" })}
    >
      {columns.length ? <Columns rows={columns} label="Photos by month" height={170} /> : <None />}
    </Card>
  );
}

/** @param {{rows: FacetRow[], to: LinkTo}} props */
function Hours({ rows, to }) {
  const counts = new Map(withoutNull(rows).map(({ value, count }) => [value, count]));
  /** @param {number} hour */
  const clock = (hour) => `${String(hour % 24).padStart(2, "0")}:00`;
  const columns = Array.from({ length: 24 }, (_, hour) => ({
    label: `${clock(hour)} to ${clock(hour + 1)}`,
    count: counts.get(hour) ?? 0,
    href: to({ hour: String(hour) }),
    short: hour % 3 ? "" : String(hour),
  }));
  return (
    <Card
      title="By hour of the day"
      without={countOfNull(rows)}
      missing="a date"
      href={to({ without: "date" })}
    >
      {counts.size ? (
        <Columns rows={columns} label="Photos by hour of the day, on the camera's clock" />
      ) : (
        <None />
      )}
    </Card>
  );
}

/** @param {{rows: RangeRow[], to: LinkTo, state: State}} props */
function Focals({ rows, to, state }) {
  const ranges = rows.filter(({ least }) => least !== undefined);
  /** @param {number} value */
  const exact = (value) => decimal(value, 6);
  const columns = ranges.map(({ from, to: end, least, greatest, count }) => ({
    label: SPANS.focal([from ?? least, end ?? greatest]),
    count,
    // From and to values that exist: the end of the range belongs to the next one.
    href: to({ focal: writeSpan([least, greatest], exact) }),
    short: decimal(from ?? least, 0),
  }));
  // The API has no parameter for photos without one. A query does it, unless there is another.
  const query = JSON.stringify({ "photo.focal_length_mm": { $exists: false } });
  return (
    <Card
      title="By focal length"
      without={countOfNull(rows)}
      missing="a focal length"
      href={state.filters.query ? null : to({ query })}
    >
      {columns.length ? <Columns rows={columns} label="Photos by focal length" /> : <None />}
    </Card>
  );
}

/** @param {{name: FilterName, title: string, rows: FacetRow[], total: number, to: LinkTo}} props */
function Values({ name, title, rows, total, to }) {
  const bars = withoutNull(rows).map(({ value, count }) => ({
    label: oneLine(String(value), 80),
    count,
    href: to({ [name]: value }),
  }));
  return (
    <Card
      title={`By ${title.toLowerCase()}`}
      without={countOfNull(rows)}
      missing={`a ${title.toLowerCase()}`}
      href={to({ without: name })}
    >
      {bars.length ? (
        <RankedBars rows={bars} label={`Photos by ${title.toLowerCase()}`} total={total} />
      ) : (
        <None />
      )}
    </Card>
  );
}

/** @typedef {"ok" | "no_exif" | "unsupported" | "damaged"} Status */

/** @type {[status: Status, title: string][]} */
const KINDS = [
  ["ok", "With EXIF"],
  ["no_exif", "Without EXIF"],
  ["unsupported", "Not a photo"],
  ["damaged", "Damaged"],
];

/** @param {{rows: BucketRow[], to: LinkTo}} props */
function Buckets({ rows, to }) {
  return (
    <Card title="By bucket" wide>
      <div
        class="table-scroll"
        tabindex={0}
        role="region"
        aria-label="Photos by bucket, as a table"
      >
        <table class="buckets">
          <thead>
            <tr>
              <th scope="col">Bucket</th>
              <th scope="col" class="number">
                Photos
              </th>
              <th scope="col" class="mix">
                <span class="hidden">Shares</span>
              </th>
              {KINDS.map(([kind, title]) => (
                <th key={kind} scope="col" class="number">
                  <span class={`key ${kind}`} aria-hidden="true" />
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.bucket}>
                <th scope="row">
                  <a href={to({ bucket: row.bucket })}>{oneLine(row.bucket, 70)}</a>
                </th>
                <td class="number">{number(row.count)}</td>
                <td class="mix">
                  <span class="stack" aria-hidden="true">
                    {KINDS.map(([kind]) => (
                      <span
                        key={kind}
                        class={kind}
                        style={{ width: `${(row[kind] / row.count) * 100}%` }}
                      />
                    ))}
                  </span>
                </td>
                {KINDS.map(([kind, title]) => (
                  <td key={kind} class="number">
                    {row[kind] ? (
                      <a
                        href={to({ bucket: row.bucket, status: kind })}
                        title={`${title}: ${plural(row[kind], "photo")}`}
                      >
                        {share(row[kind], row.count)}
                      </a>
                    ) : (
                      <span class="muted">–</span>
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
