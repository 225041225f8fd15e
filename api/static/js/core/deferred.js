/**
 * @file Modules that are loaded when they are needed for the first time.
 */
import { api, Problem } from "./api.js";

/**
 * A module that is loaded once.
 * @template T
 * @typedef {object} Deferred
 * @property {T | null} module null until it is loaded
 * @property {() => Promise<T>} load
 */

/**
 * Return a module that is not loaded yet.
 * @template T
 * @param {() => Promise<T>} load imports the module
 * @returns {Deferred<T>}
 */
export function defer(load) {
  /** @type {Deferred<T>} */
  const deferred = {
    module: null,
    load: async () => (deferred.module ??= await load()),
  };
  return deferred;
}

/**
 * Import a part of the explorer.
 *
 * The name of a built file contains a hash, so after an update the server has no file of this name any more. Some
 * browsers also keep a failed import. In both cases, only loading the page again helps.
 * @template T
 * @param {() => Promise<T>} load
 * @param {string} subject what could not be loaded, for the message
 * @param {() => Promise<unknown>} [probe] fails if the server cannot be reached
 * @returns {Promise<T>}
 * @throws {Problem}
 */
export async function importPart(load, subject, probe = () => api.get("/healthz")) {
  try {
    return await load();
  } catch {
    // The browser's error only says that a file of the bundle is missing.
    await probe();
    throw new Problem({
      code: "page_outdated",
      detail: `Couldn't load the ${subject}. EXIFinator may have been updated since this page was opened.`,
    });
  }
}
