/**
 * @file Requests of a component to the API, and their state.
 */
import { isAborted, toProblem } from "../core/api.js";
import { useCallback, useLayoutEffect, useRef, useState } from "../core/preact.js";

/** After this time without an answer a request counts as slow. */
export const SLOW_MS = 1500;

/**
 * @template T
 * @typedef {object} RequestState
 * @property {T | null} data the latest answer, also while another request is under way
 * @property {import("../core/api.js").Problem | null} error
 * @property {boolean} loading
 * @property {boolean} stale `data` answers an earlier request
 * @property {boolean} slow
 * @property {() => void} reload
 */

/**
 * Call `ask` whenever `key` changes, and abort the request before.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} ask
 * @param {string} key
 * @returns {RequestState<T>}
 */
export function useRequest(ask, key) {
  const [answer, setAnswer] = useState(
    /** @returns {{key: string | null, data: T | null, error: import("../core/api.js").Problem | null}} */
    () => ({ key: null, data: null, error: null }),
  );
  const [slowKey, setSlowKey] = useState(/** @type {string | null} */ (null));
  const [round, setRound] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  const currentKey = `${round} ${key}`;
  // A layout effect: a plain one would send the request one paint later.
  useLayoutEffect(() => {
    const control = new AbortController();
    const timer = setTimeout(() => setSlowKey(currentKey), SLOW_MS);
    latest
      .current(control.signal)
      .then((data) => {
        if (!control.signal.aborted) setAnswer({ key: currentKey, data, error: null });
      })
      .catch((error) => {
        if (isAborted(error) || control.signal.aborted) return;
        setAnswer({ key: currentKey, data: null, error: toProblem(error) });
      })
      .finally(() => clearTimeout(timer));
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [currentKey]);
  const loading = answer.key !== currentKey;
  return {
    data: answer.data,
    error: loading ? null : answer.error,
    loading,
    stale: loading && answer.data !== null,
    slow: loading && slowKey === currentKey,
    reload: useCallback(() => setRound((at) => at + 1), []),
  };
}
