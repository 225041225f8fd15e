/**
 * @file Renders the rows of a long list that are in or near the viewport.
 *
 * Preact's keyed lists are too slow for this. When rows leave at one end and enter at the other, Preact removes and
 * reinserts all rows that stay, and the browser lays out and paints everything at each scroll step. This component
 * touches only the rows that enter or leave.
 * @import { ComponentChildren, HTMLAttributes } from "preact"
 */
import { render, useLayoutEffect, useRef } from "../core/preact.js";
import { yieldToInput } from "../core/scheduling.js";

// Off-screen rows are rendered in slices of this length, so that the browser can handle input in between.
const BUDGET_MS = 8;

/**
 * @typedef {object} Rows
 * @property {[first: number, end: number]} visible rows in the viewport, rendered immediately; `end` is excluded
 * @property {[first: number, end: number]} near rows to keep around the viewport, rendered when there is time
 * @property {(index: number) => ComponentChildren} renderRow
 * @property {(index: number) => {top: number, height: number}} boundsOf in pixels
 * @property {string} rowClass
 */

/** @param {Rows & HTMLAttributes<HTMLDivElement>} props other properties go to the element around the rows */
export function VirtualRows({ visible, near, renderRow, boundsOf, rowClass, ...attributes }) {
  const host = useRef(/** @type {HTMLDivElement | null} */ (null));
  const { elements, pass } = useRef({
    /** @type {Map<number, HTMLElement>} */
    elements: new Map(),
    // Identifies the latest pass over the off-screen rows; an older one stops.
    pass: { latest: 0 },
  }).current;

  /** @param {number} index */
  const put = (index) => {
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
    for (let index = visible[0]; index < visible[1]; index++) put(index);
    pass.latest += 1;
    renderOffScreen(pass.latest);
  });

  /**
   * Render the rows below the viewport, then those above.
   * @param {number} current number of this pass
   */
  async function renderOffScreen(current) {
    const indexes = [];
    for (let index = visible[1]; index < near[1]; index++) indexes.push(index);
    for (let index = visible[0] - 1; index >= near[0]; index--) indexes.push(index);
    let deadline = 0;
    for (const index of indexes) {
      if (performance.now() > deadline) {
        await yieldToInput();
        deadline = performance.now() + BUDGET_MS;
      }
      if (pass.latest !== current) return;
      put(index);
    }
  }

  // A layout effect, because the cleanup of a plain effect does not run for a list that is removed before its first
  // paint. Off-screen rows would then be rendered into a detached element.
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
