/**
 * @file The gallery: thumbnails in justified rows. Only those near the visible part are elements.
 * @import { Api, Navigate, Photo, State } from "../core/types"
 * @import { PhotoPages } from "../photos/photo_pages.js"
 * @import { Row } from "../photos/justified_layout.js"
 */
import { Failed, Waiting } from "../components/status_screens.jsx";
import { Thumbnail } from "../components/thumbnail.jsx";
import { VirtualRows } from "../components/virtual_rows.jsx";
import { day, oneLine } from "../core/format.js";
import { cameraName, fileName, settingsLine } from "../core/labels.js";
import { memo, useEffect, useMemo, useRef } from "../core/preact.js";
import { scrollPositionOf } from "../core/scroll_positions.js";
import { href } from "../core/url_state.js";
import { useLastOpened } from "../hooks/use_last_opened.js";
import { useRovingFocus } from "../hooks/use_roving_focus.js";
import { SCROLL_STEP, useScrollViewport } from "../hooks/use_scroll_viewport.js";
import { useUserActivity } from "../hooks/use_user_activity.js";
import { EmptyResult } from "../photos/empty_result.jsx";
import { justify, moveInRows, rowsBetween } from "../photos/justified_layout.js";
import { usePhotoPages } from "../photos/photo_pages.js";

// In pixels.
const GAP = 6;
const PADDING = 12;
const ROW_HEIGHT = 156;
const NARROW_ROW_HEIGHT = 112;
// Kept ready above and below the visible part.
const SPARE = 500;
// The next page is fetched when its start is this near.
const AHEAD = 1500;

/** @param {{state: State, navigate: Navigate, api: Api}} props */
export default function Gallery({ state, navigate, api }) {
  const pages = usePhotoPages(state, api);
  const { ref, width, height, top } = useScrollViewport("gallery", pages);
  const inner = Math.max(0, width - 2 * PADDING);
  const target = width < 600 ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
  const { rows, total } = useRows(pages, inner, target);

  useEffect(() => {
    if (total && top + height + AHEAD > total) pages.more();
  }, [pages, pages.round, top, height, total]);

  /** @param {number} at */
  const reveal = (at) => {
    const row = rows.find(({ start, end }) => start <= at && at < end);
    const element = ref.current;
    if (!row || !element) return;
    const overlap = row.top + row.height + 2 * PADDING - element.clientHeight;
    if (row.top < element.scrollTop) element.scrollTop = row.top;
    else if (overlap > element.scrollTop) element.scrollTop = overlap;
  };
  const { active, setActive, activate, onKeyDown } = useRovingFocus({
    container: ref,
    count: pages.count,
    move: (at, key) => moveInRows(rows, pages.count, at, key),
    reveal,
  });
  useLastOpened(state.photo, (id) => pages.indexOf(id), activate);
  useEffect(() => {
    const scrolled = scrollPositionOf("gallery");
    setActive(scrolled ? (rows[rowsBetween(rows, scrolled, scrolled + 1)[0]]?.start ?? 0) : 0);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- for each result, not as rows are added
  }, [pages]);

  /** @param {number} margin */
  const rowsWithin = (margin) =>
    rowsBetween(rows, top - PADDING - margin, top - PADDING + height + margin);
  const isUsed = useUserActivity();
  const visible = rowsWithin(isUsed ? SCROLL_STEP / 2 : 0);
  const isEmpty = pages.count === 0;
  return (
    <div class="scroll gallery" ref={ref} tabindex={-1}>
      {isEmpty && pages.done && <EmptyResult state={state} navigate={navigate} api={api} />}
      {isEmpty && !pages.done && !pages.error && <Waiting pages={pages} />}
      {!isEmpty && (
        <VirtualRows
          visible={visible}
          near={isUsed ? rowsWithin(SPARE) : visible}
          draw={(index) => (
            <PhotoRow row={rows[index]} inner={inner} pages={pages} state={state} active={active} />
          )}
          place={(index) => ({
            top: Math.round(rows[index].top),
            height: Math.round(rows[index].height),
          })}
          rowClass="row"
          class="rows"
          role="list"
          aria-label="Photos"
          aria-busy={pages.loading}
          style={{ height: `${total}px` }}
          onKeyDown={onKeyDown}
        />
      )}
      {pages.error && <Failed error={pages.error} retry={() => pages.retry()} />}
      {!isEmpty && pages.loading && (
        <p class="more" role="status">
          Loading more …
        </p>
      )}
    </div>
  );
}

/**
 * Lay out the photos that are known; as more come, only their rows are added.
 * @param {PhotoPages} pages
 * @param {number} inner width of a row
 * @param {number} target greatest height of a row
 */
function useRows(pages, inner, target) {
  const layout = useRef(
    /** @type {{rows: Row[], key: string, pages: PhotoPages | null}} */ ({
      rows: [],
      key: "",
      pages: null,
    }),
  );
  const total = useMemo(() => {
    if (!inner) return 0;
    const key = `${inner} ${target}`;
    if (layout.current.key !== key || layout.current.pages !== pages) {
      layout.current = { rows: [], key, pages };
    }
    return justify(layout.current.rows, pages.aspects, pages.count, {
      width: inner,
      target,
      gap: GAP,
      done: pages.done,
    });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- pages.round tells of changes inside
  }, [pages, pages.round, inner, target]);
  return { rows: layout.current.rows, total };
}

/** @param {{row: Row, inner: number, pages: PhotoPages, state: State, active: number}} props */
function PhotoRow({ row, inner, pages, state, active }) {
  const height = Math.round(row.height);
  const tiles = [];
  let left = 0;
  for (let at = row.start; at < row.end; at++) {
    const isLast = at === row.end - 1 && !row.short;
    const natural = Math.min(inner, Math.round(pages.aspects[at] * row.height));
    const width = isLast ? inner - left : natural;
    tiles.push(
      <Tile
        key={at}
        at={at}
        record={pages.at(at)}
        left={left}
        width={width}
        height={height}
        state={state}
        isActive={at === active}
      />,
    );
    left += width + GAP;
  }
  return <>{tiles}</>;
}

/**
 * @typedef {object} TileProps
 * @property {number} at index in the result
 * @property {Photo | null} record
 * @property {number} left
 * @property {number} width
 * @property {number} height
 * @property {State} state
 * @property {boolean} isActive Tab reaches it
 */

const Tile = memo(
  /** @param {TileProps} props */
  ({ at, record, left, width, height, state, isActive }) => {
    const style = { left: `${left}px`, width: `${width}px`, height: `${height}px` };
    if (!record) return <div class="tile waiting" role="listitem" style={style} />;
    const name = oneLine(fileName(record.key ?? record.id), 80);
    const settings = settingsLine(record.photo);
    const taken = day(record.photo.taken_at, record.photo.taken_offset);
    const label = [name, cameraName(record.photo), settings, taken].filter(Boolean).join(", ");
    return (
      <div class="tile" role="listitem" aria-posinset={at + 1} aria-setsize={-1} style={style}>
        <a
          href={href(state, { photo: record.id })}
          aria-label={label}
          data-at={at}
          tabindex={isActive ? 0 : -1}
        >
          <Thumbnail record={record} width={width} height={height} />
          <span class="caption" aria-hidden="true">
            <span>{name}</span>
            {settings && <span>{settings}</span>}
          </span>
        </a>
      </div>
    );
  },
);
