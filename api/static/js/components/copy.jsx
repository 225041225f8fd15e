/**
 * @file A button that copies text and says whether it could.
 */
import { useEffect, useState } from "../core/preact.js";
import { Icon } from "./icons.jsx";

/** @param {{text: string, label: string, quiet?: boolean}} props quiet: the icon alone */
export function CopyButton({ text, label, quiet = false }) {
  const [result, setResult] = useState(/** @type {string | null} */ (null));
  useEffect(() => {
    if (!result) return undefined;
    const timer = setTimeout(() => setResult(null), 2000);
    return () => clearTimeout(timer);
  }, [result]);
  /** @param {{currentTarget: HTMLElement}} event */
  const copy = async (event) => {
    setResult(
      (await write(text, event.currentTarget)) ? "Copied" : "This browser does not let pages copy",
    );
  };
  return (
    <button
      type="button"
      class={quiet ? "plain copy" : "copy"}
      aria-label={quiet ? `Copy ${label}` : undefined}
      title={quiet ? `Copy ${label}` : undefined}
      onClick={copy}
    >
      <Icon name="copy" />
      {!quiet && <span>{result ?? label}</span>}
      <span class="unseen" role="status">
        {result ?? ""}
      </span>
      {quiet && result && <span aria-hidden="true">{result}</span>}
    </button>
  );
}

/**
 * Only pages of this machine or of https may use the clipboard. Elsewhere execCommand still works.
 * @param {string} text
 * @param {HTMLElement} beside
 */
async function write(text, beside) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = document.createElement("textarea");
    box.value = text;
    box.className = "unseen";
    // Inside the dialog: nothing outside of it can have the focus.
    beside.parentElement?.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    beside.focus();
    return done;
  }
}
