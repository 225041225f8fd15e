/**
 * @file One value of a filter: a check box, the value, and how many photos have it.
 */
import { oneLine, shortNumber } from "../core/format.js";

/**
 * @param {object} props
 * @param {string} props.label
 * @param {number} props.count
 * @param {number} props.max the bar is full at this count
 * @param {boolean} props.isOn
 * @param {() => void} props.toggle
 * @param {boolean} [props.quiet] the absence of a value
 */
export function FacetValue({ label, count, max, isOn: on, toggle, quiet = false }) {
  return (
    <li>
      <label class={`value ${on ? "on" : ""} ${quiet ? "quiet" : ""}`}>
        <input type="checkbox" checked={on} onChange={toggle} />
        <span class="share" aria-hidden="true" style={{ width: `${(count / max) * 100}%` }} />
        <span class="label" title={label.length > 24 ? oneLine(label) : undefined}>
          {oneLine(label, 120)}
        </span>
        <span class="count">
          {shortNumber(count)}
          <span class="unseen"> photos</span>
        </span>
      </label>
    </li>
  );
}

/**
 * Return the values with `value` added, or removed if it is among them.
 * @param {readonly string[] | undefined} values
 * @param {string} value
 */
export function flipped(values, value) {
  const current = values ?? [];
  return current.includes(value) ? current.filter((item) => item !== value) : [...current, value];
}
