// The filters at the side. Each shows counts under all other filters, so what else could be chosen.
import { html, useState } from "./html.js";
import { stars, STATUSES } from "./describe.js";
import { number, oneLine, shortNumber } from "./format.js";
import { Folders } from "./folders.js";
import { Histogram } from "./histogram.js";
import { QueryBox } from "./query_box.js";

const FEW = 6;
// Above so many values a box to find one among them.
const MANY = 12;

const SECTIONS = [
  { name: "camera", title: "Camera", kind: "values", none: "No camera" },
  { name: "lens", title: "Lens", kind: "values", none: "No lens" },
  { name: "iso", title: "ISO", kind: "range" },
  { name: "f", title: "Aperture", kind: "range" },
  { name: "exposure", title: "Exposure time", kind: "range" },
  { name: "focal", title: "Focal length", kind: "range" },
  { name: "keyword", title: "Keywords", kind: "values", thing: "keywords", none: "No keywords" },
  { name: "rating", title: "Rating", kind: "rating" },
  { name: "place", title: "Place", kind: "place" },
  { name: "bucket", title: "Bucket and folder", kind: "bucket" },
  { name: "format", title: "Format", kind: "values", show: (value) => value.toUpperCase() },
  { name: "status", title: "Status", kind: "values", show: (value) => STATUSES[value] ?? value },
];

