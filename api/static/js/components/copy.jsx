/**
 * @file A button that copies text and reports whether that worked.
 */
import { useEffect, useState } from "../core/preact.js";
import { Icon } from "./icons.jsx";

/** @param {{text: string, label: string, quiet?: boolean}} props quiet: show only the icon */
export function CopyButton({ text, label, quiet = false }) {
  const [result, setResult] = useState(/** @type {string | null} */ (null));
  useEffect(() => {
    if (!result) return undefined;
    const timer = setTimeout(() => setResult(null), 2000);
    return () => clearTimeout(timer);
  }, [result]);
  /** @param {{currentTarget: HTMLElement}} event */
  const copy = async (event) => {
    const isCopied = await copyText(text, event.currentTarget);
    setResult(isCopied ? "Copied" : "Copying is blocked by this browser");
  };
  return (
    <button
      type="button"
      class={quiet ? "plain copy" : "copy"}
      aria-label={quiet ? label : undefined}
      title={quiet ? label : undefined}
      onClick={copy}
    >
      <Icon name="copy" />
      {!quiet && <span>{result ?? label}</span>}
      <span class="visually-hidden" role="status">
        {result ?? ""}
      </span>
      {quiet && result && <span aria-hidden="true">{result}</span>}
    </button>
  );
}

/**
 * Copy text, and return whether that worked. Browsers allow clipboard access only on localhost and over https;
 * elsewhere execCommand still works.
 * @param {string} text
 * @param {HTMLElement} button
 */
async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = document.createElement("textarea");
    box.value = text;
    box.className = "visually-hidden";
    // Next to the button, because nothing outside an open modal dialog can take the focus.
    button.parentElement?.append(box);
    box.select();
    const isCopied = document.execCommand("copy");
    box.remove();
    button.focus();
    return isCopied;
  }
}
