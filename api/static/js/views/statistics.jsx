/**
 * @file Statistics view: charts of the photos that match the filters. Each bar links to the gallery with its photos.
 * @import { Api, FacetRow, FilterChange, FilterName, Navigate, RangeRow, State } from "../core/types"
 */
import { ChartCard, countWithoutValue, NoData } from "../components/chart_card.jsx";
import { ColumnChart, RankedBarChart } from "../components/charts.jsx";
import {
  EmptyLibrary,
  Failed,
  Loading,
  NoMatches,
  OnlyOtherFiles,
} from "../components/status_screens.jsx";
import { bucketName } from "../core/folders.js";
import {
  formatTotal,
  formatHour,
  formatNumber,
  oneLine,
  formatPeriod,
  pluralize,
  formatShare,
} from "../core/format.js";
import { cameraLabel, STATUS_LABELS } from "../core/labels.js";
import { fillMonths, neighbouringMonth } from "../core/months.js";
import { plausibleMonths } from "../core/date_outliers.js";
import { filterParams, href } from "../core/url_state.js";
import { useRefetchPartial } from "../hooks/use_refetch_partial.js";
import { useRequest } from "../hooks/use_request.js";
import { Equivalents, FocalLengths } from "./focal_charts.jsx";

/**
 * @param {{state: State, navigate: Navigate, api: Api, changes: number}} props
 *   changes: number of changes of the library
 */
export default function Statistics({ state, navigate, api, changes }) {
  const pairs = filterParams(state.filters);
  const key = `${JSON.stringify(pairs)} ${changes}`;
  const request = useRequest(
    /** @returns {Promise<StatisticsResponse>} */
    (signal) => api.get("/statistics", pairs, { signal }),
    key,
  );
  useRefetchPartial(request, key);
  if (request.error) return <Failed error={request.error} retry={request.reload} />;
  if (!request.data) return <Loading subject="statistics" slow={request.slow} />;
  /** @type {LinkTo} */
  const linkTo = (filters) => {
    // Photos without a value match the other filters too, such as `without=gps`.
    const without = [...new Set([state.filters.without ?? [], filters.without ?? []].flat())];
    return href(state, { view: "gallery", filters: { ...filters, without }, photo: null });
  };
  const { total, counted, partial, facets, buckets } = request.data;
  if (!total && !pairs.length) {
    return request.data.other_files ? (
      <OnlyOtherFiles href={linkTo({ media_type: ["other"] })} />
    ) : (
      <EmptyLibrary href={href(state, { view: "batches" })} />
    );
  }
  if (!total) return <NoMatches clear={() => navigate({ clearFilters: true })} />;
  return (
    <section class="statistics" aria-busy={request.stale} aria-label="Statistics">
      {partial && (
        <p class="notice" role="status">
          Partial counts ({pluralize(counted, "photo")} so far).{" "}
          <button type="button" onClick={request.reload}>
            Refresh
          </button>
        </p>
      )}
      <Summary data={request.data} linkTo={linkTo} />
      <Months rows={facets.taken} linkTo={linkTo} />
      <Hours rows={facets.hour} linkTo={linkTo} />
      <FocalLengths rows={facets.focal} linkTo={linkTo} state={state} />
      <Equivalents rows={facets.focal35} linkTo={linkTo} />
      <Values name="camera" title="Camera" rows={facets.camera} total={counted} linkTo={linkTo} />
      <Values name="lens" title="Lens" rows={facets.lens} total={counted} linkTo={linkTo} />
      <Buckets rows={buckets} linkTo={linkTo} />
    </section>
  );
}

/**
 * @typedef {(filters: FilterChange) => string} LinkTo
 * @typedef {{bucket: string, count: number} & Record<Status, number>} BucketRow
 * @typedef {object} StatisticsResponse
 * @property {number} total
 * @property {number | null} [other_files]
 * @property {boolean} [more]
 * @property {number} counted
 * @property {boolean} partial
 * @property {boolean} stale
 * @property {{taken: FacetRow[], hour: FacetRow[], focal: RangeRow[], focal35: RangeRow[], camera: FacetRow[],
 *   lens: FacetRow[]}} facets
 * @property {BucketRow[]} buckets
 */

/**
 * Return the rows that have a value.
 * @template {FacetRow} T
 * @param {T[]} rows
 * @returns {T[]}
 */
const withValue = (rows) => rows.filter(({ value }) => value !== null && value !== undefined);

