/**
 * @file Tells of the first user input. Prefetching waits for it, so that the first view loads only itself.
 */
import { useEffect, useState } from "../core/preact.js";

const EVENTS = ["pointermove", "pointerdown", "touchstart", "wheel", "keydown", "scroll"];
let isActive = false;

/** Resolves on the first user input. */
export const firstInput = new Promise((resolve) => {
  /** @param {Event} event */
  const notice = (event) => {
    // A page that opens below a resting pointer gets a move of no length.
    if (event instanceof PointerEvent && event.type === "pointermove") {
      if (!event.movementX && !event.movementY) return;
    }
    isActive = true;
    for (const name of EVENTS) removeEventListener(name, notice, true);
    resolve(undefined);
  };
  for (const name of EVENTS) addEventListener(name, notice, { capture: true, passive: true });
});

/** Return whether there has been any user input. */
export function useUserActivity() {
  const [is, setIs] = useState(isActive);
  useEffect(() => {
    firstInput.then(() => setIs(true));
  }, []);
  return is;
}
