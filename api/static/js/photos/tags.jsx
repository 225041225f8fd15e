/**
 * @file Every tag of a photo by its directory, its XMP and IPTC, and the record as JSON.
 * @import { PhotoRecord } from "../core/types"
 * @import { TagGroup, TagRow } from "./tag_groups.js"
 */
import { CopyButton } from "../components/copy.jsx";
import { number, oneLine } from "../core/format.js";
import { useMemo, useState } from "../core/preact.js";
import { flatten, groupTags } from "./tag_groups.js";

// In characters. More would make the page slow; copying takes all.
const SHORT = 400;
const MAX_VALUE = 10_000;
const MAX_JSON = 50_000;
const MAX_ROWS = 400;

/** @param {{record: PhotoRecord, tab: string | undefined, setTab: (tab: string | null) => void}} props */
export function Tags({ record, tab, setTab }) {
  const [search, setSearch] = useState("");
  const groups = useMemo(() => groupTags(record.tags ?? {}), [record]);
  const xmp = useMemo(() => flatten(record.xmp), [record]);
  const iptc = useMemo(() => flatten(record.iptc), [record]);
  const count = Object.keys(record.tags ?? {}).length;
  const tabs = [["tags", `Tags (${number(count)})`]];
  if (xmp.length) tabs.push(["xmp", `XMP (${number(xmp.length)})`]);
  if (iptc.length) tabs.push(["iptc", `IPTC (${number(iptc.length)})`]);
  tabs.push(["json", "JSON"]);
  const current = tabs.some(([name]) => name === tab) ? tab : "tags";
  /** @param {KeyboardEvent & {currentTarget: HTMLElement}} event */
  const onKeyDown = (event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex(([name]) => name === current);
    const [next] = tabs[(at + step + tabs.length) % tabs.length];
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
              aria-label="Find in these"
              placeholder="Find a tag or a value"
              value={search}
              onInput={(event) => setSearch(event.currentTarget.value)}
            />
            <Groups
              groups={
                current === "tags"
                  ? groups
                  : [[current === "xmp" ? "XMP" : "IPTC", current === "xmp" ? xmp : iptc]]
              }
              search={search}
            />
          </>
        )}
      </div>
    </section>
  );
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
    return (
      <p class="none">{term ? "No tag or value has this in it." : "This photo has no tags."}</p>
    );
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
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? rows : rows.slice(0, MAX_ROWS);
  return (
    <section class="tag-group">
      <h3>{oneLine(title, 100)}</h3>
      <dl>
        {shown.map(({ name, value }) => (
          <Tag key={name} name={name} value={value} />
        ))}
      </dl>
      {rows.length > shown.length && (
        <button type="button" class="link" onClick={() => setWhole(true)}>
          Show all {number(rows.length)}
        </button>
      )}
    </section>
  );
}

/** @param {TagRow} props */
function Tag({ name, value }) {
  const [isWhole, setWhole] = useState(false);
  const isLong = value.length > SHORT;
  const shown = isWhole ? value.slice(0, MAX_VALUE) : value.slice(0, SHORT);
  return (
    <div class="tag">
      <dt>{oneLine(name, 200)}</dt>
      <dd>
        <span class={isLong ? "long" : ""}>
          {oneLine(shown, MAX_VALUE)}
          {isLong && !isWhole && "…"}
        </span>
        {isLong && !isWhole && (
          <>
            {" "}
            <button type="button" class="link" onClick={() => setWhole(true)}>
              Show {number(Math.min(value.length, MAX_VALUE))} characters
            </button>
          </>
        )}
        {isWhole && value.length > MAX_VALUE && (
          <>
            {" "}
            <span class="muted">
              … {number(value.length)} characters in all; copying takes them all.
            </span>
          </>
        )}
        <CopyButton quiet text={value} label={oneLine(name, 60)} />
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
        <CopyButton text={text} label="Copy the JSON" />
        <a href={`/photos/${encodeURIComponent(record.id)}`} target="_blank" rel="noopener">
          From the API
        </a>
      </div>
      <pre tabindex={0} aria-label="JSON">
        {escapeHidden(text.slice(0, MAX_JSON))}
      </pre>
      {text.length > MAX_JSON && (
        <p class="muted">
          The first {number(MAX_JSON)} of {number(text.length)} characters.
        </p>
      )}
    </div>
  );
}

/**
 * Write out characters that change the direction of text. JSON escapes only control characters.
 * @param {string} text
 */
const escapeHidden = (text) =>
  text
    .split("\n")
    .map((line) => oneLine(line, MAX_JSON))
    .join("\n");
