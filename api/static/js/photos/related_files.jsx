/**
 * @file The files that belong to a photo: the other files of its stack, its sidecars, or the photos of a sidecar.
 * @import { Api, Photo, PhotoRecord, State } from "../core/types"
 */
import { formatNumber, oneLine } from "../core/format.js";
import { fileName, ROLE_LABELS } from "../core/labels.js";
import { href } from "../core/url_state.js";
import { useRequest } from "../hooks/use_request.js";

const MAX_FILES = 50;
const MAX_FIELDS = 30;

/** @param {{record: PhotoRecord, state: State, api: Api}} props */
export function RelatedFiles({ record, state, api }) {
  return (
    <>
      {record.stack && (
        <StackMembers record={record} stack={record.stack} state={state} api={api} />
      )}
      <Sidecars record={record} state={state} />
    </>
  );
}

/** @param {{record: PhotoRecord, stack: NonNullable<Photo["stack"]>, state: State, api: Api}} props */
function StackMembers({ record, stack, state, api }) {
  const { data } = useRequest(
    (signal) => api.get("/photos", { stack: stack.id, limit: MAX_FILES }, { signal }),
    stack.id,
  );
  /** @type {Photo[]} */
  const members = data?.photos ?? [];
  return (
    <section class="copies">
      <h3>Stack of {formatNumber(stack.count)} files</h3>
      <ul>
        {members.map((member) => (
          <li key={member.id}>
            {member.id === record.id ? (
              <b>{oneLine(fileName(member.id), 200)}</b>
            ) : (
              renderFile(member.id, state)
            )}
            <span class="muted"> {ROLE_LABELS[member.stack?.role ?? "photo"]}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** @param {{record: PhotoRecord, state: State}} props */
function Sidecars({ record, state }) {
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
