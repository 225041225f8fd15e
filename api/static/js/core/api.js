/**
 * @file API client. It sends the access token where it is needed, and throws error responses (problem+json) as
 * `Problem`.
 * @import { Api, Params } from "./types"
 */
import { settings } from "./settings.js";

const STORAGE_KEY = "explorer.token";
// Paths that require the token even if reading photos does not.
const OPERATOR_PATHS = /^\/(batches|failures|schedule|events)\b/;

/**
 * An error response of the API, or the lack of a response.
 *
 * `status` is the HTTP status, or 0 if there was no response. `code` is the API's name for the cause, or "unreachable".
 * `parameter` is the name of the invalid parameter. `pointer` is a JSON pointer (RFC 6901) to the invalid part of its
 * value.
 */
export class Problem extends Error {
  /**
   * @param {{status?: number, title?: string, detail?: string, parameter?: string | null, hint?: string | null,
   *   code?: string | null, pointer?: string | null}} body
   * @param {string | null} [retryAfter] the header Retry-After
   */
  constructor(body, retryAfter = null) {
    super(body.detail || body.title || "The server did not respond.");
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
 * Return whether a request failed because its signal was aborted.
 * @param {unknown} error
 */
export const isAborted = (error) => error instanceof Error && error.name === "AbortError";

/**
 * Return the error as a Problem. Errors that are not Problems are wrapped.
 * @param {unknown} error
 * @returns {Problem}
 */
export function toProblem(error) {
  if (error instanceof Problem) return error;
  return new Problem({ detail: error instanceof Error ? error.message : String(error) });
}

/** Return the stored token, or null. */
export function readToken() {
  try {
    return sessionStorage.getItem(STORAGE_KEY) ?? localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

/**
 * Store the token: until the tab is closed or, if `persistent`, permanently in this browser. An empty value deletes it.
 * @param {string} value
 * @param {{persistent?: boolean}} [options]
 */
export function setToken(value, { persistent = false } = {}) {
  try {
    for (const storage of [sessionStorage, localStorage]) storage.removeItem(STORAGE_KEY);
    if (value) (persistent ? localStorage : sessionStorage).setItem(STORAGE_KEY, value);
  } catch {
    // The browser blocks storage, so the token cannot be remembered.
  }
}

/**
 * @param {string} path
 * @param {Params} [params]
 */
function url(path, params) {
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
  const needsToken = settings.needs_token || method !== "GET" || OPERATOR_PATHS.test(path);
  if (token && needsToken) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url(path, params), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: "omit",
    });
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new Problem({
      code: "unreachable",
      detail: "Can't reach the EXIFinator server. Is it running?",
    });
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(
    { status: response.status, title: response.statusText, ...problem },
    response.headers.get("Retry-After"),
  );
}

/**
 * Return the path of a photo in the API.
 * @param {string} id
 */
export const photoPath = (id) => `/photos/${encodeURIComponent(id)}`;

/**
 * Requests throw a Problem, or an AbortError if their signal is aborted.
 * @type {Api}
 */
export const api = {
  get: async (path, params, { signal } = {}) =>
    (await request("GET", path, { params, signal })).json(),
  post: async (path, body, { signal } = {}) =>
    (await request("POST", path, { body, signal })).json(),
  patch: async (path, body, { signal } = {}) =>
    (await request("PATCH", path, { body, signal })).json(),
  postResponse: (path, body, { signal } = {}) => request("POST", path, { body, signal }),
  delete: async (path, { signal } = {}) =>
    (await request("DELETE", path, { signal })).json().catch(() => null),
  getResponse: (path, options = {}) => request("GET", path, options),
  url,
};
