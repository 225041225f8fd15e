// A button that opens a panel; Esc and a press elsewhere close it, and the button has the focus again.
import { html, useEffect, useRef, useState } from "./html.js";

export function Menu({ label, title, icon, children, align = "end" }) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef(null);
  const button = useRef(null);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!isOpen) return undefined;
    const outside = (event) => {
      if (!root.current.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    root.current.querySelector(".panel a, .panel button, .panel input")?.focus();
    return () => document.removeEventListener("pointerdown", outside);
  }, [isOpen]);
  const onKeyDown = (event) => {
    if (event.key !== "Escape" || !isOpen) return;
    event.stopPropagation();
    close();
  };
  return html`<div class="menu" ref=${root} onKeyDown=${onKeyDown}>
    <button type="button" class="plain" ref=${button} title=${title} aria-label=${title} aria-expanded=${isOpen} aria-haspopup="dialog" onClick=${() => setOpen(!isOpen)}>
      ${icon}${label && html`<span class="label">${label}</span>`}
    </button>
    ${isOpen && html`<div class="panel ${align}" role="dialog" aria-label=${title}>${typeof children === "function" ? children(close) : children}</div>`}
  </div>`;
}
