/**
 * @file The browser's modal dialog. It traps the focus, closes on Esc, and then restores the focus.
 * @import { ComponentChildren } from "preact"
 */
import { useEffect, useRef } from "../core/preact.js";
import { Icon } from "./icons.jsx";

/**
 * @param {object} props
 * @param {string | null} props.title
 * @param {() => void} props.close
 * @param {string} [props.kind]
 * @param {string} [props.label] for screen readers
 * @param {ComponentChildren} props.children
 * @param {(event: KeyboardEvent) => void} [props.onKeyDown]
 */
export function Dialog({ title, close, kind = "", label = title ?? "", children, onKeyDown }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  /** @param {Event} event */
  const onCancel = (event) => {
    event.preventDefault();
    close();
  };
  /** @param {PointerEvent} event */
  const onPointerDown = (event) => {
    // The content covers the whole dialog, so a press on the dialog element itself hit the backdrop.
    if (event.target === dialog.current) close();
  };
  return (
    <dialog
      ref={dialog}
      class={`dialog ${kind}`}
      aria-label={label}
      onCancel={onCancel}
      onPointerDown={onPointerDown}
      onKeyDown={onKeyDown}
    >
      <div class="inside">
        {title && (
          <header>
            <h2>{title}</h2>
            <button type="button" class="plain" aria-label="Close" onClick={close}>
              <Icon name="close" />
            </button>
          </header>
        )}
        {children}
      </div>
    </dialog>
  );
}
