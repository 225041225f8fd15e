// The browser's own modal dialog: it keeps the focus inside, closes on Esc, and gives the focus back.
import { html, useEffect, useRef } from "./html.js";
import { Icon } from "./icons.js";

export function Dialog({ title, close, kind = "", label = title, children, onKeyDown }) {
  const dialog = useRef(null);
  useEffect(() => {
    const element = dialog.current;
    element.showModal();
    return () => element.close();
  }, []);
  const onCancel = (event) => {
    event.preventDefault();
    close();
  };
  // A press on the backdrop is one on the dialog itself; what is inside covers the rest.
  const onPointerDown = (event) => event.target === dialog.current && close();
  return html`<dialog ref=${dialog} class="dialog ${kind}" aria-label=${label} onCancel=${onCancel} onPointerDown=${onPointerDown} onKeyDown=${onKeyDown}>
    <div class="inside">
      ${title && html`<header><h2>${title}</h2><button type="button" class="plain" aria-label="Close" onClick=${close}><${Icon} name="close" /></button></header>`}
      ${children}
    </div>
  </dialog>`;
}
