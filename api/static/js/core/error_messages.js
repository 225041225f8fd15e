/**
 * @file Explains the API's errors to the user. The explanation depends on the error's `code`, not on its status,
 * because a status has many causes.
 * @import { Problem } from "./api.js"
 */
import { lookupTable } from "./lookup_table.js";

const TOKEN_CODES = new Set(["token_missing", "token_wrong", "too_many_attempts"]);

// Titles by the API's error code.
const TITLES = lookupTable({
  access_denied: "S3 denies access",
  bad_cursor: "This page of the list is outdated",
  bad_json: "Invalid filter",
  bad_parameter: "Invalid filter",
  conflicting_parameters: "Invalid filter",
  foreign_origin: "Access denied",
  mongodb_access_denied: "The database denies access",
  mongodb_unavailable: "Can't reach the database",
  not_found: "Not found",
  page_outdated: "This page may be outdated",
  query_rejected: "Invalid filter",
  query_timeout: "The query timed out",
  redis_unavailable: "Can't reach Redis",
  repeated_parameter: "Invalid filter",
  s3_unavailable: "Can't reach S3",
  token_not_set: "Access token required",
  unknown_parameter: "Invalid filter",
  unreachable: "Can't reach the server",
});

/**
 * Return whether an access token, or another one, would help.
 * @param {{code: string | null} | null | undefined} problem
 */
export const needsToken = (problem) => TOKEN_CODES.has(problem?.code ?? "");

/** @param {{code: string | null}} problem */
export const titleOf = ({ code }) => TITLES[code ?? ""] ?? "Something went wrong";

/**
 * Return the API's message as a sentence, without the parameter's name that it may begin with.
 * @param {Pick<Problem, "code" | "parameter" | "message">} error
 */
export function explainRefusal({ code, parameter, message }) {
  if (code === "token_missing")
    return "This action requires an access token. Reload the page to enter it.";
  const prefix = `${parameter}: `;
  return toSentence(message.startsWith(prefix) ? message.slice(prefix.length) : message);
}

/**
 * Capitalise the text and end it with a full stop.
 * @param {string} text
 */
export const toSentence = (text) =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}`;
