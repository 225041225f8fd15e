/**
 * @file State of a text input that follows its URL parameter.
 */
import { useLayoutEffect, useState } from "../core/preact.js";

/**
 * @param {string} value of the URL parameter
 * @returns {[text: string, setText: (text: string) => void]}
 */
export function useSyncedInput(value) {
  const [text, setText] = useState(value);
  // A layout effect, because a plain effect runs after the next paint and would undo what was typed before it.
  useLayoutEffect(() => setText(value), [value]);
  return [text, setText];
}
