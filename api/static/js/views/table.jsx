/**
 * @file Table view: one row per photo. Only the rows in or near the viewport are in the document.
 * @import { Api, Navigate, Photo, State } from "../core/types"
 */
import { Failed, LoadingPhotos } from "../components/status_screens.jsx";
import { Thumbnail } from "../components/thumbnail.jsx";
import { VideoBadge } from "../components/video_badge.jsx";
import { VirtualRows } from "../components/virtual_rows.jsx";
import { oneLine } from "../core/format.js";
import { memo, useEffect, useMemo, useState } from "../core/preact.js";
import { href } from "../core/url_state.js";
import { useLastOpened } from "../hooks/use_last_opened.js";
import { useRovingFocus } from "../hooks/use_roving_focus.js";
import { SCROLL_STEP, scrollIntoView, useScrollViewport } from "../hooks/use_scroll_viewport.js";
import { useUserActivity } from "../hooks/use_user_activity.js";
import { COLUMNS, columnsOf } from "../photos/columns.js";
import { EmptyResult } from "../photos/empty_result.jsx";
import { usePhotoPages } from "../photos/photo_pages.js";

// These sizes are in pixels.
const ROW_HEIGHT = 34;
const HEAD_HEIGHT = 34;
const THUMBNAIL_WIDTH = 48;
const CHARACTER_WIDTH = 7; // on average
// The columns that say that a file is damaged or not supported.
const PROBLEM_COLUMNS = new Set(["status", "problem"]);
// Number of rows rendered above and below the viewport.
const OVERSCAN = 12;
// The next page is fetched when the end of the list is this many rows away.
const PREFETCH_ROWS = 72;

/** @param {number} index */
const boundsOfRow = (index) => ({ top: index * ROW_HEIGHT, height: ROW_HEIGHT });

/** @param {{state: State, navigate: Navigate, api: Api}} props */
export default function Table({ state, navigate, api }) {
  const pages = usePhotoPages(state, api, { fromBeginning: true });
  const { ref, height, scrollTop } = useScrollViewport("table", pages);
  const columns = useMemo(() => columnsOf(state), [state]);
  const width = THUMBNAIL_WIDTH + columns.reduce((sum, name) => sum + COLUMNS[name].width, 0);
  const overscan = useUserActivity() ? OVERSCAN : 0;
  /** @param {number} index */
  const clamp = (index) => Math.min(pages.count, Math.max(0, index));
  // `scrollTop` is rounded to a multiple of SCROLL_STEP, so the viewport may really be half a step higher or lower.
  const first = clamp(Math.floor((scrollTop - SCROLL_STEP / 2) / ROW_HEIGHT));
  const end = clamp(Math.ceil((scrollTop + SCROLL_STEP / 2 + height - HEAD_HEIGHT) / ROW_HEIGHT));

  useEffect(() => {
    if (pages.count && end + PREFETCH_ROWS > pages.count) pages.loadMore();
  }, [pages, pages.version, end]);

  /** @param {number} index */
  const reveal = (index) => {
    if (ref.current) scrollIntoView(ref.current, index * ROW_HEIGHT, ROW_HEIGHT + HEAD_HEIGHT);
  };
  const { active, activate, onKeyDown } = useRovingFocus({
    container: ref,
    count: pages.count,
    move: (index, key) => moveInTable(index, key, pages.count, ref.current?.clientHeight ?? 0),
    reveal,
    visible: [first, end],
  });
  useLastOpened(state.photo, (id) => pages.indexOf(id), activate);

  const isEmpty = pages.count === 0;
  return (
    <div
      class="scroll table"
      ref={ref}
      tabindex={-1}
      onScroll={({ currentTarget: { classList, scrollLeft } }) =>
        classList.toggle("sideways", scrollLeft > 0)
      }
    >
      {isEmpty && pages.isComplete && <EmptyResult state={state} navigate={navigate} api={api} />}
      {isEmpty && !pages.isComplete && !pages.error && <LoadingPhotos pages={pages} />}
      {!isEmpty && (
        <div
          role="table"
          aria-label="Photos"
          aria-rowcount={pages.isComplete ? pages.count + 1 : -1}
          aria-colcount={columns.length + 1}
          aria-busy={pages.loading}
          style={{ width: `${width}px` }}
        >
          <div role="rowgroup" class="head">
            <Head columns={columns} state={state} navigate={navigate} />
          </div>
          <VirtualRows
            visible={[first, end]}
            near={[clamp(first - overscan), clamp(end + overscan)]}
            renderRow={(index) => (
              <Row
                index={index}
                record={pages.at(index)}
                columns={columns}
                state={state}
                isActive={index === active}
              />
            )}
            boundsOf={boundsOfRow}
            rowClass="item"
            role="rowgroup"
            class="rows"
            style={{ height: `${pages.count * ROW_HEIGHT}px` }}
            onKeyDown={onKeyDown}
          />
        </div>
      )}
      {pages.error && <Failed error={pages.error} retry={() => pages.retry()} />}
    </div>
  );
}

/**
 * Return the index of the row to which a key moves from the row at `index`, or null for other keys.
 * @param {number} index
 * @param {string} key
 * @param {number} count number of rows
 * @param {number} height of the viewport, in pixels
 */
