/**
 * @file A value of a filter that can be selected: a checkbox, the value, and the number of photos that have it.
 */
import { oneLine, formatShortNumber } from "../core/format.js";

/**
 * @param {object} props
 * @param {string} props.label
 * @param {number} props.count
 * @param {number} props.max count for which the bar behind the value has its full width
 * @param {boolean} props.isOn
 * @param {() => void} props.toggle
 * @param {boolean} [props.quiet] whether the value is shown less prominently, as for photos without a value
 */
export function FacetValue({ label, count, max, isOn, toggle, quiet = false }) {
  return (
    <li>
      <label class={`value ${isOn ? "on" : ""} ${quiet ? "quiet" : ""}`}>
        <input type="checkbox" checked={isOn} onChange={toggle} />
        <span class="share" aria-hidden="true" style={{ width: `${(count / max) * 100}%` }} />
        <span class="label" dir="auto" title={label.length > 24 ? oneLine(label) : undefined}>
          {oneLine(label, 120)}
        </span>
        <span class="count">
          {formatShortNumber(count)}
          <span class="visually-hidden"> photos</span>
        </span>
      </label>
    </li>
  );
}

/**
 * Return the values with `value` removed if they include it, or added if not.
 * @param {readonly string[] | undefined} values
 * @param {string} value
 */
export function withToggled(values, value) {
  const current = values ?? [];
  return current.includes(value) ? current.filter((item) => item !== value) : [...current, value];
}
