// Bars with a range over them that is dragged, clicked or moved by keys: the histograms and the timeline.
import { html, useEffect, useRef, useState } from "./html.js";
import { number } from "./format.js";

// bars: [{label, count}]; selected: [first, last] of them or null for all; onSelect([first, last] or null).
// name: of what is counted; describe(first, last): the range in words.
export function Bars({ bars, selected, onSelect, name, describe, ticks = [] }) {
  const plot = useRef(null);
  const [dragged, setDragged] = useState(null);
  const drag = useRef(null);
  const last = bars.length - 1;
  const [from, to] = dragged ?? selected ?? [0, last];
  const isWhole = !dragged && !selected;
  const most = Math.max(1, ...bars.map(({ count }) => count));

  const barAt = (event) => {
    const box = plot.current.getBoundingClientRect();
    return Math.min(last, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * bars.length)));
  };
  const onPointerDown = (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    plot.current.setPointerCapture(event.pointerId);
    const at = barAt(event);
    const handle = event.target.dataset.handle;
    // The handle at one end leaves the other end where it is.
    const anchor = handle === "low" ? to : handle === "high" ? from : at;
    drag.current = { anchor, range: [Math.min(anchor, at), Math.max(anchor, at)] };
    setDragged(drag.current.range);
  };
  const onPointerMove = (event) => {
    if (!drag.current) return;
    const { anchor } = drag.current;
    const at = barAt(event);
    drag.current.range = [Math.min(anchor, at), Math.max(anchor, at)];
    setDragged(drag.current.range);
  };
  const finish = (range) => {
    drag.current = null;
    setDragged(null);
    if (range) select(range);
  };
  const select = ([first, end]) => {
    const isSame = selected && selected[0] === first && selected[1] === end;
    const isAll = first === 0 && end === last;
    // A click on what is chosen already lets go of it.
    onSelect(isAll || (isSame && first === end) ? null : [first, end]);
  };
  // While a handle is moved by keys, the filter follows when they rest.
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const onKeyDown = (event, end) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 5, PageDown: -5, Home: -1e6, End: 1e6 }[event.key];
    if (event.key === "Escape" && dragged) {
      clearTimeout(timer.current);
      finish(null);
      event.stopPropagation();
      return;
    }
    if (!step) return;
    event.preventDefault();
    const range = end === "low" ? [Math.min(to, Math.max(0, from + step)), to] : [from, Math.max(from, Math.min(last, to + step))];
    setDragged(range);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => finish(range), 350);
  };
  const handle = (end, at, label) => html`<span
    class="handle ${end}"
    role="slider"
    tabindex="0"
    data-handle=${end}
    aria-label=${`${name}: ${label}`}
    aria-valuemin="0"
    aria-valuemax=${last}
    aria-valuenow=${at}
    aria-valuetext=${bars[at].label}
    style=${{ left: `${((end === "low" ? at : at + 1) / bars.length) * 100}%` }}
    onKeyDown=${(event) => onKeyDown(event, end)}
  ></span>`;

  const total = bars.slice(from, to + 1).reduce((sum, { count }) => sum + count, 0);
  return html`<div class="bars ${isWhole ? "whole" : ""} ${dragged ? "dragged" : ""}">
    <div
      class="plot"
      ref=${plot}
      role="group"
      aria-label=${name}
      onPointerDown=${onPointerDown}
      onPointerMove=${onPointerMove}
      onPointerUp=${() => finish(drag.current?.range)}
      onPointerCancel=${() => finish(null)}
    >
      ${bars.map(
        ({ label, count }, at) => html`<span key=${at} class="bar ${at >= from && at <= to ? "in" : "out"}" title=${`${label}: ${number(count)}`}>
          <span style=${{ height: count ? `max(2px, ${(count / most) * 100}%)` : "0" }}></span>
        </span>`,
      )}
      ${handle("low", from, "from")}${handle("high", to, "to")}
    </div>
    ${ticks.length > 0 &&
    html`<div class="ticks" aria-hidden="true">
      ${ticks.map(({ at, label }) => html`<span key=${at} style=${{ left: `${(at / bars.length) * 100}%` }}>${label}</span>`)}
    </div>`}
    <output class="range" aria-live="polite">${dragged ? `${describe(from, to)} · ${number(total)}` : ""}</output>
  </div>`;
}
