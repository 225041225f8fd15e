/**
 * @file The browser's modal dialog. It keeps the focus inside, closes on Esc, and then restores the focus.
 * @import { ComponentChildren } from "preact"
 */
import { useLayoutEffect, useRef } from "../core/preact.js";
import { Icon } from "./icons.jsx";

/**
 * @param {object} props
 * @param {string | null} props.title null: the children contain their own header
 * @param {() => void} props.close
 * @param {string} [props.kind] CSS class
 * @param {string} [props.label] accessible name; the title by default
 * @param {ComponentChildren} props.children
 * @param {(event: KeyboardEvent) => void} [props.onKeyDown]
 */
export function Dialog({ title, close, kind = "", label = title ?? "", children, onKeyDown }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  // A layout effect ends while the dialog is still in the document. Only then does the browser restore the focus.
  useLayoutEffect(() => {
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
    // The content covers the whole dialog. If the target is the dialog element itself, the press was on the backdrop.
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
