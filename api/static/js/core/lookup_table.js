/**
 * @file Tables that are indexed by text from the URL or the API.
 */

/**
 * Return a table with these entries and no prototype. A URL may contain "constructor" as a name, which would otherwise
 * be found in the prototype.
 * @template T
 * @param {Record<string, T>} entries
 * @returns {Record<string, T>}
 */
export const lookupTable = (entries) => Object.assign(Object.create(null), entries);
