/**
 * @file Why the API refused an action, in a sentence.
 * @import { Problem } from "./api.js"
 */
import { settings } from "./settings.js";

/**
 * @param {Problem} error
 */
export function explainRefusal({ status, parameter, message }) {
  if (status === 403 && !settings.has_token) {
    return (
      "This changes something, so it needs a token: set API_TOKEN in settings.py, start the API again, " +
      "and enter the token here."
    );
  }
  const prefix = `${parameter}: `;
  return toSentence(message.startsWith(prefix) ? message.slice(prefix.length) : message);
}

/**
 * Begin with a capital and end with a full stop.
 * @param {string} text
 */
export const toSentence = (text) =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}`;
