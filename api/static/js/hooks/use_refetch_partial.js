/**
 * @file Repeats a request while its counts are partial (`cut_short`) or outdated (`stale`), because the API counts all
 * photos again in the background.
 */
import { useEffect, useRef } from "../core/preact.js";

// Delay before each repetition.
const DELAY_MS = 3000;
const MAX_ATTEMPTS = 20;

/**
 * @param {import("./use_request.js").RequestState<{cut_short: boolean, stale?: boolean} | null>} request
 * @param {string} key the request's key
 */
export function useRefetchPartial({ data, loading, reload }, key) {
  const attempts = useRef({ key: "", count: 0 });
  useEffect(() => {
    if (!(data?.cut_short || data?.stale) || loading) return undefined;
    if (attempts.current.key !== key) attempts.current = { key, count: 0 };
    if (attempts.current.count >= MAX_ATTEMPTS) return undefined;
    attempts.current.count += 1;
    const timer = setTimeout(reload, DELAY_MS);
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- runs once per response
  }, [data]);
}
