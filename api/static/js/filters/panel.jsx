/**
 * @file The filter panel. The counts of each filter ignore the filter itself, to show which other values could be
 * selected.
 * @import { ComponentChildren } from "preact"
 * @import { Api, Counts, FilterName, Filters, Navigate, RangeName, RangeRow, State } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
 * @import { SectionOptions } from "./sections.js"
 */
import { formatNumber } from "../core/format.js";
import { formatRating } from "../core/labels.js";
import { useState } from "../core/preact.js";
import { readPreference, savePreference } from "../core/preferences.js";
import { applyChange, collapsesStacks } from "../core/url_state.js";
import { Dates } from "./dates.jsx";
import { Duplicates } from "./duplicates.jsx";
import { FacetValue, withToggled } from "./facet_value.jsx";
import { Folders } from "./folders.jsx";
import { Histogram } from "./histogram.jsx";
import { QueryBox } from "./query_box.jsx";
import { SECTIONS } from "./sections.js";
import { useFacet } from "./use_facets.js";
import { NoData, Values } from "./values.jsx";

/** @import { KindProps } from "./values.jsx" */

/**
 * @param {object} props
 * @param {State} props.state
 * @param {Navigate} props.navigate
 * @param {Api} props.api
 * @param {RequestState<Counts | null>} props.counts
 * @param {number} props.changes number of changes of the library
 */
export function FilterPanel({ state, navigate, api, counts, changes }) {
  const { data, error, loading } = counts;
  const facets = data?.facets ?? {};
  return (
    <div class={`filters ${loading ? "stale" : ""}`}>
      {error && (
        <p class="note" role="alert">
          Couldn't load filter counts.{" "}
          <button type="button" class="link" onClick={counts.reload}>
            Retry
          </button>
        </p>
      )}
      {data?.partial && (
        <p class="note" role="status">
          Partial counts ({formatNumber(data.counted)} photos so far).
        </p>
      )}
      {SECTIONS.map((section) => {
        const rows = facets[section.name];
        const isActive = isSectionActive(section, state.filters);
        // Without photos, there is nothing to choose from.
        if (data?.total === 0 && !isActive) return null;
        const Kind = SECTION_KINDS[section.kind];
        return (
          <Section
            key={section.name}
            {...section}
            isActive={isActive}
            clear={() => navigate({ filters: clearedFilters(section, state.filters) })}
            startsClosed={section.isRare && !isActive}
          >
            {section.isRare ? (
              <RareSection
                section={section}
                state={state}
                navigate={navigate}
                api={api}
                changes={changes}
              />
            ) : rows ? (
              <Kind
                section={section}
                rows={rows}
                folders={facets.folder}
                state={state}
                navigate={navigate}
                api={api}
              />
            ) : (
              !error && <div class="skeleton" aria-hidden="true" />
            )}
          </Section>
        );
      })}
      <Section
        name="primary"
        title="Stacks"
        isActive={Boolean(state.filters.primary)}
        clear={() => navigate({ filters: { primary: null } })}
        startsClosed={!state.filters.primary}
      >
        <label>
          <input
            type="checkbox"
            checked={collapsesStacks(state)}
            onChange={(event) =>
              navigate({ filters: stacksChange(state, event.currentTarget.checked) })
            }
          />{" "}
          Show each stack as one photo
        </label>
      </Section>
      <Section
        name="query"
        title="Advanced query"
        isActive={Boolean(state.filters.query)}
        clear={() => navigate({ filters: { query: null } })}
        startsClosed={!state.filters.query}
      >
        <QueryBox state={state} navigate={navigate} api={api} />
      </Section>
    </div>
  );
}

/**
 * Return the change of the filters that makes the view show each stack as one photo, or every file. The default of the
 * view needs no filter.
 * @param {State} state
 * @param {boolean} isCollapsed
 */
export function stacksChange(state, isCollapsed) {
  const isDefault = collapsesStacks(applyChange(state, { filters: { primary: null } }));
  return { primary: isCollapsed === isDefault ? null : String(isCollapsed) };
}

// The filters of a section, if they are not the one with the section's name.
/** @type {Record<string, FilterName[]>} */
const PARAMETERS = { gps: ["near", "bbox"], bucket: ["bucket", "prefix"] };
/** @param {SectionOptions} section */
const parametersOf = ({ name }) => PARAMETERS[name] ?? [/** @type {FilterName} */ (name)];
/**
 * Return the property of `has` and `without` that belongs to a section.
 * @param {SectionOptions} section
 */
const propertyOf = ({ name, property }) => property ?? name;

/**
 * Return whether any filter of a section is set.
 * @param {SectionOptions} section
 * @param {Filters} filters
 */
export function isSectionActive(section, filters) {
  const property = propertyOf(section);
  return (
    parametersOf(section).some((name) => filters[name]) ||
    Boolean(filters.has?.includes(property) || filters.without?.includes(property))
  );
}

/**
 * Return the change that clears the filters of a section. The properties of other sections stay in `has` and `without`.
 * @param {SectionOptions} section
 * @param {Filters} filters
 * @returns {Record<string, string[] | null>}
 */
