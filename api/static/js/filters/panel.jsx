/**
 * @file The filters. Each shows counts under all other filters, and so what else could be chosen.
 * @import { ComponentChildren } from "preact"
 * @import { Api, Counts, FilterName, Filters, Navigate, RangeRow, State } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
 */
import { number } from "../core/format.js";
import { stars, STATUSES } from "../core/labels.js";
import { useState } from "../core/preact.js";
import { FacetValue, flipped } from "./facet_value.jsx";
import { Folders } from "./folders.jsx";
import { Histogram } from "./histogram.jsx";
import { QueryBox } from "./query_box.jsx";

const FEW = 6;
// Above this number of values there is a box to find one among them.
const MANY = 12;
// The API's limit of values per facet.
const MAX_VALUES = 200;

/**
 * @typedef {object} SectionOptions
 * @property {string} name of the facet, and of the filter
 * @property {string} title
 * @property {keyof typeof KINDS} kind
 * @property {string} [thing] what `has` and `without` call it, if not by its name
 * @property {string} [none] label of photos without a value
 * @property {(value: string) => string} [show]
 *
 * @typedef {{value: any, count: number}[]} Rows
 * @typedef {{section: SectionOptions, rows: Rows, folders?: Rows, state: State, navigate: Navigate}} KindProps
 */

/** @type {SectionOptions[]} */
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

/** @param {{state: State, navigate: Navigate, api: Api, counts: RequestState<Counts | null>}} props */
export function FilterPanel({ state, navigate, api, counts }) {
  const { data, error, loading } = counts;
  const facets = data?.facets ?? {};
  return (
    <div class={`filters ${loading ? "stale" : ""}`}>
      {error && (
        <p class="note" role="alert">
          Counts are missing: {error.message}
        </p>
      )}
      {data?.cut_short && (
        <p class="note" role="status">
          These are counts of {number(data.counted)} photos. All are being counted, which takes some
          seconds.
        </p>
      )}
      {SECTIONS.map((section) => {
        const rows = facets[section.name];
        const Kind = KINDS[section.kind];
        return (
          <Section
            key={section.name}
            {...section}
            isOn={isOn(section, state.filters)}
            clear={() => navigate({ filters: cleared(section) })}
          >
            {rows ? (
              <Kind
                section={section}
                rows={rows}
                folders={facets.folder}
                state={state}
                navigate={navigate}
              />
            ) : (
              !error && <div class="skeleton" aria-hidden="true" />
            )}
          </Section>
        );
      })}
      <Section
        name="query"
        title="Advanced query"
        isOn={Boolean(state.filters.query)}
        clear={() => navigate({ filters: { query: null } })}
        closed={!state.filters.query}
      >
        <QueryBox state={state} navigate={navigate} api={api} />
      </Section>
    </div>
  );
}

// Parameters of the API that a section sets, if not the one of its name.
/** @type {Record<string, FilterName[]>} */
const PARAMETERS = { place: ["has", "without", "near", "bbox"], bucket: ["bucket", "prefix"] };
/** @param {SectionOptions} section */
const parametersOf = ({ name }) => PARAMETERS[name] ?? [/** @type {FilterName} */ (name)];

/**
 * Return whether a section filters anything.
 * @param {SectionOptions} section
 * @param {Filters} filters
 */
function isOn(section, filters) {
  if (section.name === "place")
    return Boolean(filters.near || filters.bbox || hasThing(filters, "gps"));
  return (
    parametersOf(section).some((name) => filters[name]) ||
    hasThing(filters, section.thing ?? section.name)
  );
}

/** @type {(filters: Filters, thing: string) => boolean} */
const hasThing = (filters, thing) =>
  Boolean(filters.has?.includes(thing) || filters.without?.includes(thing));

/**
 * Return the change that switches a section off.
 * @param {SectionOptions} section
 */
function cleared(section) {
  return Object.fromEntries(parametersOf(section).map((name) => [name, null]));
}

/**
 * @param {object} props
 * @param {string} props.name
 * @param {string} props.title
 * @param {boolean} props.isOn
 * @param {() => void} props.clear
 * @param {boolean} [props.closed] at first
 * @param {ComponentChildren} props.children
 */
function Section({ name, title, isOn: on, clear, closed = false, children }) {
  const [isOpen, setOpen] = useState(!closed);
  return (
    <section class={`filter ${on ? "on" : ""}`}>
      <h3>
        <button
          type="button"
          class="fold"
          aria-expanded={isOpen}
          aria-controls={`filter-${name}`}
          onClick={() => setOpen(!isOpen)}
        >
          <span class="arrow" aria-hidden="true" />
          {title}
        </button>
        {on && (
          <button type="button" class="clear" aria-label={`Clear ${title}`} onClick={clear}>
            Clear
          </button>
        )}
      </h3>
      <div id={`filter-${name}`} hidden={!isOpen}>
        {isOpen && children}
      </div>
    </section>
  );
}

/**
 * Values with the number of photos that have each; photos with any of the chosen values pass.
 * @param {KindProps} props
 */
