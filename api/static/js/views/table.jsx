/**
 * @file The table: photos as rows. Only those near the visible part are elements.
 * @import { Api, Navigate, Photo, State } from "../core/types"
 */
import { Failed, Waiting } from "../components/status_screens.jsx";
import { Thumbnail } from "../components/thumbnail.jsx";
import { VirtualRows } from "../components/virtual_rows.jsx";
import { oneLine } from "../core/format.js";
import { memo, useEffect, useMemo, useState } from "../core/preact.js";
import { href } from "../core/url_state.js";
import { useLastOpened } from "../hooks/use_last_opened.js";
import { useRovingFocus } from "../hooks/use_roving_focus.js";
import { SCROLL_STEP, useScrollViewport } from "../hooks/use_scroll_viewport.js";
import { useUserActivity } from "../hooks/use_user_activity.js";
import { COLUMNS, columnsOf } from "../photos/columns.js";
import { EmptyResult } from "../photos/empty_result.jsx";
import { usePhotoPages } from "../photos/photo_pages.js";

// In pixels.
const ROW_HEIGHT = 34;
const HEAD_HEIGHT = 34;
const PICTURE_WIDTH = 48;
const CHARACTER_WIDTH = 7;
// Rows kept ready above and below the visible ones.
const SPARE = 12;
// The next page is fetched when its first row is this near.
const AHEAD = 72;

/** @param {number} at */
const placeOfRow = (at) => ({ top: at * ROW_HEIGHT, height: ROW_HEIGHT });

