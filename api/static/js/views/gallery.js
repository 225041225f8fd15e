// Thumbnails in justified rows; only those near the part in sight are elements.
import { html, settled, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../html.js";
import { cameraName, fileName, settingsLine } from "../describe.js";
import { day, oneLine } from "../format.js";
import { justify, rowsBetween } from "../justify.js";
import { placeOf, usePages } from "../pages.js";
import { STEP, useScroll } from "../scroll.js";
import { Failed } from "../screens.js";
import { Empty } from "../empty.js";
import { useSomebody } from "../somebody.js";
import { href } from "../state.js";
import { Strip } from "../strip.js";
import { Thumbnail } from "../thumbnail.js";
import { Waiting } from "../waiting.js";

const GAP = 6;
const PADDING = 12;
// Rows that are kept ready above and below, in pixels, and how far ahead the next page is asked for.
const SPARE = 500;
const AHEAD = 1500;

export default function Gallery({ state, navigate, api }) {
  const pages = usePages(state, api);
  const { ref, width, height, top } = useScroll("gallery", pages);
  const inner = Math.max(0, width - 2 * PADDING);
  const target = width < 600 ? 112 : 156;
  const layout = useRef({ rows: [], key: null });
  const total = useMemo(() => {
    if (!inner) return 0;
    const key = `${inner} ${target}`;
    if (layout.current.key !== key || layout.current.pages !== pages) layout.current = { rows: [], key, pages };
    return justify(layout.current.rows, pages.aspects, pages.count, { width: inner, target, gap: GAP, done: pages.done });
  }, [pages, pages.round, inner, target]);
  const { rows } = layout.current;

  useEffect(() => {
    if (total && top + height + AHEAD > total) pages.more();
  }, [pages, pages.round, top, height, total]);

  const { active, onKeyDown } = useArrows({ pages, rows, ref, state, navigate });

  const around = (more) => rowsBetween(rows, top - PADDING - more, top - PADDING + height + more);
  const isWatched = useSomebody();
  const sight = around(isWatched ? STEP / 2 : 0);
  const near = isWatched ? around(SPARE) : sight;
  const place = (index) => ({ top: Math.round(rows[index].top), height: Math.round(rows[index].height) });
  const draw = (index) => html`<${Row} row=${rows[index]} inner=${inner} pages=${pages} state=${state} active=${active} />`;
  return html`<div class="scroll gallery" ref=${ref} tabindex="-1">
    ${pages.count === 0 && !pages.error && (pages.done ? html`<${Empty} state=${state} navigate=${navigate} api=${api} />` : html`<${Waiting} pages=${pages} />`)}
    ${pages.count > 0 && html`<${Strip} sight=${sight} near=${near} draw=${draw} place=${place} item="row" class="rows" role="list" aria-label="Photos" aria-busy=${pages.loading} style=${{ height: `${total}px` }} onKeyDown=${onKeyDown} />`}
    ${pages.error && html`<${Failed} error=${pages.error} retry=${() => pages.retry()} />`}
    ${pages.count > 0 && pages.loading && html`<p class="more" role="status">Loading more …</p>`}
  </div>`;
}

function Row({ row, inner, pages, state, active }) {
  const tiles = [];
  let left = 0;
  for (let at = row.start; at < row.end; at++) {
    const last = at === row.end - 1 && !row.short;
    const width = last ? inner - left : Math.min(inner, Math.round(pages.aspects[at] * row.height));
    tiles.push(html`<${Tile} key=${at} at=${at} record=${pages.at(at)} left=${left} width=${width} height=${Math.round(row.height)} state=${state} isActive=${at === active} />`);
    left += width + GAP;
  }
  return tiles;
}

const Tile = settled(({ at, record, left, width, height, state, isActive }) => {
  const style = { left: `${left}px`, width: `${width}px`, height: `${height}px` };
  if (!record) return html`<div class="tile waiting" role="listitem" style=${style}></div>`;
  const name = oneLine(fileName(record.key ?? record.id), 80);
  const settings = settingsLine(record.photo);
  const label = [name, cameraName(record.photo), settings, day(record.photo.taken_at, record.photo.taken_offset)];
  return html`<div class="tile" role="listitem" aria-posinset=${at + 1} aria-setsize="-1" style=${style}>
    <a href=${href(state, { photo: record.id })} aria-label=${label.filter(Boolean).join(", ")} data-at=${at} tabindex=${isActive ? 0 : -1}>
      <${Thumbnail} record=${record} width=${width} height=${height} />
      <span class="caption" aria-hidden="true"><span>${name}</span>${settings && html`<span>${settings}</span>`}</span>
    </a>
  </div>`;
});

// One photo at a time can be reached by Tab; the arrows go to the others.
function useArrows({ pages, rows, ref, state, navigate }) {
  const [active, setActive] = useState(0);
  const wanted = useRef(null);
  const opened = useRef(null);

  const show = (at) => {
    const row = rows.find(({ start, end }) => start <= at && at < end);
    const element = ref.current;
    if (!row || !element) return;
    if (row.top < element.scrollTop) element.scrollTop = row.top;
    else if (row.top + row.height > element.scrollTop + element.clientHeight - 2 * PADDING) {
      element.scrollTop = row.top + row.height - element.clientHeight + 2 * PADDING;
    }
  };
  const focus = () => {
    const link = wanted.current !== null && ref.current?.querySelector(`[data-at="${wanted.current}"]`);
    if (!link) return;
    wanted.current = null;
    link.focus({ preventScroll: true });
  };
  useLayoutEffect(focus);

  // What was looked at last is where one goes on from.
  useEffect(() => {
    const id = state.photo ?? opened.current;
    if (id) {
      const at = pages.indexOf(id);
      if (at >= 0) {
        setActive(at);
        show(at);
        if (!state.photo) wanted.current = at;
      }
    }
    opened.current = state.photo;
  }, [state.photo]);
  useEffect(() => setActive(placeOf("gallery") ? firstInSight(rows, placeOf("gallery")) : 0), [pages]);

  const onKeyDown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const given = event.target.closest?.("[data-at]")?.dataset.at;
    const at = given === undefined ? active : Number(given);
    const to = moved(rows, pages, at, event.key);
    if (to === null) return;
    event.preventDefault();
    const next = Math.min(pages.count - 1, Math.max(0, to));
    wanted.current = next;
    setActive(next);
    show(next);
    if (next === at) focus();
  };
  return { active, onKeyDown };
}

function firstInSight(rows, top) {
  return rows[rowsBetween(rows, top, top + 1)[0]]?.start ?? 0;
}

function moved(rows, pages, at, key) {
  const index = rows.findIndex(({ start, end }) => start <= at && at < end);
  const row = rows[index];
  if (!row) return null;
  // Up and down keep to the place in the row, by its share of the width.
  const into = (other) => other && Math.min(other.end - 1, other.start + Math.round(((at - row.start) / (row.end - row.start)) * (other.end - other.start)));
  switch (key) {
    case "ArrowRight": return at + 1;
    case "ArrowLeft": return at - 1;
    case "ArrowDown": return into(rows[index + 1]) ?? at;
    case "ArrowUp": return into(rows[index - 1]) ?? at;
    case "PageDown": return into(rows[Math.min(rows.length - 1, index + 4)]);
    case "PageUp": return into(rows[Math.max(0, index - 4)]);
    case "Home": return 0;
    case "End": return pages.count - 1;
    default: return null;
  }
}
