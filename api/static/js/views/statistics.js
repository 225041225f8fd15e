// What the photos that pass the filters are made of. Every bar leads to its photos in the gallery.
import { html } from "../html.js";
import { useAgain } from "../again.js";
import { SPANS, writeSpan } from "../describe.js";
import { decimal, number, ofMany, oneLine, period, plural } from "../format.js";
import { useLoad } from "../load.js";
import { Failed, Loading, NothingFound, NothingYet } from "../screens.js";
import { filterParams, href } from "../state.js";
import { Bars, Columns, share } from "../chart.js";

export default function Statistics({ state, navigate, api }) {
  const pairs = filterParams(state.filters);
  const key = JSON.stringify(pairs);
  const found = useLoad((signal) => api.get("/statistics", pairs, { signal }), key);
  const isWhole = pairs.length === 0;
  useAgain(found, key);
  if (found.error) return html`<${Failed} error=${found.error} retry=${found.reload} />`;
  if (!found.data) return html`<${Loading} what="statistics" slow=${found.slow} />`;
  const { total, counted, cut_short: cutShort, facets, buckets } = found.data;
  if (!total && isWhole) return html`<${NothingYet} href=${href(state, { view: "batches" })} />`;
  if (!total) return html`<${NothingFound} clear=${() => navigate({ only: true })} />`;
  const to = (filters) => href(state, { view: "gallery", filters, photo: null });
  return html`<section class="statistics" aria-busy=${found.stale} aria-label="Statistics">
    ${cutShort && html`<p class="notice" role="status">
      These are counts of ${plural(counted, "photo")}, some of all: the whole is being counted, and shown here as soon as it is.
      ${" "}<button type="button" onClick=${found.reload}>Count again</button>
    </p>`}
    <${Summary} data=${found.data} to=${to} />
    <${Months} rows=${facets.taken} to=${to} />
    <${Hours} rows=${facets.hour} to=${to} />
    <${Focals} rows=${facets.focal} to=${to} state=${state} />
    <${Values} name="camera" title="Camera" rows=${facets.camera} total=${counted} to=${to} />
    <${Values} name="lens" title="Lens" rows=${facets.lens} total=${counted} to=${to} />
    <${Buckets} rows=${buckets} to=${to} />
  </section>`;
}

const withoutNull = (rows) => rows.filter(({ value }) => value !== null && value !== undefined);
const countOfNull = (rows) => rows.find((row) => row.value === null && row.from === undefined && row.least === undefined)?.count ?? 0;

function Card({ title, wide, children, without, href: address, what }) {
  return html`<section class="card ${wide ? "wide" : ""}" aria-label=${title}>
    <h2>${title}</h2>
    ${children}
    ${without > 0 && html`<p class="without">${address ? html`<a href=${address}>${plural(without, "photo")} without ${what}</a>` : `${plural(without, "photo")} without ${what}`}</p>`}
  </section>`;
}

const None = () => html`<p class="muted">None of these photos says so.</p>`;

function Summary({ data, to }) {
  const { facets, buckets } = data;
  const withExif = buckets.reduce((sum, { ok }) => sum + ok, 0);
  const noExif = buckets.reduce((sum, { no_exif: count }) => sum + count, 0);
  const counted = buckets.reduce((sum, { count }) => sum + count, 0);
  const months = withoutNull(facets.taken);
  const facts = [
    ["Photos", ofMany(data), to({})],
    ["With EXIF", share(withExif, counted), to({ status: "ok" })],
    ["Without EXIF", share(noExif, counted), noExif ? to({ status: "no_exif" }) : null],
    ["First", months.length ? period(months[0].value) : "–", months.length ? to({ taken: months[0].value }) : null],
    ["Last", months.length ? period(months.at(-1).value) : "–", months.length ? to({ taken: months.at(-1).value }) : null],
  ];
  return html`<dl class="facts">${facts.map(
    ([name, value, address]) => html`<div key=${name}><dt>${name}</dt><dd>${address ? html`<a href=${address}>${value}</a>` : value}</dd></div>`,
  )}</dl>`;
}

// Every month from the first photo to the last, those without photos too, so that a pause is seen as one.
export function everyMonth(rows) {
  const counts = new Map(rows.map(({ value, count }) => [value, count]));
  const [first, last] = [rows[0].value, rows.at(-1).value].map((value) => {
    const [year, month] = value.split("-").map(Number);
    return year * 12 + month - 1;
  });
  // A camera whose clock was wrong may say 1904; so many empty columns are no chart.
  if (last - first > MOST_MONTHS) return rows;
  const months = [];
  for (let at = first; at <= last; at++) {
    const value = `${String(Math.floor(at / 12)).padStart(4, "0")}-${String((at % 12) + 1).padStart(2, "0")}`;
    months.push({ value, count: counts.get(value) ?? 0 });
  }
  return months;
}