/** @param {{state: State, navigate: Navigate, api: Api}} props */
export default function Table({ state, navigate, api }) {
  const pages = usePhotoPages(state, api);
  const { ref, height, top } = useScrollViewport("table", pages);
  const columns = useMemo(() => columnsOf(state), [state]);
  const width = PICTURE_WIDTH + columns.reduce((sum, name) => sum + COLUMNS[name].width, 0);
  const spare = useUserActivity() ? SPARE : 0;
  /** @param {number} at */
  const within = (at) => Math.min(pages.count, Math.max(0, at));
  const first = within(Math.floor((top - SCROLL_STEP / 2) / ROW_HEIGHT));
  const end = within(Math.ceil((top + SCROLL_STEP / 2 + height - HEAD_HEIGHT) / ROW_HEIGHT));

  useEffect(() => {
    if (pages.count && end + AHEAD > pages.count) pages.more();
  }, [pages, pages.round, end]);

  /** @param {number} at */
  const reveal = (at) => {
    const element = ref.current;
    if (!element) return;
    const overlap = (at + 1) * ROW_HEIGHT + HEAD_HEIGHT - element.clientHeight;
    if (at * ROW_HEIGHT < element.scrollTop) element.scrollTop = at * ROW_HEIGHT;
    else if (overlap > element.scrollTop) element.scrollTop = overlap;
  };
  const { active, activate, onKeyDown } = useRovingFocus({
    container: ref,
    count: pages.count,
    move: (at, key) => moveInTable(at, key, pages.count, ref.current?.clientHeight ?? 0),
    reveal,
  });
  useLastOpened(state.photo, (id) => pages.indexOf(id), activate);

  const isEmpty = pages.count === 0;
  return (
    <div class="scroll table" ref={ref} tabindex={-1}>
      {isEmpty && pages.done && <EmptyResult state={state} navigate={navigate} api={api} />}
      {isEmpty && !pages.done && !pages.error && <Waiting pages={pages} />}
      {!isEmpty && (
        <div
          role="table"
          aria-label="Photos"
          aria-rowcount={pages.done ? pages.count + 1 : -1}
          aria-colcount={columns.length + 1}
          aria-busy={pages.loading}
          style={{ width: `${width}px` }}
        >
          <div role="rowgroup" class="head">
            <Head columns={columns} state={state} navigate={navigate} />
          </div>
          <VirtualRows
            visible={[first, end]}
            near={[within(first - spare), within(end + spare)]}
            draw={(at) => (
              <Row
                at={at}
                record={pages.at(at)}
                columns={columns}
                state={state}
                isActive={at === active}
              />
            )}
            place={placeOfRow}
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
 * Return the row to which a key moves from row `at`; null for other keys.
 * @param {number} at
 * @param {string} key
 * @param {number} count of rows
 * @param {number} height of the visible part
 */
export function moveInTable(at, key, count, height) {
  const page = Math.max(1, Math.floor((height - HEAD_HEIGHT) / ROW_HEIGHT) - 1);
  switch (key) {
    case "ArrowDown":
      return at + 1;
    case "ArrowUp":
      return at - 1;
    case "PageDown":
      return at + page;
    case "PageUp":
      return at - page;
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
  const [over, setOver] = useState(/** @type {string | null} */ (null));
  /** @type {(from: string, to: string) => void} */
  const move = (from, to) => {
    const others = columns.filter((name) => name !== from);
    others.splice(columns.indexOf(to), 0, from);
    navigate({ columns: others });
  };
  return (
    <div role="row" aria-rowindex={1}>
      <div role="columnheader" style={{ width: `${PICTURE_WIDTH}px` }}>
        <span class="unseen">Picture</span>
      </div>
      {columns.map((name) => (
        <div
          key={name}
          role="columnheader"
          aria-sort={ariaSort(name, state.sort)}
          class={`${COLUMNS[name].end ? "end" : ""} ${over === name ? "over" : ""}`}
          style={{ width: `${COLUMNS[name].width}px` }}
          draggable={true}
          onDragStart={(event) => event.dataTransfer?.setData("text/x-column", name)}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(name);
          }}
          onDragLeave={() => setOver(null)}
          onDrop={(event) => {
            event.preventDefault();
            setOver(null);
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
 * @param {string} name of the column
 * @param {string} current sort order
 */
function ariaSort(name, current) {
  const { sort } = COLUMNS[name];
  if (!sort) return undefined;
  if (sort !== current.replace(/^-/, "")) return "none";
  return current.startsWith("-") ? "descending" : "ascending";
}

/** @param {{name: string, current: string, navigate: Navigate}} props current: sort order */
function HeadLabel({ name, current, navigate }) {
  const { title, sort, first = "" } = COLUMNS[name];
  if (!sort) return <>{title}</>;
  const isSorted = sort === current.replace(/^-/, "");
  const isDown = current.startsWith("-");
  const opposite = isDown ? sort : `-${sort}`;
  return (
    <button
      type="button"
      class="sort"
      onClick={() => navigate({ sort: isSorted ? opposite : first + sort })}
    >
      {title}
      <span class="direction" aria-hidden="true">
        {isSorted ? (isDown ? "↓" : "↑") : ""}
      </span>
    </button>
  );
}

/**
 * @typedef {object} RowProps
 * @property {number} at index in the result
 * @property {Photo | null} record
 * @property {string[]} columns
 * @property {State} state
 * @property {boolean} isActive Tab reaches it
 */

const Row = memo(
  /** @param {RowProps} props */
  ({ at, record, columns, state, isActive }) => {
    if (!record) {
      return (
        <div role="row" class="waiting" aria-rowindex={at + 2}>
          <div role="cell">…</div>
        </div>
      );
    }
    return (
      <div role="row" aria-rowindex={at + 2} class={record.status === "ok" ? "" : record.status}>
        <div role="cell" class="picture" style={{ width: `${PICTURE_WIDTH}px` }}>
          {record.thumbnail ? (
            <Thumbnail record={record} width={38} height={28} />
          ) : (
            <span class="format">{oneLine(record.format ?? "?", 5)}</span>
          )}
        </div>
        {columns.map((name, index) => {
          const { width, end, show } = COLUMNS[name];
          const text = show(record);
          return (
            <div
              key={name}
              role="cell"
              class={end ? "end" : ""}
              style={{ width: `${width}px` }}
              title={text.length * CHARACTER_WIDTH > width ? text : undefined}
            >
              {index === 0 ? (
                <a
                  href={href(state, { photo: record.id })}
                  data-at={at}
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
