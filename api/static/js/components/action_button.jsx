/**
 * @file A button that calls the API. It is disabled during the call. If the call fails, the error appears next to it.
 * @import { ComponentChildren } from "preact"
 * @import { Problem } from "../core/api.js"
 */
import { toProblem } from "../core/api.js";
import { useState } from "../core/preact.js";
import { explainRefusal } from "../core/error_messages.js";

/**
 * @param {object} props
 * @param {() => Promise<unknown>} props.act calls the API
 * @param {ComponentChildren} props.children
 * @param {string} [props.label] accessible name, if the children are not enough
 * @param {string} [props.kind] CSS class
 */
export function ActionButton({ act, children, label, kind = "" }) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {Problem | null} */ (null));
  const run = async () => {
    setBusy(true);
    setError(null);
    try {
      await act();
    } catch (cause) {
      setError(toProblem(cause));
    }
    setBusy(false);
  };
  return (
    <span class="action">
      <button type="button" class={kind} disabled={isBusy} aria-label={label} onClick={run}>
        {children}
      </button>
      {error && (
        <span class="field-error" role="alert">
          {explainRefusal(error)}
        </span>
      )}
    </span>
  );
}
