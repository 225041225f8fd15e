/**
 * @file Line chart of a batch's rate over time.
 * @import { RateSample } from "../core/types"
 */
import { formatClockTime, formatShortNumber } from "../core/format.js";
import { axisMax } from "./charts.jsx";

// The time axis is at least this long.
const MIN_SECONDS = 30;
// Size of the SVG's coordinate system. The browser stretches it to the available space.
const WIDTH = 1000;
const HEIGHT = 100;

/** @param {{samples: RateSample[], label: string}} props samples: oldest first */
export function RateChart({ samples, label }) {
  const { points, top, first, last } = plotRate(samples);
  return (
    <div class="rate-chart" role="img" aria-label={label}>
      <div class="rate-axis">
        <span>{formatShortNumber(top)}</span>
        <span>{formatShortNumber(top / 2)}</span>
        <span>0</span>
      </div>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none">
        {points && <polygon points={`${points} ${WIDTH},${HEIGHT} ${firstX(points)},${HEIGHT}`} />}
        <polyline points={points} />
      </svg>
      <div class="rate-times">
        <span>{first !== null && formatClockTime(first)}</span>
        <span>{last !== null && formatClockTime(last)}</span>
      </div>
    </div>
  );
}

/**
 * Return the points of an SVG polyline, the maximum of the rate axis, and the ends of the time axis.
 * @param {RateSample[]} samples
 */
export function plotRate(samples) {
  const top = axisMax(samples.reduce((high, [, rate]) => Math.max(high, rate), 0));
  if (!samples.length) return { points: "", top, first: null, last: null };
  const last = samples[samples.length - 1][0];
  const first = Math.min(samples[0][0], last - MIN_SECONDS);
  const points = samples.map(([time, rate]) => {
    const x = ((time - first) / (last - first)) * WIDTH;
    const y = HEIGHT - (rate / top) * HEIGHT;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return { points: points.join(" "), top, first, last };
}

/** @param {string} points */
const firstX = (points) => points.slice(0, points.indexOf(","));
