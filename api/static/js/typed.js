// The text of a box: what the address says, until something is typed and whenever the address changes.
import { useLayoutEffect, useState } from "./html.js";

export function useTyped(given) {
  const [text, setText] = useState(given);
  // At once: an effect after the next painting would take away what was typed until then.
  useLayoutEffect(() => setText(given), [given]);
  return [text, setText];
}
