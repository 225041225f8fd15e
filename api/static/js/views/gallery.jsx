/**
 * @file Gallery view: thumbnails in justified rows. Only the rows in or near the viewport are in the document.
 * @import { Api, Navigate, Photo, State } from "../core/types"
 * @import { PhotoPages } from "../photos/photo_pages.js"
 * @import { Row } from "../photos/justified_layout.js"
 * @import { Selection } from "../photos/selection.js"
 */
import { Icon } from "../components/icons.jsx";
import { Failed, LoadingPhotos } from "../components/status_screens.jsx";
import { Thumbnail } from "../components/thumbnail.jsx";
import { VideoBadge } from "../components/video_badge.jsx";
import { VirtualRows } from "../components/virtual_rows.jsx";
import { formatNumber, formatVideoDuration, oneLine } from "../core/format.js";
import { cameraName, fileName, placeName, settingsLine } from "../core/labels.js";
import { memo, useEffect, useMemo, useRef } from "../core/preact.js";
import { getScrollPosition } from "../core/scroll_positions.js";
import { DEFAULT_SORT, href } from "../core/url_state.js";
import { useLastOpened } from "../hooks/use_last_opened.js";
import { useRovingFocus } from "../hooks/use_roving_focus.js";
import { SCROLL_STEP, scrollIntoView, useScrollViewport } from "../hooks/use_scroll_viewport.js";
import { useUserActivity } from "../hooks/use_user_activity.js";
import { DateHeadings, formatDayTaken, placeLabels } from "../photos/date_headings.js";
import { EmptyResult } from "../photos/empty_result.jsx";
import { justify, moveInRows, rowsBetween } from "../photos/justified_layout.js";
import { usePhotoPages } from "../photos/photo_pages.js";
import { useSelection } from "../photos/selection.js";
import { SelectionBar } from "../photos/selection_bar.jsx";

// These sizes are in pixels.
const GAP = 6;
const PADDING = 12;
const ROW_HEIGHT = 156;
const NARROW_ROW_HEIGHT = 112;
// Labels of days have at least this width.
const MIN_LABEL_WIDTH = 48;
// Rows this far above and below the viewport are rendered.
const OVERSCAN = 500;
// The next page is fetched when the end of the list is less than this below the viewport.
const PREFETCH_DISTANCE = 1500;

