/**
 * @file Loads a preview of a photo as a URL for an <img>.
 * @import { Photo } from "../core/types"
 * @import { Problem } from "../core/api.js"
 */
import { isAborted, toProblem } from "../core/api.js";
import { useEffect, useState } from "../core/preact.js";
import { fetchPreview, isTransient } from "../core/previews.js";

// How often, and after how many milliseconds, to request a preview again after a transient problem.
const MAX_RETRIES = 5;
const RETRY_MS = 4000;

/**
 * Return the URL of a preview, or the reason why there is none; both are null while it is loading.
 * @param {Photo | null} record null: load nothing
 * @param {"tile" | "screen"} size
 * @returns {{url: string | null, problem: Problem | null}}
 */
export function usePreview(record, size) {
  const [result, setResult] = useState(
    /** @type {{key: string, url: string | null, problem: Problem | null}} */ ({
      key: "",
      url: null,
      problem: null,
    }),
  );
  const key = record ? `${record.id} ${record.etag ?? ""} ${size}` : "";
  useEffect(() => {
    if (!record) return undefined;
    const controller = new AbortController();
    /** @type {string | null} */
    let url = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const load = async (/** @type {number} */ retries) => {
      try {
        const blob = await fetchPreview(record, size, controller.signal);
        if (controller.signal.aborted) return;
        url = URL.createObjectURL(blob);
        setResult({ key, url, problem: null });
      } catch (error) {
        if (isAborted(error) || controller.signal.aborted) return;
        const problem = toProblem(error);
        setResult({ key, url: null, problem });
        if (isTransient(problem) && retries > 0)
          timer = setTimeout(() => load(retries - 1), RETRY_MS);
      }
    };
    load(MAX_RETRIES);
    return () => {
      controller.abort();
      clearTimeout(timer);
      if (url) URL.revokeObjectURL(url);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- key stands for the record
  }, [key]);
  return result.key === key ? result : { url: null, problem: null };
}
