/**
 * @file A button that copies text, and shows whether the browser allowed it.
 */
import { useEffect, useState } from "../core/preact.js";
import { Icon } from "./icons.jsx";

/** @param {{text: string, label: string, isIconOnly?: boolean}} props isIconOnly: show the icon without the label */
export function CopyButton({ text, label, isIconOnly = false }) {
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
      class={isIconOnly ? "plain copy" : "copy"}
      aria-label={isIconOnly ? label : undefined}
      title={isIconOnly ? label : undefined}
      onClick={copy}
    >
      <Icon name="copy" />
      {!isIconOnly && <span>{result ?? label}</span>}
      <span class="visually-hidden" role="status">
        {result ?? ""}
      </span>
      {isIconOnly && result && <span aria-hidden="true">{result}</span>}
    </button>
  );
}

/**
 * Copy text, and return whether the browser allowed it. navigator.clipboard exists only on localhost and over https. On
 * other pages, execCommand still works.
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
    // Put the text box next to the button: if that is in a modal dialog, nothing outside the dialog can be focused.
    button.parentElement?.append(box);
    box.select();
    const isCopied = document.execCommand("copy");
    box.remove();
    button.focus();
    return isCopied;
  }
}
