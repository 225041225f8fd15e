/**
 * @file Loads data for a component, and tracks the state of the request.
 */
import { isAborted, toProblem } from "../core/api.js";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "../core/preact.js";
import { scheduleRetry } from "../core/recovery.js";

/** A request without a response after this time counts as slow. */
export const SLOW_MS = 1500;

/**
 * @template T
 * @typedef {object} RequestState
 * @property {T | null} data of the latest response; kept while the next request is loading
 * @property {import("../core/api.js").Problem | null} error
 * @property {boolean} loading
 * @property {boolean} stale whether `data` belongs to an earlier request
 * @property {boolean} slow whether the request has been loading for SLOW_MS
 * @property {() => void} reload sends the request again
 */

/**
 * Call `load` at first and whenever `key` changes. A new call aborts the previous one.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {string} key
 * @returns {RequestState<T>}
 */
export function useRequest(load, key) {
  const [result, setResult] = useState(
    /** @returns {{key: string | null, data: T | null, error: import("../core/api.js").Problem | null}} */
    () => ({ key: null, data: null, error: null }),
  );
  const [slowKey, setSlowKey] = useState(/** @type {string | null} */ (null));
  const [reloadCount, setReloadCount] = useState(0);
  const latestLoad = useRef(load);
  latestLoad.current = load;
  const currentKey = `${reloadCount} ${key}`;
  // Use a layout effect: a plain effect would send the request only after the next paint.
  useLayoutEffect(() => {
    const controller = new AbortController();
    const timer = setTimeout(() => setSlowKey(currentKey), SLOW_MS);
    latestLoad
      .current(controller.signal)
      .then((data) => {
        if (!controller.signal.aborted) setResult({ key: currentKey, data, error: null });
      })
      .catch((error) => {
        if (isAborted(error) || controller.signal.aborted) return;
        setResult({ key: currentKey, data: null, error: toProblem(error) });
      })
      .finally(() => clearTimeout(timer));
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [currentKey]);
  const loading = result.key !== currentKey;
  const reload = useCallback(() => setReloadCount((last) => last + 1), []);
  // After an outage or a timeout, send the request again.
  const retries = useRef({ key, count: 0 });
  useEffect(() => {
    if (loading) return undefined;
    if (!result.error || retries.current.key !== key) retries.current = { key, count: 0 };
    return scheduleRetry(result.error, retries.current.count, () => {
      retries.current.count += 1;
      reload();
    });
  }, [loading, result.error, reload, key]);
  return {
    data: result.data,
    error: loading ? null : result.error,
    loading,
    stale: loading && result.data !== null,
    slow: loading && slowKey === currentKey,
    reload,
  };
}
