/**
 * @file Cameras view: a row for each camera body, by its serial number. Values link to the gallery with their photos.
 * @import { Api, CameraBody, Counts, FilterChange, Navigate, State, ValueCount } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
 */
import { ClearFilters, Failed, Loading, Screen } from "../components/status_screens.jsx";
import { TableHead } from "../components/table_head.jsx";
import { formatDay, formatNumber, oneLine, pluralize } from "../core/format.js";
import { cameraName } from "../core/labels.js";
import { filterParams, href } from "../core/url_state.js";
import { useRefetchPartial } from "../hooks/use_refetch_partial.js";
import { useRequest } from "../hooks/use_request.js";
import { EmptyResult } from "../photos/empty_result.jsx";

const MAX_CAMERAS = 200;
// Maximum number of shown values. Further values are in the tooltip.
const SHOWN_VALUES = 3;

/** @typedef {[title: string, kind: string, hasValue: (body: CameraBody) => boolean]} Column */

/** @type {Column[]} */
const COLUMNS = [
  ["Camera", "", () => true],
  ["Serial number", "", () => true],
  ["Photos", "end", () => true],
  ["First photo", "", ({ first }) => first !== null],
  ["Last photo", "", ({ last }) => last !== null],
  ["Shutter count", "end", ({ shutter_count: count }) => count !== null],
  ["Owner", "wraps", ({ owners }) => owners.length > 0],
  ["Lenses", "wraps", ({ lenses }) => lenses.length > 0],
];

/**
 * Return the columns in which any camera has a value. Empty columns would take room from the others.
 * @param {CameraBody[]} cameras
 */
export const columnsOf = (cameras) =>
  COLUMNS.filter(([, , hasValue]) => cameras.some((body) => hasValue(body)));

/** @typedef {{cameras: CameraBody[], total: number, partial: boolean}} CamerasResponse */

/**
 * @param {{state: State, navigate: Navigate, api: Api, counts: RequestState<Counts | null>, changes: number}} props
 *   changes: number of changes of the library
 */
export default function Cameras({ state, navigate, api, counts, changes }) {
  const pairs = filterParams(state.filters);
  const key = `${JSON.stringify(pairs)} ${changes}`;
  const request = useRequest(
    /** @returns {Promise<CamerasResponse>} */
    (signal) => api.get("/cameras", [...pairs, ["limit", MAX_CAMERAS]], { signal }),
    key,
  );
  useRefetchPartial(request, key);
  if (request.error) return <Failed error={request.error} retry={request.reload} />;
  if (!request.data) return <Loading subject="cameras" slow={request.slow} />;
  const { cameras, total, partial } = request.data;
  if (!cameras.length) {
    if (counts.data?.total === 0 && !pairs.length)
      return <EmptyResult state={state} navigate={navigate} api={api} />;
    return (
      <Screen title="No camera serial numbers in these photos">
        <p>Cameras are listed here by the serial number that they write into their photos.</p>
        {pairs.length > 0 && <ClearFilters clear={() => navigate({ clearFilters: true })} />}
      </Screen>
    );
  }
  const columns = columnsOf(cameras);
  return (
    <section class="cameras" aria-busy={request.stale} aria-label="Cameras">
      {partial && (
        <p class="notice" role="status">
          Partial counts. All photos are being counted.
        </p>
      )}
      <p class="summary-line">
        {pluralize(total, "camera")}
        {total > cameras.length && `, the ${formatNumber(cameras.length)} with the most photos`}
      </p>
      <table role="table">
        <TableHead columns={columns.map(([title, kind]) => [title, kind])} />
        <tbody role="rowgroup">
          {cameras.map((body) => (
            <Body
              key={`${body.serial} ${body.model}`}
              body={body}
              columns={columns}
              state={state}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** @param {{body: CameraBody, columns: Column[], state: State}} props */
function Body({ body, columns, state }) {
  const { make, model, serial, photos, first, last, shutter_count: shutterCount } = body;
  /** @type {FilterChange} */
  const own = { camera_serial: [serial], ...(model ? { camera: [model] } : {}) };
  /** @param {FilterChange} [filters] */
  const linkTo = (filters) =>
    href(state, { view: "gallery", filters: { ...own, ...filters }, photo: null });
  const name = cameraName({
    camera_make: make ?? undefined,
    camera_model: model ?? undefined,
  });
  // On a phone, each camera is a card, and each value has the title of its column.
  const [[cameraTitle], ...others] = COLUMNS;
  const values = [
    <a key="serial" href={linkTo()}>
      <bdi>{oneLine(serial, 60)}</bdi>
    </a>,
    formatNumber(photos),
    renderDay(first, linkTo),
    renderDay(last, linkTo),
    shutterCount === null ? "" : formatNumber(shutterCount),
    renderValues(body.owners, (owner) => linkTo({ owner: [owner] })),
    renderValues(body.lenses, (lens) => linkTo({ lens: [lens] })),
  ];
  return (
    <tr role="row">
      <th role="rowheader" scope="row" data-title={cameraTitle}>
        <bdi>{name || "Unknown model"}</bdi>
      </th>
      {others.map(
        (column, index) =>
          columns.includes(column) && (
            <td key={column[0]} role="cell" class={column[1]} data-title={column[0]}>
              {values[index]}
            </td>
          ),
      )}
    </tr>
  );
}

/**
 * Return a day as a link to its photos.
 * @param {string | null} time
 * @param {(filters: FilterChange) => string} linkTo
 */
const renderDay = (time, linkTo) =>
  time && <a href={linkTo({ taken: time.slice(0, 10) })}>{formatDay(time)}</a>;

/**
 * Return the most frequent values as links, one per line.
 * @param {ValueCount[]} values
 * @param {(value: string) => string} urlOf
 */
function renderValues(values, urlOf) {
  if (!values.length) return "";
  const hidden = values.slice(SHOWN_VALUES);
  return (
    <div>
      {values.slice(0, SHOWN_VALUES).map(({ value, count }) => (
        <div key={value}>
          <a href={urlOf(value)} title={pluralize(count, "photo")}>
            <bdi>{oneLine(value, 60)}</bdi>
          </a>
        </div>
      ))}
      {hidden.length > 0 && (
        <span class="muted" title={hidden.map(({ value }) => oneLine(value, 60)).join("\n")}>
          {formatNumber(hidden.length)} more
        </span>
      )}
    </div>
  );
}
