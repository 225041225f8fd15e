/**
 * @file Menu that exports the matching photos to a file.
 * @import { Problem } from "../core/api.js"
 * @import { Counts, State } from "../core/types"
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

const FORMATS = [
  ["csv", "CSV", "for spreadsheets"],
  ["ndjson", "NDJSON", "all tags, one record per line"],
  ["geojson", "GeoJSON", "photos with a location"],
  ["parquet", "Parquet", "for data tools"],
];

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
  /** @type {(event: Event, format: string) => Promise<void>} */
  const fetchFile = async (event, format) => {
    event.preventDefault();
    setBusy(format);
    setError(null);
    try {
      await saveStream(
        await api.getResponse(`/export.${format}`, { params: pairs }),
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
        {FORMATS.map(([format, title, note]) => (
          <li key={format}>
            <a
              href={api.url(`/export.${format}`, pairs)}
              download={`photos.${format}`}
              onClick={needsFetch ? (event) => fetchFile(event, format) : close}
            >
              <b>{title}</b> <span class="muted">{busy === format ? "exporting…" : note}</span>
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