function Values({ section, rows, state, navigate }) {
  const { name, none, show = String } = section;
  const thing = section.thing ?? name;
  const [isWhole, setWhole] = useState(false);
  const [search, setSearch] = useState("");
  const chosen = state.filters[/** @type {"camera"} */ (name)] ?? [];
  const values = rows.filter(({ value }) => value !== null);
  const counts = new Map(values.map(({ value, count }) => [String(value), count]));
  const missing = rows.find(({ value }) => value === null);
  const isWithout = Boolean(state.filters.without?.includes(thing));
  const term = search.trim().toLowerCase();
  const all = [...new Set([...chosen, ...counts.keys()])];
  const matching = term ? all.filter((value) => value.toLowerCase().includes(term)) : all;
  const shown = isWhole || term ? matching : matching.slice(0, Math.max(FEW, chosen.length));
  const max = Math.max(1, ...counts.values());
  /** @param {string} value */
  const toggle = (value) => {
    const next = chosen.includes(value)
      ? chosen.filter((item) => item !== value)
      : [...chosen, value];
    navigate({ filters: { [name]: next } });
  };
  if (!all.length && !missing) return <p class="none">None.</p>;
  return (
    <div>
      {isWhole && all.length > MANY && (
        <input
          type="search"
          class="find"
          aria-label={`Find in ${section.title}`}
          placeholder="Find …"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      )}
      <ul class="values">
        {shown.map((value) => (
          <FacetValue
            key={value}
            label={show(value)}
            count={counts.get(value) ?? 0}
            max={max}
            isOn={chosen.includes(value)}
            toggle={() => toggle(value)}
          />
        ))}
        {none && (missing || isWithout) && !term && (
          <FacetValue
            label={none}
            quiet
            count={missing?.count ?? 0}
            max={max}
            isOn={isWithout}
            toggle={() => navigate({ filters: { without: flipped(state.filters.without, thing) } })}
          />
        )}
      </ul>
      {all.length > FEW && (
        <button
          type="button"
          class="link"
          onClick={() => {
            setWhole(!isWhole);
            setSearch("");
          }}
        >
          {isWhole
            ? "Show fewer"
            : `Show all ${number(all.length)}${all.length >= MAX_VALUES ? "+" : ""}`}
        </button>
      )}
    </div>
  );
}

/** @param {KindProps} props */
function Range({ section, rows, state, navigate }) {
  const { title } = section;
  const name = /** @type {"iso" | "f" | "exposure" | "focal"} */ (section.name);
  return (
    <Histogram
      name={name}
      title={title}
      rows={/** @type {RangeRow[]} */ (rows)}
      value={state.filters[name]}
      onChange={(value) => navigate({ filters: { [name]: value } })}
    />
  );
}

/** @param {KindProps} props */
function Rating({ rows, state, navigate }) {
  const counts = new Map(rows.map(({ value, count }) => [value, count]));
  const chosen = state.filters.rating ?? [];
  const isWithout = Boolean(state.filters.without?.includes("rating"));
  const max = Math.max(1, ...counts.values());
  const ratings = [5, 4, 3, 2, 1, 0, -1].filter(
    (value) => counts.has(value) || chosen.includes(String(value)),
  );
  if (!rows.length && !ratings.length) return <p class="none">None.</p>;
  return (
    <ul class="values">
      {ratings.map((value) => (
        <FacetValue
          key={value}
          label={stars(value)}
          count={counts.get(value) ?? 0}
          max={max}
          isOn={chosen.includes(String(value))}
          toggle={() => navigate({ filters: { rating: flipped(chosen, String(value)) } })}
        />
      ))}
      {(counts.has(null) || isWithout) && (
        <FacetValue
          quiet
          label="Not rated"
          count={counts.get(null) ?? 0}
          max={max}
          isOn={isWithout}
          toggle={() =>
            navigate({ filters: { without: flipped(state.filters.without, "rating") } })
          }
        />
      )}
    </ul>
  );
}

/** @param {KindProps} props */
function Place({ rows, state, navigate }) {
  const { has, without, near, bbox } = state.filters;
  /** @param {boolean} value */
  const count = (value) => rows.find((row) => row.value === value)?.count ?? 0;
  const total = count(true) + count(false);
  /** @type {(name: "has" | "without", values: string[] | undefined) => () => void} */
  const set = (name, values) => () =>
    navigate({
      filters: {
        has: withoutGps(has),
        without: withoutGps(without),
        [name]: flipped(values, "gps"),
      },
    });
  return (
    <ul class="values">
      <FacetValue
        label="With a place"
        count={count(true)}
        max={total}
        isOn={Boolean(has?.includes("gps"))}
        toggle={set("has", has)}
      />
      <FacetValue
        label="Without a place"
        count={count(false)}
        max={total}
        isOn={Boolean(without?.includes("gps"))}
        toggle={set("without", without)}
      />
      {(near || bbox) && (
        <li>
          <p class="none">Within an area: see the map.</p>
        </li>
      )}
    </ul>
  );
}

/**
 * Photos both with and without a place do not exist: one choice replaces the other.
 * @param {string[] | undefined} values
 */
const withoutGps = (values) => (values ?? []).filter((thing) => thing !== "gps");

/** @param {KindProps} props */
function Bucket(props) {
  return (
    <>
      <Values {...props} />
      <Folders {...props} />
    </>
  );
}

const KINDS = { values: Values, range: Range, rating: Rating, place: Place, bucket: Bucket };
