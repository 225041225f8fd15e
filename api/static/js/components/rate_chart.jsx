/**
 * @file A line of the rate of a batch.
 * @import { RateSample } from "../core/types"
 */
import { shortNumber } from "../core/format.js";
import { niceTop } from "./charts.jsx";

const MIN_SECONDS = 30;
// Of the drawing; it is stretched over the room that there is.
const WIDTH = 1000;
const HEIGHT = 100;

/** @param {{samples: RateSample[], label: string}} props samples: oldest first */
export function RateChart({ samples, label }) {
  const { points, top, first, last } = plotRate(samples);
  return (
    <div class="rate-chart" role="img" aria-label={label}>
      <div class="rate-axis">
        <span>{shortNumber(top)}</span>
        <span>{shortNumber(top / 2)}</span>
        <span>0</span>
      </div>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none">
        {points && <polygon points={`${points} ${WIDTH},${HEIGHT} ${startOf(points)},${HEIGHT}`} />}
        <polyline points={points} />
      </svg>
      <div class="rate-times">
        <span>{first !== null && clock(first)}</span>
        <span>{last !== null && clock(last)}</span>
      </div>
    </div>
  );
}

/**
 * Return the line as the points of an SVG polyline, and what its axes show.
 * @param {RateSample[]} samples
 */
export function plotRate(samples) {
  const top = niceTop(samples.reduce((high, [, rate]) => Math.max(high, rate), 0));
  if (!samples.length) return { points: "", top, first: null, last: null };
  const last = samples[samples.length - 1][0];
  const first = Math.min(samples[0][0], last - MIN_SECONDS);
  const points = samples.map(([at, rate]) => {
    const x = ((at - first) / (last - first)) * WIDTH;
    const y = HEIGHT - (rate / top) * HEIGHT;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return { points: points.join(" "), top, first, last };
}

/** @param {string} points */
const startOf = (points) => points.slice(0, points.indexOf(","));

/** @param {number} seconds since 1970 */
function clock(seconds) {
  const date = new Date(seconds * 1000);
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}