export function clearedFilters(section, filters) {
  const property = propertyOf(section);
  const otherProperties = (/** @type {string[] | undefined} */ values) =>
    (values ?? []).filter((value) => value !== property);
  return {
    ...Object.fromEntries(parametersOf(section).map((name) => [name, null])),
    has: otherProperties(filters.has),
    without: otherProperties(filters.without),
  };
}

/**
 * The content of a section that is closed at first. Its counts are fetched when the section is opened.
 * @param {{section: SectionOptions, state: State, navigate: Navigate, api: Api, changes: number}} props
 */
function RareSection({ section, state, navigate, api, changes }) {
  const { data, error, reload } = useFacet(section.name, state, api, changes);
  const rows = data?.facets[section.name];
  const Kind = SECTION_KINDS[section.kind];
  if (rows) {
    return <Kind section={section} rows={rows} state={state} navigate={navigate} api={api} />;
  }
  if (!error) return <div class="skeleton" aria-hidden="true" />;
  return (
    <p class="none" role="alert">
      Couldn't load these counts.{" "}
      <button type="button" class="link" onClick={reload}>
        Retry
      </button>
    </p>
  );
}

/**
 * @param {object} props
 * @param {string} props.name
 * @param {string} props.title
 * @param {boolean} props.isActive
 * @param {() => void} props.clear
 * @param {boolean} [props.startsClosed]
 * @param {ComponentChildren} props.children
 */
function Section({ name, title, isActive, clear, startsClosed = false, children }) {
  const preference = `section.${name}`;
  const [isOpen, setOpen] = useState(
    () => isActive || (readPreference(preference) ?? (startsClosed ? "closed" : "open")) === "open",
  );
  const toggle = () => {
    setOpen(!isOpen);
    savePreference(preference, isOpen ? "closed" : "open");
  };
  return (
    <section class={`filter ${isActive ? "on" : ""}`}>
      <h3>
        <button
          type="button"
          class="fold"
          aria-expanded={isOpen}
          aria-controls={`filter-${name}`}
          onClick={toggle}
        >
          <span class="arrow" aria-hidden="true" />
          {title}
        </button>
        {isActive && (
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

/** @param {KindProps} props */
function Range({ section, rows, state, navigate }) {
  const { title } = section;
  const name = /** @type {RangeName} */ (section.name);
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
  const selected = state.filters.rating ?? [];
  const isWithout = Boolean(state.filters.without?.includes("rating"));
  const max = Math.max(1, ...counts.values());
  const ratings = [5, 4, 3, 2, 1, 0, -1].filter(
    (value) => counts.has(value) || selected.includes(String(value)),
  );
  if (!rows.length && !ratings.length) return <NoData name="rating" />;
  return (
    <ul class="values">
      {ratings.map((value) => (
        <FacetValue
          key={value}
          label={formatRating(value)}
          count={counts.get(value) ?? 0}
          max={max}
          isOn={selected.includes(String(value))}
          toggle={() => navigate({ filters: { rating: withToggled(selected, String(value)) } })}
        />
      ))}
      {(counts.has(null) || isWithout) && (
        <FacetValue
          quiet
          label="Unrated"
          count={counts.get(null) ?? 0}
          max={max}
          isOn={isWithout}
          toggle={() =>
            navigate({ filters: { without: withToggled(state.filters.without, "rating") } })
          }
        />
      )}
    </ul>
  );
}

/** @param {KindProps} props */
function Location({ rows, state, navigate }) {
  const { has, without, near, bbox } = state.filters;
  /** @param {boolean} value */
  const count = (value) => rows.find((row) => row.value === value)?.count ?? 0;
  const total = count(true) + count(false);
  // The two choices exclude each other, so selecting one clears the other.
  /** @type {(name: "has" | "without", values: string[] | undefined) => () => void} */
  const toggle = (name, values) => () =>
    navigate({
      filters: {
        has: withoutGps(has),
        without: withoutGps(without),
        [name]: withToggled(values, "gps"),
      },
    });
  return (
    <ul class="values">
      <FacetValue
        label="Has location"
        count={count(true)}
        max={total}
        isOn={Boolean(has?.includes("gps"))}
        toggle={toggle("has", has)}
      />
      <FacetValue
        label="No location"
        count={count(false)}
        max={total}
        isOn={Boolean(without?.includes("gps"))}
        toggle={toggle("without", without)}
      />
      {(near || bbox) && (
        <li>
          <p class="none">Limited to an area; see the map.</p>
        </li>
      )}
    </ul>
  );
}

/** @param {string[] | undefined} values */
const withoutGps = (values) => (values ?? []).filter((value) => value !== "gps");

/** @param {KindProps} props */
function Bucket(props) {
  return (
    <>
      <Values {...props} />
      <Folders {...props} />
    </>
  );
}

const SECTION_KINDS = {
  values: Values,
  range: Range,
  rating: Rating,
  location: Location,
  bucket: Bucket,
  dates: Dates,
  duplicates: Duplicates,
};
