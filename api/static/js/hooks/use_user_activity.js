/**
 * @file Detects the first user input. Prefetching waits for it, so that the first view loads only what it shows.
 */
import { useEffect, useState } from "../core/preact.js";

const EVENTS = ["pointermove", "pointerdown", "touchstart", "wheel", "keydown", "scroll"];
let isActive = false;

/** Resolves on the first user input. */
export const firstInput = new Promise((resolve) => {
  /** @param {Event} event */
  const onInput = (event) => {
    // A page that opens under a resting pointer gets a pointermove without any movement.
    if (event instanceof PointerEvent && event.type === "pointermove") {
      if (!event.movementX && !event.movementY) return;
    }
    isActive = true;
    for (const name of EVENTS) removeEventListener(name, onInput, true);
    resolve(undefined);
  };
  for (const name of EVENTS) addEventListener(name, onInput, { capture: true, passive: true });
});

/** Return whether there has been any user input. */
export function useUserActivity() {
  const [hasInput, setHasInput] = useState(isActive);
  useEffect(() => {
    firstInput.then(() => setHasInput(true));
  }, []);
  return hasInput;
}
