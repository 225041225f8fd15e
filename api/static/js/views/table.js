// Photos as rows; only those near the part in sight are elements.
import { html, settled, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../html.js";
import { COLUMNS, columnsOf } from "../columns.js";
import { Empty } from "../empty.js";
import { oneLine } from "../format.js";
import { usePages } from "../pages.js";
import { Failed } from "../screens.js";
import { STEP, useScroll } from "../scroll.js";
import { useSomebody } from "../somebody.js";
import { href } from "../state.js";
import { Strip } from "../strip.js";
import { Thumbnail } from "../thumbnail.js";
import { Waiting } from "../waiting.js";

const ROW = 34;
const HEAD = 34;
const PICTURE = 48;
// Rows that are kept ready above and below, and how many before the last one the next page is asked for.
const SPARE = 12;
const AHEAD = 72;

const placeOfRow = (at) => ({ top: at * ROW, height: ROW });

export default function Table({ state, navigate, api }) {
  const pages = usePages(state, api);
  const { ref, height, top } = useScroll("table", pages);
  const columns = useMemo(() => columnsOf(state), [state]);
  const width = PICTURE + columns.reduce((sum, name) => sum + COLUMNS[name].width, 0);
  const spare = useSomebody() ? SPARE : 0;
  const sight = [Math.floor((top - STEP / 2) / ROW), Math.ceil((top + STEP / 2 + height - HEAD) / ROW)].map((at) => Math.min(pages.count, Math.max(0, at)));
  const near = [Math.max(0, sight[0] - spare), Math.min(pages.count, sight[1] + spare)];

  useEffect(() => {
    if (pages.count && sight[1] + AHEAD > pages.count) pages.more();
  }, [pages, pages.round, sight[1]]);

  const { active, onKeyDown } = useRows(pages, ref, state);

  const draw = (at) => html`<${Row} at=${at} record=${pages.at(at)} columns=${columns} state=${state} isActive=${at === active} />`;
  return html`<div class="scroll table" ref=${ref} tabindex="-1">
      ${pages.count === 0 && !pages.error && (pages.done ? html`<${Empty} state=${state} navigate=${navigate} api=${api} />` : html`<${Waiting} pages=${pages} />`)}
      ${pages.count > 0 && html`<div role="table" aria-label="Photos" aria-rowcount=${pages.done ? pages.count + 1 : -1} aria-colcount=${columns.length + 1} aria-busy=${pages.loading} style=${{ width: `${width}px` }}>
            <div role="rowgroup" class="head"><${Head} columns=${columns} state=${state} navigate=${navigate} /></div>
            <${Strip} sight=${sight} near=${near} draw=${draw} place=${placeOfRow} item="item" role="rowgroup" class="rows" style=${{ height: `${pages.count * ROW}px` }} onKeyDown=${onKeyDown} />
          </div>`}
      ${pages.error && html`<${Failed} error=${pages.error} retry=${() => pages.retry()} />`}
    </div>`;
}

function Head({ columns, state, navigate }) {
  const [over, setOver] = useState(null);
  const [sorted, isDown] = [state.sort.replace(/^-/, ""), state.sort.startsWith("-")];
  const move = (from, to) => {
    const others = columns.filter((name) => name !== from);
    others.splice(columns.indexOf(to), 0, from);
    navigate({ columns: others });
  };
  return html`<div role="row" aria-rowindex="1">
    <div role="columnheader" style=${{ width: `${PICTURE}px` }}><span class="unseen">Picture</span></div>
    ${columns.map((name) => {
      const { title, width, end, sort, first = "" } = COLUMNS[name];
      const isSorted = sort === sorted;
      const next = isSorted ? (isDown ? sort : `-${sort}`) : first + sort;
      return html`<div
        key=${name}
        role="columnheader"
        aria-sort=${isSorted ? (isDown ? "descending" : "ascending") : sort ? "none" : undefined}
        class=${`${end ? "end" : ""} ${over === name ? "over" : ""}`}
        style=${{ width: `${width}px` }}
        draggable="true"
        onDragStart=${(event) => event.dataTransfer.setData("text/x-column", name)}
        onDragOver=${(event) => { event.preventDefault(); setOver(name); }}
        onDragLeave=${() => setOver(null)}
        onDrop=${(event) => {
          event.preventDefault();
          setOver(null);
          const from = event.dataTransfer.getData("text/x-column");
          if (COLUMNS[from] && from !== name) move(from, name);
        }}
      >
        ${sort ? html`<button type="button" class="sort" onClick=${() => navigate({ sort: next })}>${title}<span class="direction" aria-hidden="true">${isSorted ? (isDown ? "↓" : "↑") : ""}</span></button>` : title}
      </div>`;
    })}
  </div>`;
}

const Row = settled(({ at, record, columns, state, isActive }) => {
  if (!record) return html`<div role="row" class="waiting" aria-rowindex=${at + 2}><div role="cell">…</div></div>`;
  const address = href(state, { photo: record.id });
  return html`<div role="row" aria-rowindex=${at + 2} class=${record.status === "ok" ? "" : record.status}>
    <div role="cell" class="picture" style=${{ width: `${PICTURE}px` }}>
      ${record.thumbnail ? html`<${Thumbnail} record=${record} width=${38} height=${28} />` : html`<span class="format">${oneLine(record.format ?? "?", 5)}</span>`}
    </div>
    ${columns.map((name, index) => {
      const { width, end, show } = COLUMNS[name];
      const shown = show(record);
      const inside = index === 0 ? html`<a href=${address} data-at=${at} tabindex=${isActive ? 0 : -1}>${shown || "—"}</a>` : shown;
      return html`<div key=${name} role="cell" class=${end ? "end" : ""} style=${{ width: `${width}px` }} title=${shown.length * 7 > width ? shown : undefined}>${inside}</div>`;
    })}
  </div>`;
});

// One row at a time can be reached by Tab; the arrows go to the others.
function useRows(pages, ref, state) {
  const [active, setActive] = useState(0);
  const wanted = useRef(null);
  const opened = useRef(null);
  const show = (at) => {
    const element = ref.current;
    if (!element) return;
    if (at * ROW < element.scrollTop) element.scrollTop = at * ROW;
    else if ((at + 1) * ROW + HEAD > element.scrollTop + element.clientHeight) element.scrollTop = (at + 1) * ROW + HEAD - element.clientHeight;
  };
  useLayoutEffect(() => {
    const link = wanted.current !== null && ref.current?.querySelector(`[data-at="${wanted.current}"]`);
    if (!link) return;
    wanted.current = null;
    link.focus({ preventScroll: true });
  });
  useEffect(() => {
    const id = state.photo ?? opened.current;
    const at = id ? pages.indexOf(id) : -1;
    if (at >= 0) {
      setActive(at);
      show(at);
      if (!state.photo) wanted.current = at;
    }
    opened.current = state.photo;
  }, [state.photo]);
  const onKeyDown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const given = event.target.closest("[data-at]")?.dataset.at;
    const at = given === undefined ? active : Number(given);
    const leap = Math.max(1, Math.floor((ref.current.clientHeight - HEAD) / ROW) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: leap, PageUp: -leap, Home: -1e9, End: 1e9 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = Math.min(pages.count - 1, Math.max(0, at + step));
    wanted.current = next;
    setActive(next);
    show(next);
  };
  return { active, onKeyDown };
}
