/**
 * @file Opens the default saved view when the explorer is opened without a state in its URL.
 * @import { Api, Navigate, SavedViews } from "../core/types"
 */
import { useEffect } from "../core/preact.js";
import { parseState, stateOfAddress } from "../core/url_state.js";

/**
 * Return the address of the default view, or null. Addresses that are not the explorer's are ignored.
 * @param {SavedViews} saved
 */
export function defaultAddress({ views, default: id }) {
  const view = views.find((other) => other.id === id);
  return view && stateOfAddress(view.address) ? view.address : null;
}

// After a reload or the Back button, the page shows what it showed before. A link within the page that has no query
// string leads to the gallery.
const isFreshVisit = () => {
  const [entry] = performance.getEntriesByType("navigation");
  const type = /** @type {PerformanceNavigationTiming | undefined} */ (entry)?.type;
  return location.search === "" && type === "navigate";
};
let mayOpen = isFreshVisit();

/**
 * @param {Api} api
 * @param {Navigate} navigate
 * @param {boolean} isEnabled whether the API can be read
 */
export function useDefaultView(api, navigate, isEnabled) {
  useEffect(() => {
    if (!mayOpen || !isEnabled) return undefined;
    mayOpen = false;
    const controller = new AbortController();
    api
      .get("/views", null, { signal: controller.signal })
      .then((/** @type {SavedViews} */ saved) => {
        const address = defaultAddress(saved);
        // Do not replace filters that the user has set in the meantime.
        if (address && location.search === "")
          navigate(parseState(address.slice(1)), { replace: true });
      })
      .catch(() => {
        // Without the default view, the explorer opens with the gallery. Other requests report an outage.
      });
    return () => controller.abort();
  }, [api, navigate, isEnabled]);
}
