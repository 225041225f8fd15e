/**
 * @file Detects the first user input. Rows outside the viewport are rendered only after it, so that at first the page
 * loads only what is visible.
 */
import { useEffect, useState } from "../core/preact.js";

const EVENTS = ["pointermove", "pointerdown", "touchstart", "wheel", "keydown", "scroll"];
let hasHadInput = false;

/** Resolves on the first user input. */
export const firstInput = new Promise((resolve) => {
  /** @param {Event} event */
  const onInput = (event) => {
    // When a page opens under a resting pointer, the browser sends a pointermove without any movement. Ignore it.
    if (event instanceof PointerEvent && event.type === "pointermove") {
      if (!event.movementX && !event.movementY) return;
    }
    hasHadInput = true;
    for (const name of EVENTS) removeEventListener(name, onInput, true);
    resolve(undefined);
  };
  for (const name of EVENTS) addEventListener(name, onInput, { capture: true, passive: true });
});

/** Return whether there has been any user input. */
export function useUserActivity() {
  const [hasInput, setHasInput] = useState(hasHadInput);
  useEffect(() => {
    firstInput.then(() => setHasInput(true));
  }, []);
  return hasInput;
}