export function moveInTable(index, key, count, height) {
  const pageRows = Math.max(1, Math.floor((height - HEAD_HEIGHT) / ROW_HEIGHT) - 1);
  switch (key) {
    case "ArrowDown":
      return index + 1;
    case "ArrowUp":
      return index - 1;
    case "PageDown":
      return index + pageRows;
    case "PageUp":
      return index - pageRows;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}

/** @param {{columns: string[], state: State, navigate: Navigate}} props */
function Head({ columns, state, navigate }) {
  const [dropTarget, setDropTarget] = useState(/** @type {string | null} */ (null));
  /** @type {(from: string, to: string) => void} */
  const move = (from, to) => {
    const reordered = columns.filter((name) => name !== from);
    reordered.splice(columns.indexOf(to), 0, from);
    navigate({ columns: reordered });
  };
  return (
    <div role="row" aria-rowindex={1}>
      <div role="columnheader" style={{ width: `${THUMBNAIL_WIDTH}px` }}>
        <span class="visually-hidden">Thumbnail</span>
      </div>
      {columns.map((name) => (
        <div
          key={name}
          role="columnheader"
          aria-sort={ariaSort(name, state.sort)}
          class={`${COLUMNS[name].alignsEnd ? "end" : ""} ${dropTarget === name ? "over" : ""}`}
          style={{ width: `${COLUMNS[name].width}px` }}
          draggable={true}
          onDragStart={(event) => event.dataTransfer?.setData("text/x-column", name)}
          onDragOver={(event) => {
            event.preventDefault();
            setDropTarget(name);
          }}
          onDragLeave={() => setDropTarget(null)}
          onDrop={(event) => {
            event.preventDefault();
            setDropTarget(null);
            const from = event.dataTransfer?.getData("text/x-column") ?? "";
            if (COLUMNS[from] && from !== name) move(from, name);
          }}
        >
          <HeadLabel name={name} current={state.sort} navigate={navigate} />
        </div>
      ))}
    </div>
  );
}

/**
 * Return the attribute `aria-sort` of a column's header.
 * @param {string} name name of the column
 * @param {string} current current sort order
 */
function ariaSort(name, current) {
  const { sort } = COLUMNS[name];
  if (!sort) return undefined;
  if (sort !== current.replace(/^-/, "")) return "none";
  return current.startsWith("-") ? "descending" : "ascending";
}

/** @param {{name: string, current: string, navigate: Navigate}} props current: current sort order */
function HeadLabel({ name, current, navigate }) {
  const { title, sort, firstDirection = "" } = COLUMNS[name];
  if (!sort) return <>{title}</>;
  const isSorted = sort === current.replace(/^-/, "");
  const isDescending = current.startsWith("-");
  const opposite = isDescending ? sort : `-${sort}`;
  return (
    <button
      type="button"
      class="sort"
      onClick={() => navigate({ sort: isSorted ? opposite : firstDirection + sort })}
    >
      {title}
      <span class="direction" aria-hidden="true">
        {isSorted ? (isDescending ? "↓" : "↑") : ""}
      </span>
    </button>
  );
}

/**
 * Return the tooltip of a cell: its text, if that may be cut off, or the problem of the file, next to its status.
 * @param {string} name of the column
 * @param {string} text
 * @param {Photo} record
 */
function titleOfCell(name, text, record) {
  if (name === "status" && record.problem) return oneLine(record.problem, 300);
  return text.length * CHARACTER_WIDTH > COLUMNS[name].width ? text : undefined;
}

/**
 * @typedef {object} RowProps
 * @property {number} index index of the photo in the result
 * @property {Photo | null} record null while the photo is loading
 * @property {string[]} columns names of the columns
 * @property {State} state
 * @property {boolean} isActive whether Tab reaches it
 */

const Row = memo(
  /** @param {RowProps} props */
  ({ index, record, columns, state, isActive }) => {
    // ARIA counts rows from 1, and the header is the first row.
    const ariaRowIndex = index + 2;
    if (!record) {
      return (
        <div role="row" class="waiting" aria-rowindex={ariaRowIndex}>
          <div role="cell">…</div>
        </div>
      );
    }
    return (
      <div
        role="row"
        aria-rowindex={ariaRowIndex}
        class={record.status === "ok" ? "" : record.status}
      >
        <div role="cell" class="picture" style={{ width: `${THUMBNAIL_WIDTH}px` }}>
          {record.thumbnail ? (
            <Thumbnail record={record} width={38} height={28} />
          ) : (
            <span class="format">{oneLine(record.format ?? "?", 5)}</span>
          )}
          <VideoBadge photo={record.photo} />
        </div>
        {columns.map((name, columnIndex) => {
          const { width, alignsEnd, format } = COLUMNS[name];
          const text = format(record);
          return (
            <div
              key={name}
              role="cell"
              class={`${alignsEnd ? "end" : ""} ${PROBLEM_COLUMNS.has(name) ? "problem" : ""}`}
              style={{ width: `${width}px` }}
              title={titleOfCell(name, text, record)}
              dir={alignsEnd ? undefined : "auto"}
            >
              {columnIndex === 0 ? (
                <a
                  href={href(state, { photo: record.id })}
                  data-index={index}
                  tabindex={isActive ? 0 : -1}
                >
                  {text || "—"}
                </a>
              ) : (
                text
              )}
            </div>
          );
        })}
      </div>
    );
  },
);
