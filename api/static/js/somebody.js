// Whether somebody is there: what is not in sight is fetched from the first move of a pointer, a wheel or a key on, so
// that the first view is all that is fetched for the first view.
import { useEffect, useState } from "./html.js";

const SIGNS = ["pointermove", "pointerdown", "touchstart", "wheel", "keydown", "scroll"];
let isThere = false;

export const somebody = new Promise((resolve) => {
  const notice = (event) => {
    // Where a page appears below a pointer that rests, browsers tell of a move of no length.
    if (event.type === "pointermove" && !event.movementX && !event.movementY) return;
    isThere = true;
    for (const sign of SIGNS) removeEventListener(sign, notice, true);
    resolve();
  };
  for (const sign of SIGNS) addEventListener(sign, notice, { capture: true, passive: true });
});

export function useSomebody() {
  const [is, setIs] = useState(isThere);
  useEffect(() => void somebody.then(() => setIs(true)), []);
  return is;
}
