// What a view has asked the API for, and where that stands.
import { useCallback, useLayoutEffect, useRef, useState } from "./html.js";

export const SLOW_MS = 1500;

// Runs `ask(signal)` whenever `key` (a string) changes; an outdated request is aborted. While a new one is under way
// the last answer stays in `data`, marked `stale`.
// Returns: {data, error, loading, stale, slow, reload}; slow: nothing came for SLOW_MS.
export function useLoad(ask, key) {
  const [found, setFound] = useState({ key: null, data: null, error: null });
  const [slowKey, setSlowKey] = useState(null);
  const [round, setRound] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  const wanted = `${round} ${key}`;
  // Asked before what is there so far is painted: an effect would come a painting later.
  useLayoutEffect(() => {
    const control = new AbortController();
    const timer = setTimeout(() => setSlowKey(wanted), SLOW_MS);
    latest
      .current(control.signal)
      .then((data) => !control.signal.aborted && setFound({ key: wanted, data, error: null }))
      .catch((error) => {
        if (error.name !== "AbortError" && !control.signal.aborted) setFound({ key: wanted, data: null, error });
      })
      .finally(() => clearTimeout(timer));
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [wanted]);
  const loading = found.key !== wanted;
  return {
    data: found.data,
    error: loading ? null : found.error,
    loading,
    stale: loading && found.data !== null,
    slow: loading && slowKey === wanted,
    reload: useCallback(() => setRound((at) => at + 1), []),
  };
}
