/**
 * @file Menu of saved views, which all users of the server share. A saved view is a name and a URL.
 * @import { Api, SavedView, SavedViews as Saved, State } from "../core/types"
 * @import { Problem } from "../core/api.js"
 */
import { Icon } from "../components/icons.jsx";
import { Menu } from "../components/menu.jsx";
import { toProblem } from "../core/api.js";
import { explainRefusal } from "../core/error_messages.js";
import { pluralize } from "../core/format.js";
import { useRef, useState } from "../core/preact.js";
import { savedAddress } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";
import { forgetLocalViews, loadLocalViews } from "./local_views.js";
import { SavedViewRow } from "./saved_view_row.jsx";

/** @param {{state: State, api: Api}} props */
export function SavedViews({ state, api }) {
  return (
    <Menu title="Saved views" label="Saved" icon={<Icon name="saved" />}>
      {(close) => <Panel state={state} api={api} close={close} />}
    </Menu>
  );
}

/** @param {{state: State, api: Api, close: () => void}} props */
function Panel({ state, api, close }) {
  const saved = useRequest(
    /** @returns {Promise<Saved>} */ (signal) => api.get("/views", null, { signal }),
    "",
  );
  const [error, setError] = useState(/** @type {Problem | null} */ (null));
  const [message, setMessage] = useState("");
  const nameBox = useRef(/** @type {HTMLInputElement | null} */ (null));
  /**
   * Call the API, show its error or a message, and reload the list.
   * @param {() => Promise<unknown>} act
   * @param {string} successMessage
   */
  const run = async (act, successMessage) => {
    setError(null);
    setMessage("");
    try {
      await act();
      setMessage(successMessage);
      return true;
    } catch (cause) {
      setError(toProblem(cause));
      return false;
    } finally {
      saved.reload();
    }
  };
  const views = saved.data?.views ?? [];
  return (
    <>
      <SaveForm state={state} api={api} views={views} run={run} box={nameBox} />
      {error && (
        <p class="field-error" role="alert">
          {explainRefusal(error)}
        </p>
      )}
      <p class="visually-hidden" role="status">
        {message}
      </p>
      {views.length > 0 && (
        <ul class="entries">
          {views.map((view) => (
            <SavedViewRow
              key={view.id}
              view={view}
              isDefault={view.id === saved.data?.default}
              currentAddress={savedAddress(state)}
              api={api}
              run={run}
              close={close}
              focusAfterDeletion={() => nameBox.current?.focus()}
            />
          ))}
        </ul>
      )}
      {saved.error ? (
        <p class="none">Couldn't load the saved views. {explainRefusal(saved.error)}</p>
      ) : (
        views.length === 0 && (
          <p class="none">
            {saved.data
              ? "No saved views yet. Everyone who uses this server sees them."
              : "Loading saved views…"}
          </p>
        )
      )}
      <LocalViews api={api} views={views} run={run} />
    </>
  );
}

/** @typedef {(act: () => Promise<unknown>, successMessage: string) => Promise<boolean>} Run */

/**
 * Return the view with this name. As on the server, upper and lower case count as equal.
 * @param {SavedView[]} views
 * @param {string} name
 */
export function viewNamed(views, name) {
  const comparable = name.normalize("NFC").toLowerCase();
  return views.find((view) => view.name.normalize("NFC").toLowerCase() === comparable) ?? null;
}

/**
 * @param {object} props
 * @param {State} props.state
 * @param {Api} props.api
 * @param {SavedView[]} props.views
 * @param {Run} props.run
 * @param {{current: HTMLInputElement | null}} props.box
 */
function SaveForm({ state, api, views, run, box }) {
  const [name, setName] = useState("");
  const trimmed = name.trim();
  const existing = viewNamed(views, trimmed);
  /** @param {Event} event */
  const save = async (event) => {
    event.preventDefault();
    if (!trimmed) return;
    const address = savedAddress(state);
    const isSaved = await run(
      () =>
        existing
          ? api.patch(`/views/${existing.id}`, { version: existing.version, address })
          : api.post("/views", { name: trimmed, address }),
      `Saved ${trimmed}`,
    );
    if (isSaved) setName("");
  };
  return (
    <form class="save" onSubmit={save}>
      <label for="save-name">Save this view as</label>
      <span class="with-button">
        <input
          id="save-name"
          required
          ref={box}
          maxlength={80}
          value={name}
          dir="auto"
          autocomplete="off"
          placeholder="Name"
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button type="submit" class="primary">
          {existing ? "Replace" : "Save"}
        </button>
      </span>
    </form>
  );
}

/**
 * Views that an earlier version saved in this browser, with a button that moves them to the server.
 * @param {{api: Api, views: SavedView[], run: Run}} props
 */
function LocalViews({ api, views, run }) {
  const [local, setLocal] = useState(loadLocalViews);
  if (local.length === 0) return null;
  const move = () =>
    run(async () => {
      for (const { name, address } of local) {
        if (!viewNamed(views, name)) await api.post("/views", { name, address });
      }
      forgetLocalViews();
      setLocal([]);
    }, "Moved the views to the server");
  return (
    <p class="none">
      {pluralize(local.length, "view")} {local.length === 1 ? "is" : "are"} saved only in this
      browser.{" "}
      <button type="button" class="link" onClick={move}>
        Move to the server
      </button>
    </p>
  );
}
