/**
 * @file State of a text input that resets when its URL parameter changes.
 */
import { useLayoutEffect, useState } from "../core/preact.js";

/**
 * @param {string} value of the URL parameter
 * @returns {[text: string, setText: (text: string) => void]}
 */
export function useSyncedInput(value) {
  const [text, setText] = useState(value);
  // A plain effect runs after the next paint, and would undo what was typed until then.
  useLayoutEffect(() => setText(value), [value]);
  return [text, setText];
}
