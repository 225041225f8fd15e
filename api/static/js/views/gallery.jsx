/**
 * @file Gallery view: thumbnails in justified rows. Only the rows in or near the viewport are in the document.
 * @import { Api, Counts, Navigate, Photo, State } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
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
import { memo, useEffect, useLayoutEffect, useRef } from "../core/preact.js";
import { formatDayTaken } from "../core/taken.js";
import { href } from "../core/url_state.js";
import { useLastOpened } from "../hooks/use_last_opened.js";
import { useLongPress } from "../hooks/use_long_press.js";
import { useRovingFocus } from "../hooks/use_roving_focus.js";
import { SCROLL_STEP, scrollIntoView, useScrollViewport } from "../hooks/use_scroll_viewport.js";
import { useUserActivity } from "../hooks/use_user_activity.js";
import { placeLabels } from "../photos/date_headings.js";
import { EmptyResult } from "../photos/empty_result.jsx";
import { GalleryScrubber } from "../photos/gallery_scrubber.jsx";
import { moveInRows, rowsBetween } from "../photos/justified_layout.js";
import { usePhotoPages } from "../photos/photo_pages.js";
import { setSelecting, useSelecting, useSelection } from "../photos/selection.js";
import { SelectionBar } from "../photos/selection_bar.jsx";
import { GAP, usePhotoRows } from "../photos/use_photo_rows.js";

// These sizes are in pixels.
const PADDING = 12;
const ROW_HEIGHT = 156;
const NARROW_ROW_HEIGHT = 112;
// Labels of days have at least this width.
const MIN_LABEL_WIDTH = 48;
// Rows this far above and below the viewport are rendered.
const OVERSCAN = 500;
// The next page is fetched when the end of the list is less than this below the viewport. The same applies to the page
// before the first one.
const PREFETCH_DISTANCE = 1500;

/**
 * Return the link to the photo of a tile.
 * @param {Element} target element of the tile
 * @returns {HTMLElement | null | undefined}
 */
const linkOf = (target) => target.closest(".tile")?.querySelector("[data-index]");

/**
 * @param {{state: State, navigate: Navigate, api: Api, counts: RequestState<Counts | null>, changes: number}} props
 *   changes: number of changes of the library
 */
