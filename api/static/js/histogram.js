// ISO, aperture, exposure time and focal length: counts by stop, and a range over them.
import { html } from "./html.js";
import { Bars } from "./bars.js";
import { fraction, readSpan, SPANS, writeSpan } from "./describe.js";
import { decimal, exposureNumber, shortNumber } from "./format.js";

const WRITTEN = { exposure: fraction };
const TICKS = {
  iso: shortNumber,
  f: (value) => decimal(value, 1),
  exposure: exposureNumber,
  focal: (value) => decimal(value, 0),
};
const write = (name) => WRITTEN[name] ?? ((value) => decimal(value, 6));

// rows: of /facets, {from, to, least, greatest, count}; those with value null have none.
export function Histogram({ name, title, rows, value, onChange }) {
  const ranges = rows.filter((row) => row.greatest !== undefined);
  if (ranges.length === 0) return html`<p class="none">None of these photos says so.</p>`;
  const bars = ranges.map((row) => ({ label: SPANS[name]([row.least, row.greatest]), count: row.count, ...row }));
  const selected = value ? chosen(bars, readSpan(value)) : null;
  const describe = (first, last) => SPANS[name]([bars[first].least, bars[last].greatest]);
  const onSelect = (range) => {
    // To the values that there are: the bars and what they find then count the same.
    onChange(range && writeSpan([bars[range[0]].least, bars[range[1]].greatest], write(name)));
  };
  const every = Math.ceil(bars.length / 6);
  const ticks = bars.flatMap((bar, at) => (at % every === 0 ? [{ at, label: TICKS[name](bar.from ?? bar.least) }] : []));
  return html`<${Bars} bars=${bars} selected=${selected} onSelect=${onSelect} name=${title} describe=${describe} ticks=${ticks} />`;
}

// The bars that a range reaches into.
function chosen(bars, [low, high]) {
  const hair = 1 + 1e-6;
  const inside = bars.flatMap((bar, at) =>
    (low === null || bar.greatest * hair >= low) && (high === null || bar.least <= high * hair) ? [at] : [],
  );
  return inside.length ? [inside[0], inside.at(-1)] : null;
}
