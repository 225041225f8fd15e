/**
 * @file Refetches while counts are partial (`cut_short`): the API is counting the whole in the background.
 */
import { useEffect, useRef } from "../core/preact.js";

const PAUSE_MS = 3000;
const MAX_TRIES = 20;

/**
 * @param {import("./use_request.js").RequestState<{cut_short: boolean} | null>} request
 * @param {string} key of the request
 */
export function useRefetchPartial({ data, loading, reload }, key) {
  const tries = useRef({ key: "", count: 0 });
  useEffect(() => {
    if (!data?.cut_short || loading) return undefined;
    if (tries.current.key !== key) tries.current = { key, count: 0 };
    if (tries.current.count >= MAX_TRIES) return undefined;
    tries.current.count += 1;
    const timer = setTimeout(reload, PAUSE_MS);
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once for each answer
  }, [data]);
}
