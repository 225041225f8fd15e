/**
 * @file Renders the rows of a long list that are in or near the viewport.
 *
 * Preact's keyed lists are too slow for this. When rows leave at one end and enter at the other, Preact removes and
 * reinserts all the rows that stay. The browser then lays out and paints everything at each scroll step. This component
 * adds and removes only the rows that enter or leave.
 * @import { ComponentChildren, HTMLAttributes } from "preact"
 */
import { render, useLayoutEffect, useRef } from "../core/preact.js";
import { yieldToInput } from "../core/scheduling.js";

// After rendering off-screen rows for this long, let the browser handle input before continuing.
const BUDGET_MS = 8;

/**
 * @typedef {object} Rows
 * @property {[first: number, end: number]} visible rows in the viewport, which are rendered immediately; `end` is
 *   excluded
 * @property {[first: number, end: number]} near rows to keep in the document: those in the viewport, and
 *   those around it, which are rendered when there is time; `end` is excluded
 * @property {(index: number) => ComponentChildren} renderRow
 * @property {(index: number) => {top: number, height: number}} boundsOf returns the position and height of a row, in
 *   pixels
 * @property {string} rowClass CSS class of a row
 */

/**
 * @param {Rows & HTMLAttributes<HTMLDivElement>} props other properties become attributes of the element around the
 *   rows
 */
export function VirtualRows({ visible, near, renderRow, boundsOf, rowClass, ...attributes }) {
  const host = useRef(/** @type {HTMLDivElement | null} */ (null));
  const { elements, pass } = useRef({
    /** @type {Map<number, HTMLElement>} */
    elements: new Map(),
    // The number of the latest pass over the off-screen rows. When a new pass starts, older ones stop.
    pass: { latest: 0 },
  }).current;

  /**
   * Render a row, and create its element if it has none.
   * @param {number} index
   */
  const renderAt = (index) => {
    let element = elements.get(index);
    if (!element) {
      element = document.createElement("div");
      element.className = rowClass;
      let next = index + 1;
      while (next < near[1] && !elements.has(next)) next++;
      host.current?.insertBefore(element, elements.get(next) ?? null);
      elements.set(index, element);
    }
    const { top, height } = boundsOf(index);
    if (element.style.top !== `${top}px`) element.style.top = `${top}px`;
    if (element.style.height !== `${height}px`) element.style.height = `${height}px`;
    render(renderRow(index), element);
  };

  useLayoutEffect(() => {
    for (const [index, element] of elements) {
      if (index >= near[0] && index < near[1]) continue;
      render(null, element);
      element.remove();
      elements.delete(index);
    }
    for (let index = visible[0]; index < visible[1]; index++) renderAt(index);
    pass.latest += 1;
    renderOffScreen(pass.latest);
  });

  /**
   * Render the rows below the viewport, then those above.
   * @param {number} passNumber
   */
  async function renderOffScreen(passNumber) {
    const indexes = [];
    for (let index = visible[1]; index < near[1]; index++) indexes.push(index);
    for (let index = visible[0] - 1; index >= near[0]; index--) indexes.push(index);
    let deadline = 0;
    for (const index of indexes) {
      if (performance.now() > deadline) {
        await yieldToInput();
        deadline = performance.now() + BUDGET_MS;
      }
      if (pass.latest !== passNumber) return;
      renderAt(index);
    }
  }

  // Use a layout effect: the cleanup of a plain effect does not run if the list is removed before its first paint, and
  // off-screen rows would then be rendered into a detached element.
  useLayoutEffect(
    () => () => {
      pass.latest += 1;
      for (const element of elements.values()) render(null, element);
      elements.clear();
    },
    [pass, elements],
  );
  return <div ref={host} {...attributes} />;
}
