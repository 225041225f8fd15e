/**
 * @file Fetches previews that the API makes on demand, a few at a time: making one can take seconds, and browsers allow
 * only six connections to a server.
 * @import { Photo } from "./types"
 */
import { api, isAborted, photoPath, Problem, toProblem } from "./api.js";

const MAX_RUNNING = 3;
const MAX_REMEMBERED = 5000;
// Codes of transient problems. A later request may succeed, so they are not remembered.
const TRANSIENT_CODES = new Set([
  "s3_unavailable",
  "too_many_previews",
  "unreachable",
  "unavailable",
]);

let runningCount = 0;
/** @type {Set<() => void>} */
const waiting = new Set();
/**
 * Why photos have no preview, by URL.
 * @type {Map<string, Problem>}
 */
const problems = new Map();

/**
 * Return the path of a preview in the API. It contains the ETag, so browsers may cache it forever.
 * @param {Pick<Photo, "id" | "etag">} record
 * @param {"tile" | "screen"} size
 */
export const previewUrl = ({ id, etag }, size) =>
  api.url(`${photoPath(id)}/preview`, [
    ["size", size],
    ["soft", "true"],
    ...(etag ? /** @type {[string, string][]} */ ([["v", etag]]) : []),
  ]);

/**
 * Fetch a preview.
 * @param {Pick<Photo, "id" | "etag">} record
 * @param {"tile" | "screen"} size
 * @param {AbortSignal} signal
 * @returns {Promise<Blob>}
 * @throws {Problem}
 */
export async function fetchPreview(record, size, signal) {
  const url = previewUrl(record, size);
  const known = problems.get(url);
  if (known) throw known;
  await takeTurn(signal);
  try {
    const response = await api.getResponse(url, { signal });
    if (response.headers.get("Content-Type") === "image/jpeg") return await response.blob();
    throw new Problem(await response.json());
  } catch (error) {
    if (isAborted(error)) throw error;
    const problem = toProblem(error);
    if (!isTransient(problem)) {
      if (problems.size >= MAX_REMEMBERED) problems.clear();
      problems.set(url, problem);
    }
    throw problem;
  } finally {
    runningCount -= 1;
    const [next] = waiting;
    next?.();
  }
}

/**
 * Wait until one of MAX_RUNNING requests may start.
 * @param {AbortSignal} signal
 */
function takeTurn(signal) {
  signal.throwIfAborted();
  if (runningCount < MAX_RUNNING) {
    runningCount += 1;
    return Promise.resolve();
  }
  return /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      const onAbort = () => {
        waiting.delete(start);
        reject(signal.reason);
      };
      const start = () => {
        waiting.delete(start);
        signal.removeEventListener("abort", onAbort);
        runningCount += 1;
        resolve();
      };
      waiting.add(start);
      signal.addEventListener("abort", onAbort, { once: true });
    })
  );
}

/**
 * Return whether a later request may succeed.
 * @param {Problem} problem
 */
export const isTransient = (problem) => TRANSIENT_CODES.has(problem.code ?? "");
