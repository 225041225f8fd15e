/**
 * @file A saved view in the menu: a link, and a button that shows the actions for the view.
 * @import { Api, SavedView } from "../core/types"
 */
import { CopyButton } from "../components/copy.jsx";
import { Icon } from "../components/icons.jsx";
import { useEffect, useRef, useState } from "../core/preact.js";
import { stateOfAddress, urlOf } from "../core/url_state.js";

/**
 * @param {object} props
 * @param {SavedView} props.view
 * @param {boolean} props.isDefault
 * @param {string} props.currentAddress address of what the explorer shows
 * @param {Api} props.api
 * @param {(act: () => Promise<unknown>, successMessage: string) => Promise<boolean>} props.run
 * @param {() => void} props.close closes the menu
 * @param {() => void} props.focusAfterDeletion
 */
export function SavedViewRow({
  view,
  isDefault,
  currentAddress,
  api,
  run,
  close,
  focusAfterDeletion,
}) {
  const [mode, setMode] = useState(
    /** @type {"closed" | "actions" | "rename" | "delete"} */ ("closed"),
  );
  const toggle = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const { id, name, version } = view;
  const state = stateOfAddress(view.address);
  const address = state ? urlOf(state) : "/";
  /**
   * @param {object} changes
   * @param {string} successMessage
   */
  const change = (changes, successMessage) =>
    run(() => api.patch(`/views/${id}`, { version, ...changes }), successMessage);
  const backToRow = () => {
    setMode("closed");
    toggle.current?.focus();
  };
  const deleteView = async () => {
    focusAfterDeletion();
    const isDeleted = await run(
      () => api.delete(`/views/${id}?version=${version}`),
      `Deleted ${name}`,
    );
    if (!isDeleted) setMode("closed");
  };
  return (
    <li class="saved-view">
      <div class="line">
        <a
          href={address}
          aria-current={address === currentAddress ? "true" : undefined}
          title={name}
          onClick={close}
        >
          <bdi>{name}</bdi>
          {isDefault && <span class="badge">Default</span>}
        </a>
        <button
          type="button"
          class="plain"
          ref={toggle}
          aria-expanded={mode !== "closed"}
          aria-label={`Actions for ${name}`}
          title="Actions"
          onClick={() => setMode(mode === "closed" ? "actions" : "closed")}
        >
          <Icon name="more" />
        </button>
      </div>
      {mode === "rename" && (
        <RenameForm
          name={name}
          cancel={backToRow}
          save={async (newName) => {
            if (await change({ name: newName }, `Renamed to ${newName}`)) backToRow();
          }}
        />
      )}
      {mode === "actions" && (
        <div class="row-actions">
          <button type="button" onClick={() => setMode("rename")}>
            Rename
          </button>
          <CopyButton text={location.origin + address} label="Copy link" />
          <button
            type="button"
            onClick={() =>
              change(
                { default: !isDefault },
                isDefault ? "No default view" : `${name} is the default view`,
              )
            }
          >
            {isDefault ? "Clear default" : "Set as default"}
          </button>
          <button type="button" class="danger" onClick={() => setMode("delete")}>
            Delete
          </button>
        </div>
      )}
      {mode === "delete" && <ConfirmDeletion name={name} confirm={deleteView} cancel={backToRow} />}
    </li>
  );
}

/** @param {{name: string, confirm: () => void, cancel: () => void}} props */
function ConfirmDeletion({ name, confirm, cancel }) {
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  useEffect(() => button.current?.focus(), []);
  return (
    <div class="row-actions" role="group" aria-label={`Delete ${name} for everyone?`}>
      <span>Delete for everyone?</span>
      <button type="button" class="danger" ref={button} onClick={confirm}>
        Delete view
      </button>
      <button type="button" onClick={cancel}>
        Cancel
      </button>
    </div>
  );
}

/** @param {{name: string, save: (name: string) => void, cancel: () => void}} props */
function RenameForm({ name, save, cancel }) {
  const [value, setValue] = useState(name);
  const box = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => box.current?.select(), []);
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    if (value.trim()) save(value.trim());
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.key !== "Escape") return;
    // The menu stays open.
    event.stopPropagation();
    cancel();
  };
  return (
    <form class="row-actions" onSubmit={submit} onKeyDown={onKeyDown}>
      <input
        required
        ref={box}
        maxlength={80}
        dir="auto"
        autocomplete="off"
        aria-label={`New name of ${name}`}
        value={value}
        onInput={(event) => setValue(event.currentTarget.value)}
      />
      <button type="submit" class="primary">
        Rename
      </button>
      <button type="button" onClick={cancel}>
        Cancel
      </button>
    </form>
  );
}
