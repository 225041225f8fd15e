/**
 * @file Locates the value at fault in a JSON text, from the API's error.
 */
import { findNodeAtLocation, parseTree } from "jsonc-parser";

/**
 * @typedef {import("jsonc-parser").Node} Node
 * @typedef {[start: number, end: number]} TextRange
 */

/**
 * Return the range of the text that a problem is about: the value at its JSON pointer (RFC 6901), or the syntax error
 * if the text is not JSON. Null if the problem is about the whole text.
 * @param {string} text
 * @param {{code?: string | null, pointer?: string | null}} problem
 * @returns {TextRange | null}
 */
export function findErrorRange(text, { code, pointer }) {
  if (code === "bad_json") return rangeOfSyntaxError(text);
  return pointer ? rangeOfPointer(text, pointer) : null;
}

/**
 * @param {string} text
 * @param {string} pointer RFC 6901
 */
function rangeOfPointer(text, pointer) {
  const tree = parseTree(text);
  const parts = pointer.split("/").slice(1);
  const names = parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const node = tree && findNodeAtLocation(tree, resolve(tree, names));
  return node ? rangeOf(node) : null;
}

/**
 * Turn the names of a pointer into a path. Names are indexes if their parent is an array.
 * @param {Node} tree
 * @param {string[]} names
 */
function resolve(tree, names) {
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
 * Return the range of a value's name, or of the value itself if its parent is an array.
 * @param {Node} node
 * @returns {TextRange}
 */
function rangeOf(node) {
  const { offset, length } =
    node.parent?.type === "property" ? (node.parent.children?.[0] ?? node) : node;
  return [offset, offset + length];
}
