/**
 * @file Actions for the selected photos: copy their paths or links, show them on the map, and export them.
 * @import { Problem } from "../core/api.js"
 * @import { State } from "../core/types"
 * @import { Item, Selection } from "./selection.js"
 */
import { CopyButton } from "../components/copy.jsx";
import { Icon } from "../components/icons.jsx";
import { Menu } from "../components/menu.jsx";
import { api, isAborted, toProblem } from "../core/api.js";
import { locationOf } from "../core/folders.js";
import { formatNumber, pluralize } from "../core/format.js";
import { useState } from "../core/preact.js";
import { saveBlob } from "../core/save_file.js";
import { applyChange, href, urlOf } from "../core/url_state.js";
import { extentOf, formatBox } from "../map/clusters.js";
import { MAX_SELECTED, setSelecting, useSelecting } from "./selection.js";

/** @type {[format: string, options: string, title: string, note: string][]} */
const FORMATS = [
  ["csv", "?bom=true", "CSV for Excel", "with byte order mark"],
  ["csv", "", "CSV", "for other programs"],
  ["ndjson", "?whole=true", "NDJSON", "all tags, one record per line"],
  ["geojson", "", "GeoJSON", "for maps"],
];

/** A button after which taps select photos, for devices that cannot hover. */
export function SelectButton() {
  const isOn = useSelecting();
  return (
    <button
      type="button"
      class="select-button"
      aria-pressed={isOn}
      onClick={() => setSelecting(!isOn)}
    >
      Select
    </button>
  );
}

/**
 * Return the paths of the photos' files, or their URIs in S3, one per line.
 * @param {Item[]} photos
 */
export const pathsOf = (photos) => photos.map((photo) => locationOf(photo).text).join("\n");

/**
 * Return the area of the photos, as a value of the URL parameter `area`, or null if none has a location.
 * @param {Item[]} photos
 */
export function areaOfPhotos(photos) {
  const locations = photos.flatMap(({ photo }) => photo?.location ?? []);
  const extent = extentOf(locations.map((geometry) => ({ geometry })));
  return extent && formatBox(extent);
}

/** @param {{selection: Selection, state: State}} props */
export function SelectionBar({ selection, state }) {
  const [error, setError] = useState(/** @type {Problem | null} */ (null));
  if (!selection.count) return null;
  const { ids, photos } = selection;
  const area = areaOfPhotos(photos);
  const links = ids.map((photo) => location.origin + urlOf(applyChange(state, { photo })));
  /** @type {(format: string, options: string, close: () => void) => Promise<void>} */
  const save = async (format, options, close) => {
    setError(null);
    try {
      const response = await api.postResponse(`/export.${format}${options}`, { ids });
      await saveBlob(response, `photos.${format}`);
      close();
    } catch (cause) {
      if (!isAborted(cause)) setError(toProblem(cause));
    }
  };
  return (
    <div class="selection-bar" role="region" aria-label="Selection">
      <b role="status">
        {pluralize(selection.count, "photo")} selected
        {selection.isFull && ` (at most ${formatNumber(MAX_SELECTED)})`}
      </b>
      <CopyButton text={pathsOf(photos)} label="Copy paths" />
      <CopyButton text={links.join("\n")} label="Copy links" />
      {area && (
        <a class="button" href={href(state, { view: "map", viewParams: { area, at: null } })}>
          Show on map
        </a>
      )}
      <Menu title="Export selection" label="Export" icon={<Icon name="export" />}>
        {(close) => (
          <ul class="entries">
            {FORMATS.map(([format, options, title, note]) => (
              <li key={title}>
                <button type="button" class="plain" onClick={() => save(format, options, close)}>
                  <b>{title}</b> <span class="muted">{note}</span>
                </button>
              </li>
            ))}
          </ul>
        )}
      </Menu>
      <button
        type="button"
        class="plain"
        aria-label="Clear selection (Esc)"
        title="Clear selection (Esc)"
        onClick={() => {
          selection.clear();
          setSelecting(false);
        }}
      >
        <Icon name="close" />
      </button>
      {error && (
        <p class="note" role="alert">
          {error.message}
        </p>
      )}
    </div>
  );
}
