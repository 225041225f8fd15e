// Asks the API: the token goes along, and its errors (problem+json) come as exceptions of class Problem.
import { settings } from "./settings.js";

const TOKEN = "explorer.token";

export class Problem extends Error {
  constructor({ status = 0, title = "", detail = "", parameter = null, hint = null }, retryAfter = null) {
    super(detail || title || "The API does not answer.");
    Object.assign(this, { name: "Problem", status, title, parameter, hint, retryAfter });
  }
}

export function token() {
  try {
    return sessionStorage.getItem(TOKEN) ?? localStorage.getItem(TOKEN);
  } catch {
    return null;
  }
}

// kept: on this device, else until the tab is closed.
export function setToken(value, { kept = false } = {}) {
  try {
    for (const storage of [sessionStorage, localStorage]) storage.removeItem(TOKEN);
    if (value) (kept ? localStorage : sessionStorage).setItem(TOKEN, value);
  } catch {
    // Without storage there is nothing to remember it in.
  }
}

function address(path, params) {
  const query = new URLSearchParams(params ?? []).toString();
  return query ? `${path}?${query}` : path;
}

async function ask(method, path, { params, body, signal, headers } = {}) {
  const sent = { ...headers };
  const held = token();
  // What anyone may read is asked without it: the token then travels only where it is needed.
  if (held && (settings.needs_token || method !== "GET" || OPERATORS.test(path))) sent.Authorization = `Bearer ${held}`;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(address(path, params), {
      method,
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: "omit",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: "The API does not answer: is it running?" });
  }
  if (answer.ok) return answer;
  const given = await answer.json().catch(() => ({}));
  throw new Problem({ status: answer.status, title: answer.statusText, ...given }, answer.headers.get("Retry-After"));
}

const OPERATORS = /^\/(batches|failures|events)\b/;

export const api = {
  // params: pairs or an object; signal: ends the request. Returns: the answer's JSON. Raises: Problem, AbortError.
  get: async (path, params, { signal } = {}) => (await ask("GET", path, { params, signal })).json(),
  post: async (path, body, { signal } = {}) => (await ask("POST", path, { body, signal })).json(),
  delete: async (path, { signal } = {}) => (await ask("DELETE", path, { signal })).json().catch(() => null),
  // The Response itself: for streams (server-sent events, exports) and pictures.
  open: (path, options = {}) => ask("GET", path, options),
  address,
};
