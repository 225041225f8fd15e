/**
 * @file Watches whether photos have been indexed or deleted.
 */
import { useEffect, useRef, useState } from "../core/preact.js";

// Pause between two checks. The longer one applies while the library keeps changing, because each change makes the page
// count again.
const PAUSE_MS = 4000;
const PAUSE_AFTER_CHANGE_MS = 10_000;

/**
 * Return the number of changes of the library that the page has noticed.
 *
 * A change that happens while the page is in the background is noticed when the page is visible again.
 * @param {import("../core/types").Api} api
 * @param {boolean} isEnabled
 * @param {string} view when this text changes, the library is checked immediately
 */
export function useLibraryChanges(api, isEnabled, view) {
  const [changes, setChanges] = useState(0);
  const version = useRef(/** @type {string | null} */ (null));
  useEffect(() => {
    if (!isEnabled) return undefined;
    const controller = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const check = async () => {
      clearTimeout(timer);
      let pause = PAUSE_MS;
      try {
        const library = await api.get("/library", null, { signal: controller.signal });
        if (controller.signal.aborted) return;
        if (
          version.current !== null &&
          library.version !== null &&
          library.version !== version.current
        ) {
          pause = PAUSE_AFTER_CHANGE_MS;
          setChanges((last) => last + 1);
        }
        version.current = library.version ?? version.current;
      } catch {
        // The view shows the error of its own request.
      }
      if (!controller.signal.aborted && !document.hidden) timer = setTimeout(check, pause);
    };
    const onVisibilityChange = () => {
      clearTimeout(timer);
      if (!document.hidden) check();
    };
    document.addEventListener("visibilitychange", onVisibilityChange);
    check();
    return () => {
      document.removeEventListener("visibilitychange", onVisibilityChange);
      clearTimeout(timer);
      controller.abort();
    };
  }, [api, isEnabled, view]);
  return changes;
}
