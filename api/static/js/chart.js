// Charts. Those of counts are lists of links, so that keyboard and screen readers have them too; that of a rate is
// drawn by uPlot.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { readColour, watchTheme } from "./colours.js";
import { number, plural, shortNumber } from "./format.js";
import { loadUPlot } from "./vendored.js";

// rows: [{label, count, href, short, mark}]; `short` stands below the column, `mark` begins a group there (a year).
// One column takes the Tab key; the arrows move between them.
export function Columns({ rows, label, height = 150, narrowest = 9 }) {
  const [at, setAt] = useState(null);
  const list = useRef(null);
  const scroller = useRef(null);
  const most = rows.reduce((high, { count }) => Math.max(high, count), 1);
  const peak = rows.findIndex(({ count }) => count === most);
  const stop = Math.min(at ?? Math.max(0, peak), rows.length - 1);
  // The newest end of a long time is the one to begin with.
  useLayoutEffect(() => void (scroller.current.scrollLeft = scroller.current.scrollWidth), [rows.length]);
  const onKeyDown = (event) => {
    const to = { ArrowLeft: stop - 1, ArrowRight: stop + 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    list.current.querySelectorAll("a")[Math.max(0, Math.min(rows.length - 1, to))]?.focus();
  };
  const told = rows[at ?? peak];
  const top = niceTop(most);
  return html`<figure class="columns">
    <p class="readout" aria-hidden="true">${told && html`${at === null ? "Most: " : ""}<b>${told.label}</b>, ${plural(told.count, "photo")}`}</p>
    <div class="columns-frame">
      <div class="columns-axis" aria-hidden="true" style=${{ height: `${height}px` }}><span>${shortNumber(top)}</span><span>${shortNumber(top / 2)}</span><span>0</span></div>
      <div class="columns-scroll" ref=${scroller}>
        <ul ref=${list} aria-label=${label} onKeyDown=${onKeyDown} onMouseLeave=${() => setAt(null)} style=${{ minWidth: `${rows.length * narrowest}px`, "--height": `${height}px` }}>
          ${rows.map(
            (row, index) => html`<li key=${row.label} class=${row.mark ? "marked" : ""}>
              <a href=${row.href} tabindex=${index === stop ? 0 : -1} aria-label=${`${row.label}: ${plural(row.count, "photo")}`} class=${row.count ? "" : "none"}
                onFocus=${() => setAt(index)} onBlur=${() => setAt(null)} onMouseEnter=${() => setAt(index)}>
                <span class="column" style=${{ height: `${row.count ? Math.max(2, (row.count / top) * height) : 0}px` }}></span>
              </a>
              <span class="column-name" aria-hidden="true">${row.mark ?? row.short ?? ""}</span>
            </li>`,
          )}
        </ul>
      </div>
    </div>
  </figure>`;
}

// The next of 1, 2, 4, 5, 10, 20, ... from `value` up: half of it is a round number too.
export function niceTop(value) {
  if (value <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((top) => top >= value && (top / 2) % 1 === 0);
}

// rows: [{label, count, href}], the longest first. Only `first` of them are there until the others are asked for.
export function Bars({ rows, label, total, first = 8 }) {
  const [isWhole, setWhole] = useState(false);
  const most = rows.reduce((high, { count }) => Math.max(high, count), 1);
  const shown = isWhole ? rows : rows.slice(0, first);
  return html`<div class="ranking">
    <ul aria-label=${label}>
      ${shown.map(
        (row) => html`<li key=${row.label}>
          <a href=${row.href} aria-label=${`${row.label}: ${plural(row.count, "photo")}`} title=${row.label}>
            <span class="bar-name">${row.label}</span>
            <span class="bar-track"><span class="bar-fill" style=${{ width: `${(row.count / most) * 100}%` }}></span></span>
            <span class="bar-count">${number(row.count)}</span>
            <span class="bar-share">${share(row.count, total)}</span>
          </a>
        </li>`,
      )}
    </ul>
    ${rows.length > first && html`<button type="button" class="quiet" aria-expanded=${isWhole} onClick=${() => setWhole(!isWhole)}>${isWhole ? "Show fewer" : `Show all ${number(rows.length)}`}</button>`}
  </div>`;
}

// 12 %, < 1 %
export function share(part, whole) {
  if (!whole || !part) return "0 %";
  const percent = (part / whole) * 100;
  if (percent < 1) return "< 1 %";
  if (percent > 99 && part < whole) return "> 99 %";
  return `${Math.round(percent)} %`;
}

// samples: [[seconds since 1970, images a second], ...], oldest first.
export function RateChart({ samples, label }) {
  const frame = useRef(null);
  const chart = useRef(null);
  const data = () => [samples.map(([at]) => at), samples.map(([, rate]) => rate)];
  useEffect(() => {
    let isGone = false;
    let stop = () => {};
    loadUPlot().then(
      (UPlot) => {
        if (isGone) return;
        const draw = () => {
          chart.current?.destroy();
          chart.current = new UPlot(options(frame.current), data(), frame.current);
        };
        draw();
        const watcher = new ResizeObserver(() => chart.current.setSize({ width: frame.current.clientWidth, height: HEIGHT }));
        watcher.observe(frame.current);
        const unwatch = watchTheme(draw);
        stop = () => (watcher.disconnect(), unwatch());
      },
      () => {}, // The number beside it says the same of now.
    );
    return () => {
      isGone = true;
      stop();
      chart.current?.destroy();
      chart.current = null;
    };
  }, []);
  useEffect(() => void chart.current?.setData(data()), [samples.length, samples.at(-1)?.[0]]);
  return html`<div class="rate-chart" ref=${frame} role="img" aria-label=${label}></div>`;
}

const HEIGHT = 110;
const LEAST_SECONDS = 30;

function options(frame) {
  const style = getComputedStyle(frame);
  const colour = (name) => readColour(frame, name);
  // uPlot keeps what it is given and changes it: each axis needs its own.
  const axis = (more) => ({
    stroke: colour("--muted"), font: `11px ${style.fontFamily}`,
    grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, ...more,
  });
  return {
    width: frame.clientWidth, height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [8, 28, 0, 0],
    scales: {
      x: { range: (_, first, last) => [Math.min(first ?? last, (last ?? 0) - LEAST_SECONDS), last ?? 0] },
      y: { range: (_, low, high) => [0, Math.max(1, (high ?? 0) * 1.1)] },
    },
    axes: [
      axis({ size: 24, space: 90, incrs: [5, 10, 15, 30, 60, 120, 300], values: (_, splits) => splits.map(clock) }),
      axis({ size: 44, space: 28, values: (_, splits) => splits.map((value) => (value % 1 ? "" : shortNumber(value))) }),
    ],
    series: [{}, { stroke: colour("--accent"), fill: `color-mix(in srgb, ${colour("--accent")} 15%, transparent)`, width: 2, points: { show: false } }],
  };
}

const clock = (seconds) => {
  const date = new Date(seconds * 1000);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
};
