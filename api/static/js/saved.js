// Views kept by name in this browser: a view is an address, so its name and its address are all there is to keep.
import { html, useState } from "./html.js";
import { Icon } from "./icons.js";
import { Menu } from "./menu.js";
import { writeState } from "./state.js";

const STORE = "explorer.views";

function load() {
  try {
    const given = JSON.parse(localStorage.getItem(STORE) ?? "[]");
    return given.filter(({ name, address }) => typeof name === "string" && /^\/(\?|$)/.test(address));
  } catch {
    return [];
  }
}

export function SavedViews({ state }) {
  return html`<${Menu} title="Saved views" label="Saved" icon=${html`<${Icon} name="saved" />`}>
    ${(close) => html`<${Panel} state=${state} close=${close} />`}
  <//>`;
}

function Panel({ state, close }) {
  const [views, setViews] = useState(load);
  const [name, setName] = useState("");
  const [failed, setFailed] = useState(false);
  const keep = (next) => {
    setViews(next);
    try {
      localStorage.setItem(STORE, JSON.stringify(next));
    } catch {
      setFailed(true);
    }
  };
  const save = (event) => {
    event.preventDefault();
    const address = writeState({ ...state, photo: null });
    const others = views.filter((view) => view.name !== name.trim());
    keep([...others, { name: name.trim(), address }].sort((one, other) => one.name.localeCompare(other.name)));
    setName("");
  };
  return html`<form class="save" onSubmit=${save}>
      <label for="save-name">Save what is shown as</label>
      <span class="with-button"><input id="save-name" required maxlength="80" value=${name} autocomplete="off" placeholder="Name" onInput=${(event) => setName(event.target.value)} /><button type="submit" class="primary">Save</button></span>
    </form>
    ${failed && html`<p class="note" role="alert">This browser keeps nothing for this page; bookmark the address instead.</p>`}
    ${views.length === 0
      ? html`<p class="none">Nothing saved yet. Views are kept in this browser.</p>`
      : html`<ul class="entries">
          ${views.map(
            (view) => html`<li key=${view.name}>
              <a href=${view.address} onClick=${close}>${view.name}</a>
              <button type="button" class="plain" aria-label=${`Delete ${view.name}`} onClick=${() => keep(views.filter((other) => other !== view))}><${Icon} name="close" /></button>
            </li>`,
          )}
        </ul>`}`;
}
