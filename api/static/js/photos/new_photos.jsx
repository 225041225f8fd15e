/**
 * @file A notice that photos were indexed or deleted since the view's photos were loaded, with a button to show them.
 * @import { Counts } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
 * @import { PhotoPages } from "./photo_pages.js"
 */
import { pluralize } from "../core/format.js";
import { useEffect, useRef } from "../core/preact.js";
import { currentPages } from "./photo_pages.js";

/** @param {{counts: RequestState<Counts | null>, show: () => void}} props show: loads the photos again */
export function NewPhotos({ counts, show }) {
  const pages = currentPages();
  const difference = newCount(pages, counts);
  // Without reloading, the view would say that there are no photos, and so contradict the count above it.
  const mustShow = difference > 0 && pages?.count === 0;
  // If the API keeps returning no photos, do not ask forever.
  const lastTotal = useRef(/** @type {number | null} */ (null));
  const total = counts.data?.total ?? null;
  useEffect(() => {
    if (!mustShow || lastTotal.current === total) return;
    lastTotal.current = total;
    show();
  }, [mustShow, total, show]);
  if (!difference || mustShow) return null;
  return (
    <p class="new-photos" role="status">
      {difference > 0
        ? `${pluralize(difference, "new photo")}.`
        : `${pluralize(-difference, "photo")} no longer here.`}{" "}
      <button type="button" class="link" onClick={show}>
        {difference > 0 ? "Show" : "Refresh"}
      </button>
    </p>
  );
}

/**
 * Return how many more photos match the filters now than when the view's photos were loaded; 0 if this is unknown.
 * @param {Pick<PhotoPages, "isComplete" | "count" | "total"> & {hasPrevious?: boolean} | null} pages its `total` is
 *   set by the first call
 * @param {Pick<RequestState<Counts | null>, "data" | "loading">} counts
 */
export function newCount(pages, { data, loading }) {
  if (!pages || !data || loading) return 0;
  // If the view says that there are no photos, even outdated counts of some are a reason to load them.
  if (pages.isComplete && pages.count === 0) return data.total;
  if (data.stale || data.partial || data.more) return 0;
  if (pages.isComplete && !pages.hasPrevious) return data.total - pages.count;
  pages.total ??= data.total;
  return data.total - pages.total;
}
