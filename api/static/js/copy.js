// Copies a text, and says that it did.
import { html, useEffect, useState } from "./html.js";
import { Icon } from "./icons.js";

export function CopyButton({ text, label, quiet = false }) {
  const [said, setSaid] = useState(null);
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => setSaid(null), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async (event) => {
    setSaid((await write(text, event.currentTarget)) ? "Copied" : "This browser does not let pages copy");
  };
  return html`<button type="button" class=${quiet ? "plain copy" : "copy"} aria-label=${quiet ? `Copy ${label}` : undefined} title=${quiet ? `Copy ${label}` : undefined} onClick=${copy}>
    <${Icon} name="copy" />${!quiet && html`<span>${said ?? label}</span>`}<span class="unseen" role="status">${said ?? ""}</span>${quiet && said && html`<span aria-hidden="true">${said}</span>`}
  </button>`;
}

// Only pages of this machine or of https may use the clipboard; elsewhere the old way still works.
async function write(text, beside) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = document.createElement("textarea");
    box.value = text;
    box.className = "unseen";
    // Inside the dialog: what is outside of it cannot have the focus.
    beside.parentElement.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    beside.focus();
    return done;
  }
}
