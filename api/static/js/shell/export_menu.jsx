/**
 * @file Export of the current result as a file.
 * @import { Problem } from "../core/api.js"
 * @import { Counts, State } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
 */
import { Icon } from "../components/icons.jsx";
import { Menu } from "../components/menu.jsx";
import { api, isAborted, readToken, toProblem } from "../core/api.js";
import { number } from "../core/format.js";
import { useState } from "../core/preact.js";
import { settings } from "../core/settings.js";
import { filterParams } from "../core/url_state.js";

const FORMATS = [
  ["csv", "CSV", "for a spreadsheet"],
  ["ndjson", "NDJSON", "every tag, a record a line"],
  ["geojson", "GeoJSON", "those with a place"],
  ["parquet", "Parquet", "for data tools"],
];

/** @param {{state: State, counts: RequestState<Counts | null>}} props */
export function ExportMenu({ state, counts }) {
  return (
    <Menu title="Export what is shown" label="Export" icon={<Icon name="export" />}>
      {(close) => <Panel state={state} counts={counts} close={close} />}
    </Menu>
  );
}

/** @param {{state: State, counts: RequestState<Counts | null>, close: () => void}} props */
function Panel({ state, counts, close }) {
  const [busy, setBusy] = useState(/** @type {string | null} */ (null));
  const [error, setError] = useState(/** @type {Problem | null} */ (null));
  const pairs = filterParams(state.filters);
  const total =
    counts.data && !counts.data.more
      ? `${number(counts.data.total)} photos`
      : "All photos of this view";
  // A link cannot send the token: where reading needs it, the page fetches the file.
  const isFetched = Boolean(settings.needs_token && readToken());
  /** @type {(event: Event, format: string) => Promise<void>} */
  const fetchFile = async (event, format) => {
    event.preventDefault();
    setBusy(format);
    setError(null);
    try {
      await saveStream(await api.open(`/export.${format}`, { params: pairs }), `photos.${format}`);
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
        {FORMATS.map(([format, title, use]) => (
          <li key={format}>
            <a
              href={api.address(`/export.${format}`, pairs)}
              download={`photos.${format}`}
              onClick={isFetched ? (event) => fetchFile(event, format) : close}
            >
              <b>{title}</b> <span class="muted">{busy === format ? "being written …" : use}</span>
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

/**
 * Write to disk as the file arrives where the browser can (a million records do not fit in memory), else when it is
 * whole.
 * @param {Response} response
 * @param {string} name
 */
async function saveStream(response, name) {
  const { showSaveFilePicker } = /** @type {any} */ (window);
  if (showSaveFilePicker) {
    const handle = await showSaveFilePicker({ suggestedName: name });
    await response.body?.pipeTo(await handle.createWritable());
    return;
  }
  const address = URL.createObjectURL(await response.blob());
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