/** @param {{data: StatisticsResponse, linkTo: LinkTo}} props */
function Summary({ data, linkTo }) {
  const { facets, buckets } = data;
  const withExif = buckets.reduce((sum, { ok }) => sum + ok, 0);
  const noExif = buckets.reduce((sum, { no_exif: count }) => sum + count, 0);
  const counted = buckets.reduce((sum, { count }) => sum + count, 0);
  const months = withValue(facets.taken);
  const first = months[0]?.value;
  const last = months.at(-1)?.value;
  /** @type {[name: string, value: string, href: string | null][]} */
  const facts = [
    ["Photos", formatTotal(data), linkTo({})],
    [STATUS_LABELS.ok, formatShare(withExif, counted), linkTo({ status: "ok" })],
    [
      STATUS_LABELS.no_exif,
      formatShare(noExif, counted),
      noExif ? linkTo({ status: "no_exif" }) : null,
    ],
    ["Earliest", first ? formatPeriod(first) : "–", first ? linkTo({ taken: first }) : null],
    ["Latest", last ? formatPeriod(last) : "–", last ? linkTo({ taken: last }) : null],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value, url]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{url ? <a href={url}>{value}</a> : value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** @param {{rows: FacetRow[], linkTo: LinkTo}} props */
function Months({ rows, linkTo }) {
  const dated = withValue(rows);
  let year = "";
  const { months: plausible, before, after } = plausibleMonths(dated);
  const months = plausible.length ? fillMonths(plausible) : [];
  const columns = months.map(({ value, count }) => {
    const isFirstOfYear = value.slice(0, 4) !== year;
    year = value.slice(0, 4);
    // A column of a year is too narrow for its own label.
    const isLabelled = value.length > year.length || Number(year) % 10 === 0;
    return {
      label: formatPeriod(value),
      count,
      href: linkTo({ taken: value }),
      groupLabel: isFirstOfYear && isLabelled ? year : null,
    };
  });
  return (
    <ChartCard
      title="By month"
      wide
      withoutCount={countWithoutValue(rows)}
      valueName="a date"
      href={linkTo({ without: "date" })}
    >
      {columns.length ? (
        <ColumnChart rows={columns} label="Photos by month" height={170} />
      ) : (
        <NoData subject="date" />
      )}
      {before > 0 && (
        <p class="without">
          <a href={linkTo({ taken: `..${neighbouringMonth(plausible[0].value, -1)}` })}>
            {pluralize(before, "photo")} with an earlier date
          </a>
        </p>
      )}
      {after > 0 && (
        <p class="without">
          <a
            href={linkTo({
              taken: `${neighbouringMonth(plausible[plausible.length - 1].value, 1)}..`,
            })}
          >
            {pluralize(after, "photo")} with a date in the future
          </a>
        </p>
      )}
    </ChartCard>
  );
}

/** @param {{rows: FacetRow[], linkTo: LinkTo}} props */
function Hours({ rows, linkTo }) {
  const counts = new Map(withValue(rows).map(({ value, count }) => [value, count]));
  const columns = Array.from({ length: 24 }, (_, hour) => ({
    label: `${formatHour(hour)} to ${formatHour(hour + 1)}`,
    count: counts.get(hour) ?? 0,
    href: linkTo({ hour: String(hour) }),
    shortLabel: hour % 3 ? "" : String(hour),
  }));
  return (
    <ChartCard
      title="By hour of the day"
      withoutCount={countWithoutValue(rows)}
      valueName="a date"
      href={linkTo({ without: "date" })}
    >
      {counts.size ? (
        <ColumnChart rows={columns} label="Photos by hour of the day (camera time)" />
      ) : (
        <NoData subject="date" />
      )}
    </ChartCard>
  );
}

/** @param {{name: FilterName, title: string, rows: FacetRow[], total: number, linkTo: LinkTo}} props */
function Values({ name, title, rows, total, linkTo }) {
  const bars = withValue(rows).map(({ value, count }) => ({
    label: name === "camera" ? cameraLabel(String(value), rows) : oneLine(String(value), 80),
    count,
    href: linkTo({ [name]: value }),
  }));
  return (
    <ChartCard
      title={`By ${title.toLowerCase()}`}
      withoutCount={countWithoutValue(rows)}
      valueName={`a ${title.toLowerCase()}`}
      href={linkTo({ without: name })}
    >
      {bars.length ? (
        <RankedBarChart rows={bars} label={`Photos by ${title.toLowerCase()}`} total={total} />
      ) : (
        <NoData subject={title.toLowerCase()} />
      )}
    </ChartCard>
  );
}

/** @typedef {"ok" | "no_exif" | "unsupported" | "damaged"} Status */

const STATUS_COLUMNS = /** @type {Status[]} */ (Object.keys(STATUS_LABELS));

/** @param {{rows: BucketRow[], linkTo: LinkTo}} props */
function Buckets({ rows, linkTo }) {
  return (
    <ChartCard title="By bucket" wide>
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
                <span class="visually-hidden">Shares</span>
              </th>
              {STATUS_COLUMNS.map((status) => (
                <th key={status} scope="col" class="number">
                  <span class={`key ${status}`} aria-hidden="true" />
                  {STATUS_LABELS[status]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.bucket}>
                <th scope="row">
                  <a href={linkTo({ bucket: row.bucket })}>
                    <bdi>{oneLine(bucketName(row.bucket), 70)}</bdi>
                  </a>
                </th>
                <td class="number">{formatNumber(row.count)}</td>
                <td class="mix">
                  <span class="stack" aria-hidden="true">
                    {STATUS_COLUMNS.map((status) => (
                      <span
                        key={status}
                        class={status}
                        style={{ width: `${(row[status] / row.count) * 100}%` }}
                      />
                    ))}
                  </span>
                </td>
                {STATUS_COLUMNS.map((status) => (
                  <td key={status} class="number">
                    {row[status] ? (
                      <a
                        href={linkTo({ bucket: row.bucket, status })}
                        title={`${STATUS_LABELS[status]}: ${pluralize(row[status], "photo")}`}
                      >
                        {formatShare(row[status], row.count)}
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
    </ChartCard>
  );
}
