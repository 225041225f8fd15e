/**
 * @file The rows of a long list that are near the visible part.
 *
 * Preact's own keyed lists will not do: where several rows leave at one end and as many come at the other, it removes
 * and inserts again all that remain, so that each step of a scroll lays out and paints everything. Here only rows that
 * come or leave are touched.
 * @import { ComponentChildren, HTMLAttributes } from "preact"
 */
import { render, useLayoutEffect, useRef } from "../core/preact.js";
import { yieldToInput } from "../core/scheduling.js";

// Rows out of sight are drawn for so long before the browser may handle input.
const BUDGET_MS = 8;

/**
 * @typedef {object} Rows
 * @property {[first: number, end: number]} visible these rows are drawn at once
 * @property {[first: number, end: number]} near these are kept around them, and drawn when there is time
 * @property {(at: number) => ComponentChildren} draw the content of a row
 * @property {(at: number) => {top: number, height: number}} place in pixels
 * @property {string} rowClass
 */

/** @param {Rows & HTMLAttributes<HTMLDivElement>} props all others are of the element around the rows */
export function VirtualRows({ visible, near, draw, place, rowClass, ...attributes }) {
  const host = useRef(/** @type {HTMLDivElement | null} */ (null));
  const { elements, drawing } = useRef({
    /** @type {Map<number, HTMLElement>} */
    elements: new Map(),
    drawing: { turn: 0 },
  }).current;

  /** @param {number} at */
  const put = (at) => {
    let element = elements.get(at);
    if (!element) {
      element = document.createElement("div");
      element.className = rowClass;
      let next = at + 1;
      while (next < near[1] && !elements.has(next)) next++;
      host.current?.insertBefore(element, elements.get(next) ?? null);
      elements.set(at, element);
    }
    const { top, height } = place(at);
    if (element.style.top !== `${top}px`) element.style.top = `${top}px`;
    if (element.style.height !== `${height}px`) element.style.height = `${height}px`;
    render(draw(at), element);
  };

  useLayoutEffect(() => {
    for (const [at, element] of elements) {
      if (at >= near[0] && at < near[1]) continue;
      render(null, element);
      element.remove();
      elements.delete(at);
    }
    for (let at = visible[0]; at < visible[1]; at++) put(at);
    drawing.turn += 1;
    drawRest(drawing.turn);
  });

  /**
   * Draw the rows after the visible ones, then those before.
   * @param {number} turn it ends when another turn began
   */
  async function drawRest(turn) {
    const rest = [];
    for (let at = visible[1]; at < near[1]; at++) rest.push(at);
    for (let at = visible[0] - 1; at >= near[0]; at--) rest.push(at);
    let until = 0;
    for (const at of rest) {
      if (performance.now() > until) {
        await yieldToInput();
        until = performance.now() + BUDGET_MS;
      }
      if (drawing.turn !== turn) return;
      put(at);
    }
  }

  // A layout effect: a list that is removed before its first paint would not run the clean-up of a plain effect, and
  // the rest would be drawn into a detached element.
  useLayoutEffect(
    () => () => {
      drawing.turn += 1;
      for (const element of elements.values()) render(null, element);
      elements.clear();
    },
    [drawing, elements],
  );
  return <div ref={host} {...attributes} />;
}
