/**
 * @file Connects the scrubber to the gallery: it knows the months of the result and which of them is visible.
 * @import { Api, Counts, FacetRow, State } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
 * @import { Row } from "./justified_layout.js"
 * @import { PhotoPages } from "./photo_pages.js"
 */
import { useMemo, useRef } from "../core/preact.js";
import { shownParams } from "../core/url_state.js";
import { useRefetchPartial } from "../hooks/use_refetch_partial.js";
import { useRequest } from "../hooks/use_request.js";
import { SCROLL_STEP } from "../hooks/use_scroll_viewport.js";
import { firstOfSegment, segmentOfPhoto, segmentsOf } from "./date_segments.js";
import { rowsBetween } from "./justified_layout.js";
import { jumpTo } from "./photo_pages.js";
import { Scrubber } from "./scrubber.jsx";

/**
 * @param {object} props
 * @param {PhotoPages} props.pages
 * @param {Row[]} props.rows
 * @param {{scrollTop: number, height: number}} props.viewport in pixels
 * @param {number} props.totalHeight of the rows, in pixels
 * @param {(top: number) => void} props.scrollTo
 * @param {(pixels: number) => void} props.scrollBy
 * @param {(index: number) => void} props.setActive makes a photo the one that Tab reaches
 * @param {State} props.state
 * @param {Api} props.api
 * @param {RequestState<Counts | null>} props.counts
 * @param {number} props.changes number of changes of the library
 */
export function GalleryScrubber(props) {
  const { pages, rows, viewport, totalHeight, scrollTo, scrollBy, setActive, state } = props;
  const months = useMonths(props);
  const segments = useMemo(() => segmentsOf(months, state.sort), [months, state.sort]);
  const lastJump = useRef(0);
  const fits = !pages.hasPrevious && pages.isComplete && totalHeight <= viewport.height;
  if (segments.length < 2 || fits || !rows.length) return null;
  const { scrollTop, height } = viewport;
  // The scroll position is rounded.
  const [top] = rowsBetween(rows, scrollTop + SCROLL_STEP, scrollTop + height);
  const index = rows[Math.min(top, rows.length - 1)].start;
  const position = pages.base + index;
  const visible = segmentOfPhoto(segments, pages.days[index], position);
  // The list cannot scroll the beginning of the last segments to the top.
  const isAtEnd = pages.isComplete && scrollTop + height >= totalHeight;
  const current = isAtEnd
    ? Math.max(visible, Math.min(lastJump.current, segments.length - 1))
    : visible;
  const total = segments.reduce((sum, { count }) => sum + count, 0);
  const segment = segments[current];
  const share = Math.min(segment.bottom, Math.max(segment.top, position / total));

  /** @param {number} target */
  const jump = async (target) => {
    lastJump.current = target;
    const { value, first } = segments[target];
    const at = firstOfSegment(pages, value);
    const row = rows.find(({ end }) => at !== null && at < end);
    if (!row) return jumpTo(pages, target ? value : null, target ? first : 0);
    pages.successor?.abort();
    setActive(row.start);
    return scrollTo(row.top);
  };
  return (
    <Scrubber segments={segments} current={current} place={share} jump={jump} scrollBy={scrollBy} />
  );
}

/**
 * Return the counts by month of the photos in the list. The filter panel's counts ignore filters by date, so if there
 * are any, fetch counts to which they apply.
 * @param {{state: State, api: Api, counts: RequestState<Counts | null>, changes: number}} options
 * @returns {FacetRow[]}
 */
function useMonths({ state, api, counts, changes }) {
  const { taken, has, without } = state.filters;
  const isFiltered = Boolean(taken || has?.includes("date") || without?.includes("date"));
  const pairs = shownParams(state);
  const key = isFiltered ? `${JSON.stringify(pairs)} ${changes}` : "";
  /** @param {AbortSignal} signal */
  const load = async (signal) =>
    isFiltered ? api.get("/facets", [...pairs, ["fields", "taken"]], { signal }) : null;
  const request = useRequest(load, key);
  useRefetchPartial(request, key);
  const data = isFiltered ? request.data : counts.data;
  return data?.facets.taken ?? NO_MONTHS;
}

/** @type {FacetRow[]} */
const NO_MONTHS = [];
