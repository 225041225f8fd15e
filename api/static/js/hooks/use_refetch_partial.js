/**
 * @file Repeats a request while its response is `partial` or `stale`, because the API counts all photos in the
 * background.
 */
import { useEffect, useRef } from "../core/preact.js";

// Pauses grow up to this length.
const MAX_DELAY_MS = 3000;
const MAX_ATTEMPTS = 20;

/** @typedef {{partial?: boolean, stale?: boolean}} CountsResponse */

/**
 * Reload a request until its response is complete and current, at most MAX_ATTEMPTS times.
 * @param {import("./use_request.js").RequestState<CountsResponse | null>} request
 * @param {string} key the request's key
 * @param {number} [delay] the first pause, in milliseconds
 */
export function useRefetchPartial({ data, loading, reload }, key, delay = MAX_DELAY_MS) {
  const attempts = useRef({ key: "", count: 0 });
  useEffect(() => {
    if (!(data?.partial || data?.stale) || loading) return undefined;
    if (attempts.current.key !== key) attempts.current = { key, count: 0 };
    if (attempts.current.count >= MAX_ATTEMPTS) return undefined;
    attempts.current.count += 1;
    const timer = setTimeout(reload, Math.min(delay * attempts.current.count, MAX_DELAY_MS));
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- runs once per response
  }, [data]);
}
