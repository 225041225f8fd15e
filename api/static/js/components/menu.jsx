/**
 * @file A button that opens a panel. A press outside closes the panel. Esc closes it too, and returns the focus to the
 * button.
 * @import { ComponentChildren } from "preact"
 */
import { useEffect, useLayoutEffect, useRef, useState } from "../core/preact.js";

// Minimum distance between a panel and the edges of the screen.
const MARGIN_PIXELS = 12;

/**
 * Move a panel sideways so that it does not leave the screen, and limit its height to the room above or below its
 * button.
 * @param {HTMLElement} panel
 * @param {HTMLElement} button
 */
function keepOnScreen(panel, button) {
  const { clientWidth, clientHeight } = document.documentElement;
  const { left, right, top, bottom } = panel.getBoundingClientRect();
  const overhang = Math.min(0, clientWidth - MARGIN_PIXELS - right);
  panel.style.translate = `${left < MARGIN_PIXELS ? MARGIN_PIXELS - left : overhang}px`;
  const isBelow = top > button.getBoundingClientRect().top;
  const room = isBelow ? clientHeight - top : bottom;
  panel.style.setProperty("--room", `${Math.round(room) - MARGIN_PIXELS}px`);
}

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
  const panel = useRef(/** @type {HTMLDivElement | null} */ (null));
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  useLayoutEffect(() => {
    if (panel.current && button.current) keepOnScreen(panel.current, button.current);
  }, [isOpen]);
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
        <div class={`panel ${align}`} role="dialog" aria-label={title} ref={panel}>
          {typeof children === "function" ? children(close) : children}
        </div>
      )}
    </div>
  );
}
