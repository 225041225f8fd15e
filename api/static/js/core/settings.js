/**
 * @file Server settings that the page uses. The server writes them into a <meta> element of index.html.
 * @import { Settings } from "./types"
 */

/** @type {Settings} */
export const settings = JSON.parse(readMeta("explorer"));

/** Address of MRQ's dashboard, which listens on another port. */
export const DASHBOARD_URL = `${location.protocol}//${location.hostname}:${settings.dashboard_port}/`;

/** @param {string} name */
function readMeta(name) {
  const element = document.querySelector(`meta[name="${name}"]`);
  return /** @type {HTMLMetaElement} */ (element).content;
}
