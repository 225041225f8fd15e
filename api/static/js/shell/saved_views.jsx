/**
 * @file Menu of the views that the user has saved in this browser. A saved view is a name and a URL.
 * @import { State } from "../core/types"
 */
import { Icon } from "../components/icons.jsx";
import { Menu } from "../components/menu.jsx";
import { useState } from "../core/preact.js";
import { urlOf } from "../core/url_state.js";

/** @typedef {{name: string, address: string}} SavedView address: the URL, without the origin */

const STORAGE_KEY = "explorer.views";

/**
 * Return the saved views. Entries that do not link to the explorer are left out.
 * @returns {SavedView[]}
 */
function load() {
  try {
    /** @type {SavedView[]} */
    const views = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "[]");
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
  const [isBlocked, setBlocked] = useState(false);
  /** @param {SavedView[]} next */
  const store = (next) => {
    setViews(next);
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify(next));
    } catch {
      setBlocked(true);
    }
  };
  /** @param {Event} event */
  const save = (event) => {
    event.preventDefault();
    const address = urlOf({ ...state, photo: null });
    const otherViews = views.filter((view) => view.name !== name.trim());
    const next = [...otherViews, { name: name.trim(), address }];
    store(next.sort((a, b) => a.name.localeCompare(b.name)));
    setName("");
  };
  return (
    <>
      <form class="save" onSubmit={save}>
        <label for="save-name">Save this view as</label>
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
      {isBlocked && (
        <p class="note" role="alert">
          Saving is blocked by this browser. Bookmark the page instead.
        </p>
      )}
      {views.length === 0 ? (
        <p class="none">No saved views yet. They are stored in this browser.</p>
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
                onClick={() => store(views.filter((other) => other !== view))}
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
