/**
 * @file Menu that exports the matching photos to a file.
 * @import { Problem } from "../core/api.js"
 * @import { Counts, Pair, State } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
 */
import { Icon } from "../components/icons.jsx";
import { Menu } from "../components/menu.jsx";
import { api, isAborted, readToken, toProblem } from "../core/api.js";
import { pluralize } from "../core/format.js";
import { nounOf } from "../core/labels.js";
import { useState } from "../core/preact.js";
import { saveStream } from "../core/save_file.js";
import { settings } from "../core/settings.js";
import { shownParams } from "../core/url_state.js";
import { exportedColumns } from "../photos/columns.js";

/** @type {[format: string, title: string, note: string][]} */
const FORMATS = [
  ["csv", "CSV", "for spreadsheets"],
  ["ndjson", "NDJSON", "all tags, one record per line"],
  ["geojson", "GeoJSON", "photos with a location"],
  ["parquet", "Parquet", "for data tools"],
];

/**
 * Return the files that the menu offers. In the gallery and the table, their photos are in the same order as on the
 * page. In the table, the first two files have only the shown columns.
 * @param {State} state
 * @returns {{format: string, title: string, note: string, options: Pair[]}[]}
 */
export function filesOf(state) {
  const isOrdered = state.view === "gallery" || state.view === "table";
  /** @type {Pair[]} */
  const order = isOrdered ? [["sort", state.sort]] : [];
  const files = FORMATS.map(([format, title, note]) => ({ format, title, note, options: order }));
  if (state.view !== "table") return files;
  /** @type {Pair} */
  const columns = ["columns", exportedColumns(state).join(",")];
  return [
    {
      format: "csv",
      title: "Table as CSV",
      note: "shown columns, for Excel",
      options: [...order, columns, ["bom", "true"]],
    },
    {
      format: "ndjson",
      title: "Table as NDJSON",
      note: "shown columns",
      options: [...order, columns],
    },
    ...files,
  ];
}

/** @param {{state: State, counts: RequestState<Counts | null>}} props */
export function ExportMenu({ state, counts }) {
  return (
    <Menu title="Export results" label="Export" icon={<Icon name="export" />}>
      {(close) => <Panel state={state} counts={counts} close={close} />}
    </Menu>
  );
}

/** @param {{state: State, counts: RequestState<Counts | null>, close: () => void}} props */
function Panel({ state, counts, close }) {
  const [busy, setBusy] = useState(/** @type {string | null} */ (null));
  const [error, setError] = useState(/** @type {Problem | null} */ (null));
  const pairs = shownParams(state);
  const total =
    counts.data && !counts.data.more
      ? pluralize(counts.data.total, nounOf(state.filters.media_type))
      : "All matching photos";
  // A link cannot send the token, so if the API requires one, the page fetches the file.
  const needsFetch = Boolean(settings.needs_token && readToken());
  /** @type {(event: Event, file: {format: string, title: string, options: Pair[]}) => Promise<void>} */
  const fetchFile = async (event, { format, title, options }) => {
    event.preventDefault();
    setBusy(title);
    setError(null);
    try {
      await saveStream(
        await api.getResponse(`/export.${format}`, { params: [...pairs, ...options] }),
        `photos.${format}`,
      );
      close();
    } catch (cause) {
      if (!isAborted(cause)) setError(toProblem(cause));
    }
    setBusy(null);
  };
  return (
    <>
      <p class="head">{total}</p>
      <ul class="entries">
        {filesOf(state).map((file) => (
          <li key={file.title}>
            <a
              href={api.url(`/export.${file.format}`, [...pairs, ...file.options])}
              download={`photos.${file.format}`}
              onClick={needsFetch ? (event) => fetchFile(event, file) : close}
            >
              <b>{file.title}</b>{" "}
              <span class="muted">{busy === file.title ? "exporting…" : file.note}</span>
            </a>
          </li>
        ))}
      </ul>
      {error && (
        <p class="note" role="alert">
          {error.message}
        </p>
      )}
    </>
  );
}