/** @param {{state: State, navigate: Navigate, api: Api}} props */
export default function Gallery({ state, navigate, api }) {
  const pages = usePhotoPages(state, api);
  const selection = useSelection(pages);
  const { ref, width, height, scrollTop } = useScrollViewport("gallery", pages);
  const innerWidth = Math.max(0, width - 2 * PADDING);
  const maxRowHeight = width < 600 ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
  const { rows, totalHeight, headings } = useRows(
    pages,
    innerWidth,
    maxRowHeight,
    state.sort === DEFAULT_SORT,
  );

  useEffect(() => {
    if (totalHeight && scrollTop + height + PREFETCH_DISTANCE > totalHeight) pages.loadMore();
  }, [pages, pages.version, scrollTop, height, totalHeight]);

  /** @param {number} index */
  const reveal = (index) => {
    const row = rows.find(({ start, end }) => start <= index && index < end);
    if (row && ref.current) scrollIntoView(ref.current, row.top, row.height + 2 * PADDING);
  };
  const { active, setActive, activate, onKeyDown } = useRovingFocus({
    container: ref,
    count: pages.count,
    move: (index, key) => moveInRows(rows, pages.count, index, key),
    reveal,
  });
  useLastOpened(state.photo, (id) => pages.indexOf(id), activate);
  useEffect(() => {
    // If the view opens at a saved scroll position, Tab should reach the first visible photo instead of the first one.
    const savedTop = getScrollPosition("gallery");
    const [firstRow] = rowsBetween(rows, savedTop, savedTop + 1);
    setActive(savedTop ? (rows[firstRow]?.start ?? 0) : 0);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- runs once per result, not when rows are added
  }, [pages]);

  /** @param {number} margin in pixels, above and below the viewport */
  const rowsWithin = (margin) =>
    rowsBetween(rows, scrollTop - PADDING - margin, scrollTop - PADDING + height + margin);
  const hasInput = useUserActivity();
  const visible = rowsWithin(hasInput ? SCROLL_STEP / 2 : 0);
  const isEmpty = pages.count === 0;
  /** @type {(index: number, isRange: boolean) => void} */
  const select = (index, isRange) => {
    const record = pages.at(index);
    if (isRange) selection.extend(index, (at) => pages.at(at));
    else if (record) selection.toggle(index, record);
  };
  /** @param {MouseEvent} event */
  const onClick = (event) => {
    const target = /** @type {Element} */ (event.target);
    /** @type {HTMLElement | null | undefined} */
    const link = target.closest(".tile")?.querySelector("[data-index]");
    if (!link || event.ctrlKey || event.metaKey || event.altKey) return;
    const isMark = Boolean(target.closest(".select"));
    // While photos are selected, a click selects. Otherwise, it opens the photo.
    if (!isMark && !selection.count && !event.shiftKey) return;
    event.preventDefault();
    select(Number(link.dataset.index), event.shiftKey);
  };
  /** @param {KeyboardEvent} event */
  const onSelectKey = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return onKeyDown(event);
    const target = /** @type {Element} */ (event.target);
    /** @type {HTMLElement | null} */
    const link = target.closest("[data-index]");
    if (event.key.toLowerCase() === "x" && link) select(Number(link.dataset.index), event.shiftKey);
    else if (event.key === "Escape" && selection.count) selection.clear();
    else return onKeyDown(event);
    event.preventDefault();
    event.stopPropagation();
    return undefined;
  };
  return (
    <>
      <div
        class={`scroll gallery ${selection.count ? "selecting" : ""}`}
        ref={ref}
        tabindex={-1}
        onClick={onClick}
      >
        {isEmpty && pages.isComplete && <EmptyResult state={state} navigate={navigate} api={api} />}
        {isEmpty && !pages.isComplete && !pages.error && <LoadingPhotos pages={pages} />}
        {!isEmpty && (
          <VirtualRows
            visible={visible}
            near={hasInput ? rowsWithin(OVERSCAN) : visible}
            renderRow={(index) => (
              <PhotoRow
                row={rows[index]}
                headings={headings}
                rowWidth={innerWidth}
                pages={pages}
                state={state}
                active={active}
                selection={selection}
              />
            )}
            boundsOf={(index) => ({
              top: Math.round(rows[index].top),
              height: Math.round(rows[index].height),
            })}
            rowClass="row"
            class="rows"
            role="list"
            aria-label="Photos"
            aria-busy={pages.loading}
            style={{ height: `${totalHeight}px` }}
            onKeyDown={onSelectKey}
          />
        )}
        {pages.error && <Failed error={pages.error} retry={() => pages.retry()} />}
        {!isEmpty && pages.loading && (
          <p class="more" role="status">
            Loading more…
          </p>
        )}
      </div>
      <SelectionBar selection={selection} state={state} />
    </>
  );
}

/**
 * Lay out the photos that have been fetched. When more are fetched, only the end of the layout changes.
 * @param {PhotoPages} pages
 * @param {number} rowWidth
 * @param {number} maxRowHeight
 * @param {boolean} hasHeadings whether the photos are in the order of dates
 */
function useRows(pages, rowWidth, maxRowHeight, hasHeadings) {
  const layout = useRef(
    /** @type {{rows: Row[], key: string, pages: PhotoPages | null}} */ ({
      rows: [],
      key: "",
      pages: null,
    }),
  );
  // The array of days is replaced when it grows.
  const headings = hasHeadings ? new DateHeadings(pages.days) : null;
  const totalHeight = useMemo(() => {
    if (!rowWidth) return 0;
    const key = `${rowWidth} ${maxRowHeight}`;
    if (layout.current.key !== key || layout.current.pages !== pages) {
      layout.current = { rows: [], key, pages };
    }
    return justify(layout.current.rows, pages.aspects, pages.count, {
      width: rowWidth,
      maxHeight: maxRowHeight,
      gap: GAP,
      isComplete: pages.isComplete,
      headings,
    });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- pages.version stands for the contents of `pages`
  }, [pages, pages.version, rowWidth, maxRowHeight]);
  return { rows: layout.current.rows, totalHeight, headings };
}

/**
 * @typedef {object} PhotoRowProps
 * @property {Row} row
 * @property {DateHeadings | null} headings
 * @property {number} rowWidth in pixels
 * @property {PhotoPages} pages
 * @property {State} state
 * @property {number} active
 * @property {Selection} selection
 */

