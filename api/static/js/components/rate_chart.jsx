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
  const { points, area, top, first, last } = plotRate(samples);
  if (first === null || last === null) return null;
  return (
    <div class="rate-chart" role="img" aria-label={label}>
      <div class="rate-axis">
        <span>{formatShortNumber(top)}</span>
        <span>{formatShortNumber(top / 2)}</span>
        <span>0</span>
      </div>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none">
        <polygon points={area} />
        <polyline points={points} />
      </svg>
      <div class="rate-times">
        <span>{formatClockTime(first)}</span>
        <span>{last - first >= MIN_SECONDS && formatClockTime(last)}</span>
      </div>
    </div>
  );
}

/**
 * Return the points of an SVG polyline and those of the polygon below it, the maximum of the rate axis, and the times
 * of the first and the last sample.
 * During the first MIN_SECONDS, the line does not reach the end of the chart.
 * @param {RateSample[]} samples
 */
export function plotRate(samples) {
  const top = axisMax(samples.reduce((high, [, rate]) => Math.max(high, rate), 0));
  if (!samples.length) return { points: "", area: "", top, first: null, last: null };
  const last = samples[samples.length - 1][0];
  const first = samples[0][0];
  const duration = Math.max(last - first, MIN_SECONDS);
  /** @param {number} time */
  const xOf = (time) => (((time - first) / duration) * WIDTH).toFixed(1);
  const points = samples
    .map(([time, rate]) => `${xOf(time)},${(HEIGHT - (rate / top) * HEIGHT).toFixed(1)}`)
    .join(" ");
  const area = `${points} ${xOf(last)},${HEIGHT} ${xOf(first)},${HEIGHT}`;
  return { points, area, top, first, last };
}
