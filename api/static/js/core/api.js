/**
 * @file Client of the API. Sends the token, and throws the API's errors (problem+json) as `Problem`.
 * @import { Api, Params } from "./types"
 */
import { settings } from "./settings.js";

const TOKEN = "explorer.token";
// What needs the token even where anyone may read.
const OPERATOR_PATHS = /^\/(batches|failures|events)\b/;

/**
 * An error of the API. `status` is 0 where it did not answer.
 *
 * `code` names the kind of error and `pointer` the value that it is about (a JSON pointer, RFC 6901), where the API
 * says so.
 */
export class Problem extends Error {
  /**
   * @param {{status?: number, title?: string, detail?: string, parameter?: string | null, hint?: string | null,
   *   code?: string | null, pointer?: string | null}} body
   * @param {string | null} [retryAfter] the header Retry-After
   */
  constructor(body, retryAfter = null) {
    super(body.detail || body.title || "The API does not answer.");
    this.name = "Problem";
    this.status = body.status ?? 0;
    this.title = body.title ?? "";
    this.parameter = body.parameter ?? null;
    this.hint = body.hint ?? null;
    this.code = body.code ?? null;
    this.pointer = body.pointer ?? null;
    this.retryAfter = retryAfter;
  }
}

/**
 * Return whether a request ended because its signal was aborted.
 * @param {unknown} error
 */
export const isAborted = (error) => error instanceof Error && error.name === "AbortError";

/**
 * Return the error as a Problem, whatever was thrown.
 * @param {unknown} error
 * @returns {Problem}
 */
export function toProblem(error) {
  if (error instanceof Problem) return error;
  return new Problem({ detail: error instanceof Error ? error.message : String(error) });
}

/** Return the token that was entered, or null. */
export function readToken() {
  try {
    return sessionStorage.getItem(TOKEN) ?? localStorage.getItem(TOKEN);
  } catch {
    return null;
  }
}

/**
 * Keep the token until the tab is closed, or on this device if `persistent`.
 * @param {string} value
 * @param {{persistent?: boolean}} [options]
 */
export function setToken(value, { persistent = false } = {}) {
  try {
    for (const storage of [sessionStorage, localStorage]) storage.removeItem(TOKEN);
    if (value) (persistent ? localStorage : sessionStorage).setItem(TOKEN, value);
  } catch {
    // The browser forbids storage: the token is forgotten with the page.
  }
}

/**
 * @param {string} path
 * @param {Params} [params]
 */
function address(path, params) {
  const query = new URLSearchParams(/** @type {any} */ (params ?? [])).toString();
  return query ? `${path}?${query}` : path;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{params?: Params, body?: unknown, signal?: AbortSignal}} [options]
 * @returns {Promise<Response>}
 */
async function request(method, path, { params, body, signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  const token = readToken();
  // The token travels only where it is needed.
  const isNeeded = settings.needs_token || method !== "GET" || OPERATOR_PATHS.test(path);
  if (token && isNeeded) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(address(path, params), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: "omit",
    });
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new Problem({ detail: "The API does not answer: is it running?" });
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(
    { status: response.status, title: response.statusText, ...problem },
    response.headers.get("Retry-After"),
  );
}

/**
 * Every method throws a Problem, or an AbortError once its signal is aborted.
 * @type {Api}
 */
export const api = {
  get: async (path, params, { signal } = {}) =>
    (await request("GET", path, { params, signal })).json(),
  post: async (path, body, { signal } = {}) =>
    (await request("POST", path, { body, signal })).json(),
  delete: async (path, { signal } = {}) =>
    (await request("DELETE", path, { signal })).json().catch(() => null),
  open: (path, options = {}) => request("GET", path, options),
  address,
};
