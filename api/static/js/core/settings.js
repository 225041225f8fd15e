/**
 * @file Server settings that the page needs. The server writes them into index.html.
 * @import { Settings } from "./types"
 */

/** @type {Settings} */
export const settings = JSON.parse(readMeta("explorer"));

/** @param {string} name */
function readMeta(name) {
  const element = document.querySelector(`meta[name="${name}"]`);
  return /** @type {HTMLMetaElement} */ (element).content;
}
