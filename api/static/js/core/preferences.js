/**
 * @file Choices that this browser remembers, such as the theme.
 */

/** @param {string} name */
const keyOf = (name) => `explorer.${name}`;

/**
 * @param {string} name
 * @returns {string | null}
 */
export function readPreference(name) {
  try {
    return localStorage.getItem(keyOf(name));
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function savePreference(name, value) {
  try {
    localStorage.setItem(keyOf(name), value);
  } catch {
    // The browser blocks storage, so the choice is lost on a reload.
  }
}