const MOST_MONTHS = 480;

function Months({ rows, to }) {
  const dated = withoutNull(rows);
  let year = null;
  const columns = dated.length ? everyMonth(dated).map(({ value, count }) => {
    const begins = value.slice(0, 4) !== year;
    year = value.slice(0, 4);
    return { label: period(value), count, href: to({ taken: value }), mark: begins ? year : null };
  }) : [];
  return html`<${Card} title="By month" wide without=${countOfNull(rows)} what="a date" href=${to({ without: "date" })}>
    ${columns.length ? html`<${Columns} rows=${columns} label="Photos by month" height=${170} />` : html`<${None} />`}
  <//>`;
}

function Hours({ rows, to }) {
  const counts = new Map(withoutNull(rows).map(({ value, count }) => [value, count]));
  const clock = (hour) => `${String(hour % 24).padStart(2, "0")}:00`;
  const columns = Array.from({ length: 24 }, (_, hour) => ({
    label: `${clock(hour)} to ${clock(hour + 1)}`, count: counts.get(hour) ?? 0, href: to({ hour: String(hour) }), short: hour % 3 ? "" : String(hour),
  }));
  return html`<${Card} title="By hour of the day" without=${countOfNull(rows)} what="a date" href=${to({ without: "date" })}>
    ${counts.size ? html`<${Columns} rows=${columns} label="Photos by hour of the day, on the camera's clock" />` : html`<${None} />`}
  <//>`;
}

function Focals({ rows, to, state }) {
  const ranges = rows.filter(({ least }) => least !== undefined);
  const exact = (value) => decimal(value, 6);
  const columns = ranges.map(({ from, to: end, least, greatest, count }) => ({
    label: SPANS.focal([from ?? least, end ?? greatest]),
    count,
    // To the values that there are: the range as such has an end that belongs to the next one.
    href: to({ focal: writeSpan([least, greatest], exact) }),
    short: decimal(from ?? least, 0),
  }));
  // There is no parameter for photos without one; a query says it, if there is none yet.
  const query = JSON.stringify({ "photo.focal_length_mm": { $exists: false } });
  return html`<${Card} title="By focal length" without=${countOfNull(rows)} what="a focal length" href=${state.filters.query ? null : to({ query })}>
    ${columns.length ? html`<${Columns} rows=${columns} label="Photos by focal length" />` : html`<${None} />`}
  <//>`;
}

function Values({ name, title, rows, total, to }) {
  const bars = withoutNull(rows).map(({ value, count }) => ({ label: oneLine(String(value), 80), count, href: to({ [name]: value }) }));
  return html`<${Card} title=${`By ${title.toLowerCase()}`} without=${countOfNull(rows)} what=${`a ${title.toLowerCase()}`} href=${to({ without: name })}>
    ${bars.length ? html`<${Bars} rows=${bars} label=${`Photos by ${title.toLowerCase()}`} total=${total} />` : html`<${None} />`}
  <//>`;
}

const KINDS = [
  ["ok", "With EXIF"],
  ["no_exif", "Without EXIF"],
  ["unsupported", "Not a photo"],
  ["damaged", "Damaged"],
];

function Buckets({ rows, to }) {
  return html`<${Card} title="By bucket" wide>
    <div class="table-scroll" tabindex="0" role="region" aria-label="Photos by bucket, as a table">
      <table class="buckets">
        <thead><tr><th scope="col">Bucket</th><th scope="col" class="number">Photos</th><th scope="col" class="mix"><span class="hidden">Shares</span></th>
          ${KINDS.map(([kind, title]) => html`<th key=${kind} scope="col" class="number"><span class="key ${kind}" aria-hidden="true"></span>${title}</th>`)}</tr></thead>
        <tbody>${rows.map(
          (row) => html`<tr key=${row.bucket}>
            <th scope="row"><a href=${to({ bucket: row.bucket })}>${oneLine(row.bucket, 70)}</a></th>
            <td class="number">${number(row.count)}</td>
            <td class="mix"><span class="stack" aria-hidden="true">${KINDS.map(([kind]) => html`<span key=${kind} class=${kind} style=${{ width: `${(row[kind] / row.count) * 100}%` }}></span>`)}</span></td>
            ${KINDS.map(([kind, title]) => html`<td key=${kind} class="number">${row[kind]
              ? html`<a href=${to({ bucket: row.bucket, status: kind })} title=${`${title}: ${plural(row[kind], "photo")}`}>${share(row[kind], row.count)}</a>`
              : html`<span class="muted">–</span>`}</td>`)}
          </tr>`,
        )}</tbody>
      </table>
    </div>
  <//>`;
}
