/**
 * @file Views that earlier versions saved in this browser.
 */
import { stateOfAddress } from "../core/url_state.js";

const STORAGE_KEY = "explorer.views";

/**
 * Return the views. Entries that do not link to the explorer are left out.
 * @returns {{name: string, address: string}[]}
 */
export function loadLocalViews() {
  try {
    /** @type {{name: string, address: string}[]} */
    const views = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "[]");
    return views.filter(({ name, address }) => typeof name === "string" && stateOfAddress(address));
  } catch {
    return [];
  }
}

export function forgetLocalViews() {
  localStorage.removeItem(STORAGE_KEY);
}
