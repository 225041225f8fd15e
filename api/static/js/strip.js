// Elements for the part of a long list that is in sight, in the list's order. Preact's own lists will not do: where
// several items go at one end and as many come at the other, it takes out all that stay and puts them in again, so that
// each step of a scroll lays out and paints everything anew. Here only what comes and what goes is touched.
import { html, render, useLayoutEffect, useRef } from "./html.js";
import { pause } from "./pause.js";

// How long what is not in sight yet may be drawn, in milliseconds, before the browser can answer the person again.
const MOST_MS = 8;

// sight: [first, end] of the items in sight, which are drawn at once; near: of those to be kept ready around them, which
// are drawn in between. draw(at): the item's content; place(at): {top, height} in pixels; item: the class of the element
// that each gets. Everything else is of the element around them all.
export function Strip({ sight, near, draw, place, item, ...attributes }) {
  const host = useRef(null);
  const { held, drawing } = useRef({ held: new Map(), drawing: { turn: 0 } }).current;

  const put = (at) => {
    let element = held.get(at);
    if (!element) {
      element = document.createElement("div");
      element.className = item;
      let next = at + 1;
      while (next < near[1] && !held.has(next)) next++;
      host.current.insertBefore(element, held.get(next) ?? null);
      held.set(at, element);
    }
    const { top, height } = place(at);
    if (element.style.top !== `${top}px`) element.style.top = `${top}px`;
    if (element.style.height !== `${height}px`) element.style.height = `${height}px`;
    render(draw(at), element);
  };

  useLayoutEffect(() => {
    for (const [at, element] of held) {
      if (at >= near[0] && at < near[1]) continue;
      render(null, element);
      element.remove();
      held.delete(at);
    }
    for (let at = sight[0]; at < sight[1]; at++) put(at);
    const turn = ++drawing.turn;
    drawRest(turn);
  });

  // First what comes next when one goes on, then what was before.
  async function drawRest(turn) {
    const rest = [];
    for (let at = sight[1]; at < near[1]; at++) rest.push(at);
    for (let at = sight[0] - 1; at >= near[0]; at--) rest.push(at);
    let until = 0;
    for (const at of rest) {
      if (performance.now() > until) {
        await pause();
        until = performance.now() + MOST_MS;
      }
      if (drawing.turn !== turn) return;
      put(at);
    }
  }

  // As soon as it is there: an effect that waits for the first painting would not have begun where it goes before that,
  // and the rest would be drawn into nothing.
  useLayoutEffect(
    () => () => {
      drawing.turn += 1;
      for (const element of held.values()) render(null, element);
      held.clear();
    },
    [],
  );
  return html`<div ref=${host} ...${attributes}></div>`;
}
