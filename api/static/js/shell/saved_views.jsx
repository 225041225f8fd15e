/**
 * @file Views saved by name in this browser: a name and an address each.
 * @import { State } from "../core/types"
 */
import { Icon } from "../components/icons.jsx";
import { Menu } from "../components/menu.jsx";
import { useState } from "../core/preact.js";
import { writeState } from "../core/url_state.js";

/** @typedef {{name: string, address: string}} SavedView */

const STORE = "explorer.views";

/** @returns {SavedView[]} */
function load() {
  try {
    /** @type {SavedView[]} */
    const views = JSON.parse(localStorage.getItem(STORE) ?? "[]");
    return views.filter(
      ({ name, address }) => typeof name === "string" && /^\/(\?|$)/.test(address),
    );
  } catch {
    return [];
  }
}

/** @param {{state: State}} props */
export function SavedViews({ state }) {
  return (
    <Menu title="Saved views" label="Saved" icon={<Icon name="saved" />}>
      {(close) => <Panel state={state} close={close} />}
    </Menu>
  );
}

/** @param {{state: State, close: () => void}} props */
function Panel({ state, close }) {
  const [views, setViews] = useState(load);
  const [name, setName] = useState("");
  const [isRefused, setRefused] = useState(false);
  /** @param {SavedView[]} next */
  const keep = (next) => {
    setViews(next);
    try {
      localStorage.setItem(STORE, JSON.stringify(next));
    } catch {
      setRefused(true);
    }
  };
  /** @param {Event} event */
  const save = (event) => {
    event.preventDefault();
    const address = writeState({ ...state, photo: null });
    const others = views.filter((view) => view.name !== name.trim());
    keep(
      [...others, { name: name.trim(), address }].sort((one, other) =>
        one.name.localeCompare(other.name),
      ),
    );
    setName("");
  };
  return (
    <>
      <form class="save" onSubmit={save}>
        <label for="save-name">Save what is shown as</label>
        <span class="with-button">
          <input
            id="save-name"
            required
            maxlength={80}
            value={name}
            autocomplete="off"
            placeholder="Name"
            onInput={(event) => setName(event.currentTarget.value)}
          />
          <button type="submit" class="primary">
            Save
          </button>
        </span>
      </form>
      {isRefused && (
        <p class="note" role="alert">
          This browser keeps nothing for this page; bookmark the address instead.
        </p>
      )}
      {views.length === 0 ? (
        <p class="none">Nothing saved yet. Views are kept in this browser.</p>
      ) : (
        <ul class="entries">
          {views.map((view) => (
            <li key={view.name}>
              <a href={view.address} onClick={close}>
                {view.name}
              </a>
              <button
                type="button"
                class="plain"
                aria-label={`Delete ${view.name}`}
                onClick={() => keep(views.filter((other) => other !== view))}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
