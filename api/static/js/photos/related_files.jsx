/**
 * @file The files that belong to a photo: its sidecars, or the photos of a sidecar.
 * @import { PhotoRecord, State } from "../core/types"
 */
import { formatNumber, oneLine } from "../core/format.js";
import { fileName } from "../core/labels.js";
import { href } from "../core/url_state.js";

const MAX_FILES = 50;
const MAX_FIELDS = 30;

/** @param {{record: PhotoRecord, state: State}} props */
export function RelatedFiles({ record, state }) {
  if (record.sidecar) {
    const owners = record.sidecar.of ?? [];
    return (
      <section class="copies">
        <h3>{owners.length ? "Sidecar of" : "Sidecar without a photo"}</h3>
        <ul>
          {owners.slice(0, MAX_FILES).map((id) => (
            <li key={id}>{renderFile(id, state)}</li>
          ))}
        </ul>
      </section>
    );
  }
  const sidecars = record.sidecars ?? [];
  if (!sidecars.length) return null;
  return (
    <section class="copies">
      <h3>{sidecars.length === 1 ? "Sidecar" : `${formatNumber(sidecars.length)} sidecars`}</h3>
      <ul>
        {sidecars.slice(0, MAX_FILES).map(({ id, fields }) => (
          <li key={id}>
            {renderFile(id, state)}
            <span class="muted"> {describeFields(fields)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/**
 * Return which values of a photo come from a sidecar.
 * @param {string[]} fields
 */
export function describeFields(fields) {
  if (!fields.length) return "adds nothing";
  const names = fields.slice(0, MAX_FIELDS).map((name) => oneLine(name.replaceAll("_", " "), 60));
  return names.join(", ") + (fields.length > MAX_FIELDS ? ", …" : "");
}

/**
 * @param {string} id
 * @param {State} state
 */
const renderFile = (id, state) => (
  <a href={href(state, { photo: id })} title={oneLine(id, 300)}>
    {oneLine(fileName(id), 200)}
  </a>
);
