/**
 * @file Finds the part of a JSON text to which an error of the API refers.
 */
import { findNodeAtLocation, parseTree } from "jsonc-parser";

/**
 * @typedef {import("jsonc-parser").Node} Node
 * @typedef {[start: number, end: number]} TextRange
 */

/**
 * Return the range of the text to which a problem refers: the value at the problem's JSON pointer (RFC 6901), or the
 * syntax error if the text is not valid JSON. Return null if the problem refers to the whole text.
 * @param {string} text
 * @param {{code?: string | null, pointer?: string | null}} problem
 * @returns {TextRange | null}
 */
export function findErrorRange(text, { code, pointer }) {
  if (code === "bad_json") return rangeOfSyntaxError(text);
  return pointer ? rangeOfPointer(text, pointer) : null;
}

/**
 * Return the range of the value at a pointer, or null if there is none.
 * @param {string} text
 * @param {string} pointer RFC 6901
 */
function rangeOfPointer(text, pointer) {
  const tree = parseTree(text);
  const parts = pointer.split("/").slice(1);
  const names = parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const node = tree && findNodeAtLocation(tree, toPath(tree, names));
  return node ? rangeOf(node) : null;
}

/**
 * Convert the names in a pointer into a path of jsonc-parser, in which the items of an array have numbers.
 * @param {Node} tree
 * @param {string[]} names
 */
function toPath(tree, names) {
  /** @type {(string | number)[]} */
  const path = [];
  for (const name of names) {
    const parent = findNodeAtLocation(tree, path);
    path.push(parent?.type === "array" ? Number(name) : name);
  }
  return path;
}

/**
 * Return the range of the first syntax error.
 * @param {string} text
 * @returns {TextRange | null}
 */
function rangeOfSyntaxError(text) {
  /** @type {import("jsonc-parser").ParseError[]} */
  const errors = [];
  parseTree(text, errors, { disallowComments: true });
  if (!errors.length) return null;
  const start = Math.min(errors[0].offset, Math.max(0, text.length - 1));
  return [start, Math.min(text.length, start + Math.max(1, errors[0].length))];
}

/**
 * Return the range of a value's name. A value that has none, such as an item of an array, is marked itself.
 * @param {Node} node
 * @returns {TextRange}
 */
function rangeOf(node) {
  const { offset, length } =
    node.parent?.type === "property" ? (node.parent.children?.[0] ?? node) : node;
  return [offset, offset + length];
}