export default function Gallery({ state, navigate, api, counts, changes }) {
  const pages = usePhotoPages(state, api);
  const selection = useSelection(pages.params);
  const { ref, width, height, scrollTop, scrollTo, scrollBy } = useScrollViewport("gallery", pages);
  const innerWidth = Math.max(0, width - 2 * PADDING);
  const maxRowHeight = width < 600 ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
  const isByDate = /^-?taken$/.test(state.sort);
  const layout = usePhotoRows(pages, innerWidth, maxRowHeight, isByDate);
  const { rows, rowsAbove, totalHeight, headings } = layout;

  useEffect(() => {
    if (totalHeight && scrollTop + height + PREFETCH_DISTANCE > totalHeight) pages.loadMore();
    // After photos were inserted, `scrollTop` is outdated.
    if (totalHeight && (ref.current?.scrollTop ?? 0) < PREFETCH_DISTANCE) pages.loadPrevious();
  }, [pages, pages.version, ref, scrollTop, height, totalHeight]);

  /** @param {number} index */
  const reveal = (index) => {
    const row = rows.find(({ start, end }) => start <= index && index < end);
    if (row && ref.current) scrollIntoView(ref.current, row.top, row.height + 2 * PADDING);
  };
  /** @param {number} margin in pixels, above and below the viewport */
  const rowsWithin = (margin) =>
    rowsBetween(rows, scrollTop - PADDING - margin, scrollTop - PADDING + height + margin);
  const hasInput = useUserActivity();
  const visible = rowsWithin(hasInput ? SCROLL_STEP / 2 : 0);
  const { active, setActive, activate, onKeyDown } = useRovingFocus({
    container: ref,
    count: pages.count,
    move: (index, key) => moveInRows(rows, pages.count, index, key),
    reveal,
    visible: [rows[visible[0]]?.start ?? 0, rows[visible[1] - 1]?.end ?? 0],
  });
  useLastOpened(state.photo, (id) => pages.indexOf(id), activate);
  const { inserted } = pages;
  const lastInserted = useRef({ pages, inserted });
  useLayoutEffect(() => {
    const last = lastInserted.current;
    const count = last.pages === pages ? inserted - last.inserted : 0;
    lastInserted.current = { pages, inserted };
    if (!count) return;
    // Keep the visible photos where they are, and the focus on its photo.
    setActive((index) => (index === null ? null : index + count));
    scrollBy(layout.takeShift());
  });
  const isEmpty = pages.count === 0;
  const hasMode = useSelecting();
  const isSelecting = hasMode || selection.count > 0;
  // Another result has another selection.
  useEffect(() => () => setSelecting(false), [pages]);
  /** @type {(index: number, isRange: boolean) => void} */
  const select = (index, isRange) => {
    const record = pages.at(index);
    const { anchor } = selection;
    const hasAnchor = anchor !== null && pages.at(anchor - pages.base);
    if (isRange && hasAnchor)
      selection.extend(pages.base + index, (at) => pages.at(at - pages.base));
    else if (record) selection.toggle(pages.base + index, record);
  };
  const longPress = useLongPress((target) => {
    const link = linkOf(target);
    if (link) select(Number(link.dataset.index), false);
    return Boolean(link);
  });
  /** @param {MouseEvent} event */
  const onClick = (event) => {
    const target = /** @type {Element} */ (event.target);
    const link = linkOf(target);
    if (!link || event.ctrlKey || event.metaKey || event.altKey) return;
    const isMark = Boolean(target.closest(".select"));
    // While photos are selected, a click selects. Otherwise, it opens the photo.
    if (!isMark && !isSelecting && !event.shiftKey) return;
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
    else if (event.key === "Escape" && isSelecting) {
      selection.clear();
      setSelecting(false);
    } else return onKeyDown(event);
    event.preventDefault();
    event.stopPropagation();
    return undefined;
  };
  /** @type {(range: [first: number, end: number]) => [first: number, end: number]} */
  const numberRows = ([first, end]) => [first - rowsAbove, end - rowsAbove];
  const list = (
    <div
      class={`scroll gallery ${isSelecting ? "selecting" : ""}`}
      ref={ref}
      tabindex={-1}
      onClick={onClick}
      {...longPress}
    >
      {isEmpty && pages.isComplete && <EmptyResult state={state} navigate={navigate} api={api} />}
      {isEmpty && !pages.isComplete && !pages.error && <LoadingPhotos pages={pages} />}
      {!isEmpty && (
        <VirtualRows
          visible={numberRows(visible)}
          near={numberRows(hasInput ? rowsWithin(OVERSCAN) : visible)}
          renderRow={(number) => (
            <PhotoRow
              row={rows[number + rowsAbove]}
              headings={headings}
              rowWidth={innerWidth}
              pages={pages}
              state={state}
              active={active}
              selection={selection}
            />
          )}
          boundsOf={(number) => ({
            top: Math.round(rows[number + rowsAbove].top),
            height: Math.round(rows[number + rowsAbove].height),
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
  );
  return (
    <>
      <div class="gallery-frame">
        {list}
        {isByDate && (
          <GalleryScrubber
            pages={pages}
            rows={rows}
            viewport={{ scrollTop: Math.max(0, scrollTop - PADDING), height }}
            totalHeight={totalHeight}
            scrollTo={scrollTo}
            scrollBy={scrollBy}
            setActive={setActive}
            state={state}
            api={api}
            counts={counts}
            changes={changes}
          />
        )}
      </div>
      <SelectionBar selection={selection} state={state} />
    </>
  );
}

/**
 * @typedef {object} PhotoRowProps
 * @property {Row} row
 * @property {import("../photos/date_headings.js").DateHeadings | null} headings
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
        key={index - pages.inserted}
        index={index}
        position={Math.max(1, pages.base + index + 1)}
        record={pages.at(index)}
        left={left}
        top={row.lead}
        width={width}
        height={height}
        state={state}
        isActive={index === active}
        isSelected={selection.has(pages.at(index)?.id)}
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
 * @property {number} index index of the photo among those fetched
 * @property {number} position of the photo in the result, from 1
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
  ({ index, position, record, left, top, width, height, state, isActive, isSelected }) => {
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
        aria-posinset={position}
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
