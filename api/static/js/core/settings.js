/**
 * @file Server settings that the page uses. The server writes them into a <meta> element of index.html.
 * @import { Settings } from "./types"
 */

/** @type {Settings} */
export const settings = JSON.parse(readMeta("explorer"));

/** @param {string} name */
function readMeta(name) {
  const element = document.querySelector(`meta[name="${name}"]`);
  return /** @type {HTMLMetaElement} */ (element).content;
}
