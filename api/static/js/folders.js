// The folders of a bucket, one level at a time, and a box for a prefix typed by hand.
import { html, useState } from "./html.js";
import { Value } from "./filters.js";
import { oneLine } from "./format.js";
import { useTyped } from "./typed.js";

const FEW = 8;

// folders: the facet `folder`, counted below bucket and prefix; undefined where neither is chosen.
export function Folders({ folders, state, navigate }) {
  const prefix = state.filters.prefix ?? "";
  const [typed, setTyped] = useTyped(prefix);
  const [all, setAll] = useState(false);
  const go = (value) => navigate({ filters: { prefix: value || null } });
  const inside = (folders ?? []).filter(({ value }) => value);
  const most = Math.max(1, ...inside.map(({ count }) => count));
  const steps = prefix.split("/").slice(0, -1);
  const submit = (event) => {
    event.preventDefault();
    go(typed);
  };
  return html`<div class="folders">
    ${steps.length > 0 &&
    html`<nav class="steps" aria-label="Folder">
      <button type="button" onClick=${() => go("")}>All</button>
      ${steps.map((step, at) => html`<button type="button" key=${at} aria-current=${at === steps.length - 1 ? "true" : undefined} onClick=${() => go(`${steps.slice(0, at + 1).join("/")}/`)}>${oneLine(step || "(no name)", 40)}</button>`)}
    </nav>`}
    ${inside.length > 0 &&
    html`<ul class="values plain">
      ${(all ? inside : inside.slice(0, FEW)).map(({ value, count }) => html`<${Value} key=${value} label=${value} count=${count} most=${most} isOn=${false} toggle=${() => go(prefix + value)} />`)}
    </ul>`}
    ${inside.length > FEW && html`<button type="button" class="link" onClick=${() => setAll(!all)}>${all ? "Show fewer" : `Show all ${inside.length}`}</button>`}
    <form class="prefix" onSubmit=${submit}>
      <input type="text" aria-label="Folder or beginning of the key" placeholder="Folder or prefix, as 2024/" value=${typed} maxlength="1024" autocomplete="off" spellcheck=${false} onInput=${(event) => setTyped(event.target.value)} />
    </form>
  </div>`;
}