export function Filters({ state, navigate, api, found }) {
  const { data, error, loading } = found;
  const facets = data?.facets ?? {};
  return html`<div class="filters ${loading ? "stale" : ""}">
    ${error && html`<p class="note" role="alert">Counts are missing: ${error.message}</p>`}
    ${data?.cut_short && html`<p class="note" role="status">These are counts of ${number(data.counted)} photos. All are being counted, which takes some seconds.</p>`}
    ${SECTIONS.map((section) => {
      const rows = facets[section.name];
      const Kind = KINDS[section.kind];
      return html`<${Section} key=${section.name} ...${section} isOn=${isOn(section, state.filters)} clear=${() => navigate({ filters: cleared(section) })}>
        ${rows
          ? html`<${Kind} section=${section} rows=${rows} folders=${facets.folder} state=${state} navigate=${navigate} />`
          : !error && html`<div class="skeleton" aria-hidden="true"></div>`}
      <//>`;
    })}
    <${Section} name="query" title="Advanced query" isOn=${Boolean(state.filters.query)} clear=${() => navigate({ filters: { query: null } })} closed=${!state.filters.query}>
      <${QueryBox} state=${state} navigate=${navigate} api=${api} />
    <//>
  </div>`;
}

// The parameters of the API that a section sets.
const PARAMETERS = { place: ["has", "without", "near", "bbox"], bucket: ["bucket", "prefix"] };
const parametersOf = ({ name }) => PARAMETERS[name] ?? [name];

function isOn(section, filters) {
  if (section.name === "place") return Boolean(filters.near || filters.bbox || hasThing(filters, "gps"));
  return parametersOf(section).some((name) => filters[name]) || hasThing(filters, section.thing ?? section.name);
}

const hasThing = (filters, thing) => Boolean(filters.has?.includes(thing) || filters.without?.includes(thing));

function cleared(section) {
  return Object.fromEntries(parametersOf(section).map((name) => [name, null]));
}

function Section({ name, title, isOn: on, clear, closed = false, children }) {
  const [isOpen, setOpen] = useState(!closed);
  return html`<section class="filter ${on ? "on" : ""}">
    <h3>
      <button type="button" class="fold" aria-expanded=${isOpen} aria-controls=${`filter-${name}`} onClick=${() => setOpen(!isOpen)}>
        <span class="arrow" aria-hidden="true"></span>${title}
      </button>
      ${on && html`<button type="button" class="clear" aria-label=${`Clear ${title}`} onClick=${clear}>Clear</button>`}
    </h3>
    <div id=${`filter-${name}`} hidden=${!isOpen}>${isOpen && children}</div>
  </section>`;
}

// Values with how many photos have each; several chosen ones mean any of them.
function Values({ section, rows, state, navigate }) {
  const { name, none, show = (value) => value } = section;
  const thing = section.thing ?? name;
  const [all, setAll] = useState(false);
  const [find, setFind] = useState("");
  const chosen = state.filters[name] ?? [];
  const values = rows.filter(({ value }) => value !== null);
  const counts = new Map(values.map(({ value, count }) => [String(value), count]));
  const missing = rows.find(({ value }) => value === null);
  const isWithout = Boolean(state.filters.without?.includes(thing));
  const wanted = find.trim().toLowerCase();
  const first = [...new Set([...chosen, ...counts.keys()])];
  const matching = wanted ? first.filter((value) => value.toLowerCase().includes(wanted)) : first;
  const shown = all || wanted ? matching : matching.slice(0, Math.max(FEW, chosen.length));
  const most = Math.max(1, ...counts.values());
  const toggle = (value) => {
    const next = chosen.includes(value) ? chosen.filter((item) => item !== value) : [...chosen, value];
    navigate({ filters: { [name]: next } });
  };
  if (!first.length && !missing) return html`<p class="none">None.</p>`;
  return html`<div>
    ${all && first.length > MANY && html`<input type="search" class="find" aria-label=${`Find in ${section.title}`} placeholder="Find …" value=${find} onInput=${(event) => setFind(event.target.value)} />`}
    <ul class="values">
      ${shown.map((value) => html`<${Value} key=${value} label=${show(value)} count=${counts.get(value) ?? 0} most=${most} isOn=${chosen.includes(value)} toggle=${() => toggle(value)} />`)}
      ${none && (missing || isWithout) && !wanted && html`<${Value} label=${none} quiet count=${missing?.count ?? 0} most=${most} isOn=${isWithout} toggle=${() => navigate({ filters: { without: flipped(state.filters.without, thing) } })} />`}
    </ul>
    ${first.length > FEW && html`<button type="button" class="link" onClick=${() => { setAll(!all); setFind(""); }}>${all ? "Show fewer" : `Show all ${number(first.length)}${first.length >= 200 ? "+" : ""}`}</button>`}
  </div>`;
}

export function Value({ label, count, most, isOn: on, toggle, quiet = false }) {
  return html`<li>
    <label class=${`value ${on ? "on" : ""} ${quiet ? "quiet" : ""}`}>
      <input type="checkbox" checked=${on} onChange=${toggle} />
      <span class="share" aria-hidden="true" style=${{ width: `${(count / most) * 100}%` }}></span>
      <span class="label" title=${label.length > 24 ? oneLine(label) : undefined}>${oneLine(label, 120)}</span>
      <span class="count">${shortNumber(count)}<span class="unseen"> photos</span></span>
    </label>
  </li>`;
}

export function flipped(values, value) {
  const given = values ?? [];
  return given.includes(value) ? given.filter((item) => item !== value) : [...given, value];
}

function Range({ section, rows, state, navigate }) {
  const { name, title } = section;
  return html`<${Histogram} name=${name} title=${title} rows=${rows} value=${state.filters[name]} onChange=${(value) => navigate({ filters: { [name]: value } })} />`;
}

function Rating({ rows, state, navigate }) {
  const counts = new Map(rows.map(({ value, count }) => [value, count]));
  const chosen = state.filters.rating ?? [];
  const isWithout = Boolean(state.filters.without?.includes("rating"));
  const most = Math.max(1, ...counts.values());
  const given = [5, 4, 3, 2, 1, 0, -1].filter((value) => counts.has(value) || chosen.includes(String(value)));
  if (!rows.length && !given.length) return html`<p class="none">None.</p>`;
  return html`<ul class="values">
    ${given.map(
      (value) => html`<${Value} key=${value} label=${stars(value)} count=${counts.get(value) ?? 0} most=${most} isOn=${chosen.includes(String(value))} toggle=${() => navigate({ filters: { rating: flipped(chosen, String(value)) } })} />`,
    )}
    ${(counts.has(null) || isWithout) && html`<${Value} quiet label="Not rated" count=${counts.get(null) ?? 0} most=${most} isOn=${isWithout} toggle=${() => navigate({ filters: { without: flipped(state.filters.without, "rating") } })} />`}
  </ul>`;
}

function Place({ rows, state, navigate }) {
  const { has, without, near, bbox } = state.filters;
  const count = (value) => rows.find((row) => row.value === value)?.count ?? 0;
  const total = count(true) + count(false);
  const set = (name, values) => () => navigate({ filters: { has: lessGps(has), without: lessGps(without), [name]: flipped(values, "gps") } });
  return html`<ul class="values">
    <${Value} label="With a place" count=${count(true)} most=${total} isOn=${Boolean(has?.includes("gps"))} toggle=${set("has", has)} />
    <${Value} label="Without a place" count=${count(false)} most=${total} isOn=${Boolean(without?.includes("gps"))} toggle=${set("without", without)} />
    ${(near || bbox) && html`<li><p class="none">Within an area: see the map.</p></li>`}
  </ul>`;
}

// Both at once would find nothing.
const lessGps = (values) => (values ?? []).filter((thing) => thing !== "gps");

function Bucket(props) {
  return html`<${Values} ...${props} /><${Folders} ...${props} />`;
}

const KINDS = { values: Values, range: Range, rating: Rating, place: Place, bucket: Bucket };
