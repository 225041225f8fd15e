/**
 * @file State of a text input that is reset whenever its URL parameter changes.
 */
import { useLayoutEffect, useState } from "../core/preact.js";

/**
 * @param {string} value of the URL parameter
 * @returns {[text: string, setText: (text: string) => void]}
 */
export function useSyncedInput(value) {
  const [text, setText] = useState(value);
  // Use a layout effect: a plain effect runs after the next paint, and would undo what the user typed before that.
  useLayoutEffect(() => setText(value), [value]);
  return [text, setText];
}
