/**
 * @file A button that opens a panel. A press outside closes the panel. Esc closes it too, and returns the focus to the
 * button.
 * @import { ComponentChildren } from "preact"
 */
import { useEffect, useRef, useState } from "../core/preact.js";

/**
 * @param {object} props
 * @param {string} [props.label] text next to the icon
 * @param {string} props.title tooltip and accessible name
 * @param {ComponentChildren} props.icon
 * @param {ComponentChildren | ((close: () => void) => ComponentChildren)} props.children
 * @param {"start" | "end"} [props.align] edge of the button at which the panel is aligned
 */
export function Menu({ label, title, icon, children, align = "end" }) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef(/** @type {HTMLDivElement | null} */ (null));
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!isOpen) return undefined;
    /** @param {PointerEvent} event */
    const onPointerDown = (event) => {
      if (!root.current?.contains(/** @type {Node} */ (event.target))) setOpen(false);
    };
    document.addEventListener("pointerdown", onPointerDown);
    /** @type {HTMLElement | null | undefined} */
    const first = root.current?.querySelector(".panel a, .panel button, .panel input");
    first?.focus();
    return () => document.removeEventListener("pointerdown", onPointerDown);
  }, [isOpen]);
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.key !== "Escape" || !isOpen) return;
    event.stopPropagation();
    close();
  };
  return (
    <div class="menu" ref={root} onKeyDown={onKeyDown}>
      <button
        type="button"
        class="plain"
        ref={button}
        title={title}
        aria-label={title}
        aria-expanded={isOpen}
        aria-haspopup="dialog"
        onClick={() => setOpen(!isOpen)}
      >
        {icon}
        {label && <span class="label">{label}</span>}
      </button>
      {isOpen && (
        <div class={`panel ${align}`} role="dialog" aria-label={title}>
          {typeof children === "function" ? children(close) : children}
        </div>
      )}
    </div>
  );
}
