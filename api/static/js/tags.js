// Every tag of a photo by its directory, its XMP and IPTC, and the record as JSON.
import { html, useMemo, useState } from "./html.js";
import { CopyButton } from "./copy.js";
import { number, oneLine } from "./format.js";

const ORDER = ["Image", "EXIF", "GPS", "MakerNote", "Interoperability", "Thumbnail"];
const SHORT = 400;
// What a page can show without coming to a halt, of a value and of JSON; more can be copied.
const MOST = 10_000;
const MOST_JSON = 50_000;
const MANY_ROWS = 400;

export function Tags({ record, tab, setTab }) {
  const [find, setFind] = useState("");
  const groups = useMemo(() => groupTags(record.tags ?? {}), [record]);
  const xmp = useMemo(() => flatten(record.xmp), [record]);
  const iptc = useMemo(() => flatten(record.iptc), [record]);
  const count = Object.keys(record.tags ?? {}).length;
  const tabs = [
    ["tags", `Tags (${number(count)})`],
    ...(xmp.length ? [["xmp", `XMP (${number(xmp.length)})`]] : []),
    ...(iptc.length ? [["iptc", `IPTC (${number(iptc.length)})`]] : []),
    ["json", "JSON"],
  ];
  const current = tabs.some(([name]) => name === tab) ? tab : "tags";
  const onKeyDown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex(([name]) => name === current);
    const [next] = tabs[(at + step + tabs.length) % tabs.length];
    setTab(next === "tags" ? null : next);
    event.currentTarget.querySelector(`[data-tab="${next}"]`)?.focus();
  };
  return html`<section class="tags" aria-label="Metadata">
    <div class="tabs" role="tablist" aria-label="Metadata" onKeyDown=${onKeyDown}>
      ${tabs.map(
        ([name, title]) => html`<button type="button" key=${name} role="tab" id=${`tab-${name}`} data-tab=${name} aria-selected=${name === current} aria-controls="tab-panel" tabindex=${name === current ? 0 : -1} onClick=${() => setTab(name === "tags" ? null : name)}>${title}</button>`,
      )}
    </div>
    <div role="tabpanel" id="tab-panel" aria-labelledby=${`tab-${current}`}>
      ${current === "json"
        ? html`<${Json} record=${record} />`
        : html`<input type="search" class="find" aria-label="Find in these" placeholder="Find a tag or a value" value=${find} onInput=${(event) => setFind(event.target.value)} />
            <${Groups} groups=${current === "tags" ? groups : [[current.toUpperCase(), current === "xmp" ? xmp : iptc]]} find=${find} />`}
    </div>
  </section>`;
}

function Groups({ groups, find }) {
  const wanted = find.trim().toLowerCase();
  const shown = groups
    .map(([title, rows]) => [title, wanted ? rows.filter(({ name, value }) => `${title} ${name} ${value}`.toLowerCase().includes(wanted)) : rows])
    .filter(([, rows]) => rows.length);
  if (!shown.length) return html`<p class="none">${wanted ? "No tag or value has this in it." : "This photo has no tags."}</p>`;
  return shown.map(([title, rows]) => html`<${Group} key=${title} title=${title} rows=${rows} />`);
}

function Group({ title, rows }) {
  const [all, setAll] = useState(false);
  const shown = all ? rows : rows.slice(0, MANY_ROWS);
  return html`<section class="tag-group">
    <h3>${oneLine(title, 100)}</h3>
    <dl>${shown.map(({ name, value }) => html`<${Tag} key=${name} name=${name} value=${value} />`)}</dl>
    ${rows.length > shown.length && html`<button type="button" class="link" onClick=${() => setAll(true)}>Show all ${number(rows.length)}</button>`}
  </section>`;
}

function Tag({ name, value }) {
  const [all, setAll] = useState(false);
  const isLong = value.length > SHORT;
  const shown = all ? value.slice(0, MOST) : value.slice(0, SHORT);
  return html`<div class="tag">
    <dt>${oneLine(name, 200)}</dt>
    <dd>
      <span class=${isLong ? "long" : ""}>${oneLine(shown, MOST)}${isLong && !all && "…"}</span>
      ${isLong && !all && html` <button type="button" class="link" onClick=${() => setAll(true)}>Show ${number(Math.min(value.length, MOST))} characters</button>`}
      ${all && value.length > MOST && html` <span class="muted">… ${number(value.length)} characters in all; copying takes them all.</span>`}
      <${CopyButton} quiet text=${value} label=${oneLine(name, 60)} />
    </dd>
  </div>`;
}

function Json({ record }) {
  const text = useMemo(() => JSON.stringify(record, null, 2), [record]);
  return html`<div class="json">
    <div class="actions"><${CopyButton} text=${text} label="Copy the JSON" /><a href=${`/photos/${encodeURIComponent(record.id)}`} target="_blank" rel="noopener">From the API</a></div>
    <pre tabindex="0" aria-label="JSON">${visible(text.slice(0, MOST_JSON))}</pre>
    ${text.length > MOST_JSON && html`<p class="muted">The first ${number(MOST_JSON)} of ${number(text.length)} characters.</p>`}
  </div>`;
}

// JSON escapes controls; what turns the direction of text it leaves in, and so would show values other than they are.
const visible = (text) => text.split("\n").map((line) => oneLine(line, MOST_JSON)).join("\n");

// "EXIF DateTimeOriginal" is DateTimeOriginal of the directory EXIF.
function groupTags(tags) {
  const groups = new Map();
  for (const [full, tag] of Object.entries(tags)) {
    const space = full.indexOf(" ");
    const title = space > 0 ? full.slice(0, space) : "Other";
    if (!groups.has(title)) groups.set(title, []);
    groups.get(title).push({ name: space > 0 ? full.slice(space + 1) : full, value: printable(tag) });
  }
  const rank = ([title]) => (ORDER.indexOf(title) + ORDER.length + 1) % (ORDER.length + 1);
  return [...groups].sort((one, other) => rank(one) - rank(other));
}

function printable(tag) {
  if (tag === null || typeof tag !== "object") return String(tag);
  if ("printable" in tag) return String(tag.printable);
  return JSON.stringify(tag);
}

// Nested names with arrows between: dc:title › x-default.
function flatten(value, path = "") {
  if (value === undefined || value === null) return [];
  if (typeof value !== "object") return [{ name: path, value: String(value) }];
  if (Array.isArray(value) && value.every((item) => item === null || typeof item !== "object")) {
    return [{ name: path, value: value.join(", ") }];
  }
  return Object.entries(value).flatMap(([name, inner]) => flatten(inner, path ? `${path} › ${name}` : name));
}
