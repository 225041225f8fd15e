/**
 * @file Explains to the user why the API refused an action.
 * @import { Problem } from "./api.js"
 */
import { settings } from "./settings.js";

/**
 * Return the API's message as a sentence, without the parameter's name that it may begin with. If no token is set on
 * the server, say how to set one.
 * @param {Problem} error
 */
export function explainRefusal({ status, parameter, message }) {
  if (status === 403 && !settings.has_token) {
    return (
      "This action requires an access token. Set API_TOKEN in settings.py, restart the API, " +
      "then enter the token here."
    );
  }
  const prefix = `${parameter}: `;
  return toSentence(message.startsWith(prefix) ? message.slice(prefix.length) : message);
}

/**
 * Capitalise the text and end it with a full stop.
 * @param {string} text
 */
export const toSentence = (text) =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}`;
