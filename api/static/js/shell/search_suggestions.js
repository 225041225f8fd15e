/**
 * @file The suggestions of the search box: the filters that they set, and the option that the arrow keys reach.
 * @import { Filters, FilterChange, SearchSuggestion, SearchSuggestions } from "../core/types"
 */
import { lookupTable } from "../core/lookup_table.js";
import { LIST_FILTERS } from "../core/url_state.js";

const GROUP_TITLES = lookupTable({
  filters: "Filters",
  cameras: "Cameras",
  lenses: "Lenses",
  people: "People",
  creators: "Creators",
  places: "Places",
  keywords: "Keywords",
  folders: "Folders",
});

/** @param {string} name */
export const groupTitle = (name) => GROUP_TITLES[name] ?? name;

/**
 * Return all suggestions in the order in which they are shown.
 * @param {SearchSuggestions | null} answer
 * @returns {SearchSuggestion[]}
 */
export const allSuggestions = (answer) =>
  answer ? answer.groups.flatMap((group) => group.suggestions) : [];

/** The reached option before an arrow key is pressed: none. */
export const NO_OPTION = { index: -1, key: "" };

/** @param {SearchSuggestion} suggestion */
export const keyOf = ({ text, filters }) => `${text} ${JSON.stringify(filters)}`;

/**
 * Return the index of the option that the arrow keys have reached, or -1 if there is none. If the latest response lacks
 * this option, return the index at which it was.
 * @param {SearchSuggestion[]} options
 * @param {typeof NO_OPTION} reached
 */
export function indexOfOption(options, { index, key }) {
  if (index < 0) return -1;
  const newIndex = options.findIndex((option) => keyOf(option) === key);
  return newIndex >= 0 ? newIndex : Math.min(index, options.length - 1);
}

/**
 * Return the index of the option that a key reaches, or -1 for the text box itself. The arrow keys wrap around.
 * @param {number} active
 * @param {string} key
 * @param {number} count
 */
export function nextOption(active, key, count) {
  if (key === "ArrowDown") return active + 1 < count ? active + 1 : -1;
  return active < 0 ? count - 1 : active - 1;
}

/**
 * Return the change that adds filters to the current ones. The values of list filters are added to the current values.
 * A folder replaces the selected buckets by its own bucket.
 * @param {Filters} current
 * @param {Record<string, string | string[]>} added
 * @returns {FilterChange}
 */
export function withAdded(current, added) {
  /** @type {Record<string, string | string[]>} */
  const change = {};
  for (const [name, value] of Object.entries(added)) {
    const known = /** @type {Record<string, string | string[] | undefined>} */ (current)[name];
    const isList = /** @type {readonly string[]} */ (LIST_FILTERS).includes(name);
    const replaces = name === "bucket" && "prefix" in added;
    change[name] =
      isList && !replaces ? [...new Set([known ?? [], value].flat().map(String))] : value;
  }
  return change;
}

/**
 * Return the text with a suggestion in place of the words for which it was made.
 * @param {string} text
 * @param {SearchSuggestion} suggestion
 */
export function completed(text, suggestion) {
  const kept = text.slice(0, toOffset(text, suggestion.start));
  // The name of a filter needs a value. Another suggestion is complete, so the next word can follow.
  return kept + suggestion.text + (suggestion.text.endsWith(":") ? "" : " ");
}

/**
 * Return the text before the words for which a suggestion was made.
 * @param {string} text
 * @param {SearchSuggestion} suggestion
 */
export const textBefore = (text, suggestion) => text.slice(0, toOffset(text, suggestion.start));

/**
 * Convert a position of the API, in characters, to an index of a JavaScript string, in UTF-16 code units.
 * @param {string} text
 * @param {number} position
 */
export const toOffset = (text, position) => [...text].slice(0, position).join("").length;
