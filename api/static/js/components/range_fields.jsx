/**
 * @file Two text boxes for the ends of a range, next to a histogram whose bars are too coarse for an exact range.
 */
import { useState } from "../core/preact.js";
import { useSyncedInput } from "../hooks/use_synced_input.js";

/**
 * The range changes when the user presses Enter or leaves a box. An empty box leaves its end open.
 * @param {object} props
 * @param {string} props.title name of the quantity
 * @param {string} props.low text of the lower end; empty if it is open
 * @param {string} props.high
 * @param {string} [props.lowHint] the value of the lower end if it is open
 * @param {string} [props.highHint]
 * @param {"text" | "date"} [props.type]
 * @param {(text: string) => string | null} props.parse returns the value of a text, or null if it is invalid
 * @param {(low: string, high: string) => void} props.onChange called with the parsed values
 */
export function RangeFields({
  title,
  low,
  high,
  lowHint,
  highHint,
  type = "text",
  parse,
  onChange,
}) {
  const [lowText, setLowText] = useSyncedInput(low);
  const [highText, setHighText] = useSyncedInput(high);
  const [invalid, setInvalid] = useState({ low: false, high: false });
  const apply = () => {
    const ends = [lowText, highText].map((text) => (text.trim() ? parse(text.trim()) : ""));
    setInvalid({ low: ends[0] === null, high: ends[1] === null });
    const [newLow, newHigh] = ends;
    if (newLow === null || newHigh === null) return;
    if (lowText.trim() !== low || highText.trim() !== high) onChange(newLow, newHigh);
  };
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    apply();
  };
  /** @type {(end: "low" | "high", text: string, setText: (text: string) => void, hint?: string) => any} */
  const renderField = (end, text, setText, hint) => (
    <input
      type={/** @type {"text"} */ (type)}
      inputmode={type === "text" ? "decimal" : undefined}
      aria-label={`${title}: ${end === "low" ? "from" : "to"} (value)`}
      aria-invalid={invalid[end] ? "true" : undefined}
      placeholder={hint}
      autocomplete="off"
      maxlength={20}
      value={text}
      onInput={(event) => setText(event.currentTarget.value)}
      onBlur={apply}
    />
  );
  return (
    <form class="range-fields" onSubmit={submit}>
      {renderField("low", lowText, setLowText, lowHint)}
      <span aria-hidden="true">–</span>
      {renderField("high", highText, setHighText, highHint)}
      <button type="submit" class="visually-hidden" tabindex={-1}>
        Apply
      </button>
    </form>
  );
}
