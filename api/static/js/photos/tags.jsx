/**
 * @file Tabs with a photo's tags by directory, its other metadata (XMP, IPTC, ...), and its record as JSON.
 * @import { PhotoRecord } from "../core/types"
 * @import { TagGroup, TagRow } from "./tag_groups.js"
 */
import { CopyButton } from "../components/copy.jsx";
import { photoPath } from "../core/api.js";
import { formatNumber, oneLine } from "../core/format.js";
import { useMemo, useState } from "../core/preact.js";
import { flatten, groupTags } from "./tag_groups.js";

// Limits that keep the page fast. The copy buttons copy complete values.
const PREVIEW_CHARACTERS = 400;
const MAX_VALUE_CHARACTERS = 10_000;
const MAX_JSON_CHARACTERS = 50_000;
const MAX_ROWS = 400;

/** @param {{record: PhotoRecord, tab: string | undefined, setTab: (tab: string | null) => void}} props */
export function Tags({ record, tab, setTab }) {
  const [search, setSearch] = useState("");
  const groups = useMemo(() => groupTags(record.tags ?? {}), [record]);
  const sections = useMemo(() => sectionsOf(record), [record]);
  const count = Object.keys(record.tags ?? {}).length;
  const tabs = [["tags", `Tags (${formatNumber(count)})`]];
  for (const [name, title, rows] of sections) {
    tabs.push([name, `${title} (${formatNumber(rows.length)})`]);
  }
  tabs.push(["json", "JSON"]);
  const current = tabs.some(([name]) => name === tab) ? tab : "tags";
  /** @param {KeyboardEvent & {currentTarget: HTMLElement}} event */
  const onKeyDown = (event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    const index = tabs.findIndex(([name]) => name === current);
    const [next] = tabs[(index + step + tabs.length) % tabs.length];
    setTab(next === "tags" ? null : next);
    /** @type {HTMLElement | null} */
    const button = event.currentTarget.querySelector(`[data-tab="${next}"]`);
    button?.focus();
  };
  return (
    <section class="tags" aria-label="Metadata">
      <div class="tabs" role="tablist" aria-label="Metadata" onKeyDown={onKeyDown}>
        {tabs.map(([name, title]) => (
          <button
            type="button"
            key={name}
            role="tab"
            id={`tab-${name}`}
            data-tab={name}
            aria-selected={name === current}
            aria-controls="tab-panel"
            tabindex={name === current ? 0 : -1}
            onClick={() => setTab(name === "tags" ? null : name)}
          >
            {title}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${current}`}>
        {current === "json" ? (
          <Json record={record} />
        ) : (
          <>
            <input
              type="search"
              class="find"
              aria-label="Find in metadata"
              placeholder="Find a tag or value"
              value={search}
              onInput={(event) => setSearch(event.currentTarget.value)}
            />
            <Groups
              groups={
                current === "tags"
                  ? groups
                  : sections
                      .filter(([name]) => name === current)
                      .map(([, title, rows]) => [title, rows])
              }
              search={search}
            />
          </>
        )}
      </div>
    </section>
  );
}

/**
 * Return a tab for each kind of metadata that a photo has besides its tags: its name, its title, and its rows.
 * @param {PhotoRecord} record
 */
function sectionsOf(record) {
  /** @type {[name: string, title: string, rows: TagRow[]][]} */
  const sections = [
    ["xmp", "XMP", flatten(record.xmp)],
    ["iptc", "IPTC", flatten(record.iptc)],
    ["text", "File texts", flatten(record.text)],
    ["icc", "Colour profile", flatten(record.icc)],
    ["ai", "AI generation", flatten(record.ai)],
  ];
  return sections.filter(([, , rows]) => rows.length);
}

/** @param {{groups: TagGroup[], search: string}} props */
function Groups({ groups, search }) {
  const term = search.trim().toLowerCase();
  /** @type {(title: string, row: TagRow) => boolean} */
  const matches = (title, { name, value }) =>
    `${title} ${name} ${value}`.toLowerCase().includes(term);
  const shown = groups
    .map(([title, rows]) => ({ title, rows: rows.filter((row) => matches(title, row)) }))
    .filter(({ rows }) => rows.length);
  if (!shown.length) {
    return <p class="none">{term ? "No matching tags or values." : "This photo has no tags."}</p>;
  }
  return (
    <>
      {shown.map(({ title, rows }) => (
        <Group key={title} title={title} rows={rows} />
      ))}
    </>
  );
}

/** @param {{title: string, rows: TagRow[]}} props */
function Group({ title, rows }) {
  const [showsAll, setShowsAll] = useState(false);
  const shown = showsAll ? rows : rows.slice(0, MAX_ROWS);
  return (
    <section class="tag-group">
      <h3>{oneLine(title, 100)}</h3>
      <dl>
        {shown.map(({ name, value }) => (
          <Tag key={name} name={name} value={value} />
        ))}
      </dl>
      {rows.length > shown.length && (
        <button type="button" class="link" onClick={() => setShowsAll(true)}>
          Show all {formatNumber(rows.length)}
        </button>
      )}
    </section>
  );
}

/** @param {TagRow} props */
function Tag({ name, value }) {
  const [isExpanded, setExpanded] = useState(false);
  const isLong = value.length > PREVIEW_CHARACTERS;
  const shown = value.slice(0, isExpanded ? MAX_VALUE_CHARACTERS : PREVIEW_CHARACTERS);
  return (
    <div class="tag">
      <dt>{oneLine(name, 200)}</dt>
      <dd>
        <span class={isLong ? "long" : ""} dir="auto">
          {oneLine(shown, MAX_VALUE_CHARACTERS)}
          {isLong && !isExpanded && "…"}
        </span>
        {isLong && !isExpanded && (
          <>
            {" "}
            <button type="button" class="link" onClick={() => setExpanded(true)}>
              Show {formatNumber(Math.min(value.length, MAX_VALUE_CHARACTERS))} characters
            </button>
          </>
        )}
        {isExpanded && value.length > MAX_VALUE_CHARACTERS && (
          <>
            {" "}
            <span class="muted">
              … ({formatNumber(value.length)} characters in total. Copy the value to get them all.)
            </span>
          </>
        )}
        <CopyButton isIconOnly text={value} label={`Copy ${oneLine(name, 60)}`} />
      </dd>
    </div>
  );
}

/** @param {{record: PhotoRecord}} props */
function Json({ record }) {
  const text = useMemo(() => JSON.stringify(record, null, 2), [record]);
  return (
    <div class="json">
      <div class="actions">
        <CopyButton text={text} label="Copy JSON" />
        <a href={photoPath(record.id)} target="_blank" rel="noopener">
          Open in the API
        </a>
      </div>
      <pre tabindex={0} aria-label="JSON">
        {escapeInvisible(text.slice(0, MAX_JSON_CHARACTERS))}
      </pre>
      {text.length > MAX_JSON_CHARACTERS && (
        <p class="muted">
          Showing {formatNumber(MAX_JSON_CHARACTERS)} of {formatNumber(text.length)} characters.
        </p>
      )}
    </div>
  );
}

/**
 * Escape bidirectional and other invisible characters. JSON.stringify has escaped only control characters.
 * @param {string} text
 */
const escapeInvisible = (text) =>
  text
    .split("\n")
    .map((line) => oneLine(line, MAX_JSON_CHARACTERS))
    .join("\n");