/** @param {PhotoRowProps} props */
function PhotoRow({ row, headings, rowWidth, pages, state, active, selection }) {
  const photoHeight = row.height - row.lead;
  const height = Math.round(photoHeight);
  const above = row.lead ? headings?.above(row.start, row.end) : null;
  const labels = [];
  const tiles = [];
  let left = 0;
  for (let index = row.start; index < row.end; index++) {
    // The last tile of a full row absorbs the rounding errors of the others.
    const fillsRow = index === row.end - 1 && !row.isShort;
    const naturalWidth = Math.min(rowWidth, Math.round(pages.aspects[index] * photoHeight));
    const width = fillsRow ? rowWidth - left : naturalWidth;
    const day = above?.days.find((label) => label.index === index);
    if (day) labels.push({ text: day.text, left });
    tiles.push(
      <Tile
        key={index}
        index={index}
        record={pages.at(index)}
        left={left}
        top={row.lead}
        width={width}
        height={height}
        state={state}
        isActive={index === active}
        isSelected={selection.has(index)}
      />,
    );
    left += width + GAP;
  }
  // The name of each photo has its date, so the headings would only repeat it to screen readers.
  return (
    <>
      {above?.month && (
        <div class="month" aria-hidden="true">
          {above.month}
        </div>
      )}
      {placeLabels(labels, rowWidth, MIN_LABEL_WIDTH).map((label) => (
        <span
          key={label.left}
          class="day"
          aria-hidden="true"
          style={{ top: `${row.lead}px`, left: `${label.left}px`, width: `${label.width}px` }}
        >
          {label.text}
        </span>
      ))}
      {tiles}
    </>
  );
}

/**
 * @typedef {object} TileProps
 * @property {number} index index of the photo in the result
 * @property {Photo | null} record null while the photo is loading
 * @property {number} left in pixels, as are `top`, `width` and `height`
 * @property {number} top
 * @property {number} width
 * @property {number} height
 * @property {State} state
 * @property {boolean} isActive whether Tab reaches it
 * @property {boolean} isSelected
 */

const Tile = memo(
  /** @param {TileProps} props */
  ({ index, record, left, top, width, height, state, isActive, isSelected }) => {
    const style = {
      top: `${top}px`,
      left: `${left}px`,
      width: `${width}px`,
      height: `${height}px`,
    };
    if (!record) return <div class="tile waiting" role="listitem" style={style} />;
    const name = oneLine(fileName(record.key ?? record.id), 80);
    const settings = settingsLine(record.photo);
    const taken = formatDayTaken(record.photo);
    const place = placeName(record.photo);
    const { media_type: mediaType, duration_seconds: duration } = record.photo;
    const video = mediaType === "video" && `video ${duration ? formatVideoDuration(duration) : ""}`;
    const camera = cameraName(record.photo);
    const files = record.stack && `stack of ${formatNumber(record.stack.count)} files`;
    const states = [files, isSelected && "selected"];
    const parts = [name, video && video.trim(), camera, settings, taken, place, ...states];
    const label = parts.filter(Boolean).join(", ");
    return (
      <div
        class={`tile ${isSelected ? "selected" : ""}`}
        role="listitem"
        aria-posinset={index + 1}
        aria-setsize={-1}
        style={style}
      >
        <a
          href={href(state, { photo: record.id })}
          aria-label={label}
          data-index={index}
          tabindex={isActive ? 0 : -1}
        >
          <Thumbnail record={record} width={width} height={height} />
          <VideoBadge photo={record.photo} />
          {record.stack && (
            <span class="badge" aria-hidden="true">
              {formatNumber(record.stack.count)}
            </span>
          )}
          <span class="caption" aria-hidden="true">
            <span>{name}</span>
            {settings && <span>{settings}</span>}
            {(taken || place) && <span>{[taken, place].filter(Boolean).join(" · ")}</span>}
          </span>
        </a>
        <button
          type="button"
          class="select"
          role="checkbox"
          aria-checked={isSelected}
          aria-label={`Select ${name} (x)`}
          title="Select (x)"
          tabindex={-1}
        >
          <Icon name="check" />
        </button>
      </div>
    );
  },
);
