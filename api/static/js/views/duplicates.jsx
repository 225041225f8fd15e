/**
 * @file Duplicates view: a card for each file that has copies. The file whose copies waste the most bytes comes first.
 * @import { Api, DuplicateGroup, DuplicatesResponse, Navigate, Photo, State } from "../core/types"
 * @import { Problem } from "../core/api.js"
 */
import { PathText } from "../components/path_text.jsx";
import { ClearFilters, Failed, Loading, Screen } from "../components/status_screens.jsx";
import { Thumbnail } from "../components/thumbnail.jsx";
import { toProblem } from "../core/api.js";
import { explainRefusal } from "../core/error_messages.js";
import { locationOf } from "../core/folders.js";
import { formatBytes, formatNumber, oneLine, pluralize } from "../core/format.js";
import { fileName } from "../core/labels.js";
import { useState } from "../core/preact.js";
import { filterParams, href } from "../core/url_state.js";
import { useRefetchPartial } from "../hooks/use_refetch_partial.js";
import { useRequest } from "../hooks/use_request.js";

const PAGE_GROUPS = 30;
const THUMBNAIL = { width: 132, height: 99 };

/**
 * @param {{state: State, navigate: Navigate, api: Api, changes: number}} props
 *   changes: number of changes of the library
 */
export default function Duplicates({ state, navigate, api, changes }) {
  const pairs = filterParams(state.filters);
  const key = `${JSON.stringify(pairs)} ${changes}`;
  /**
   * @param {AbortSignal} [signal]
   * @param {string} [after]
   * @returns {Promise<DuplicatesResponse>}
   */
  const load = (signal, after) =>
    api.get("/duplicates", [...pairs, ["limit", PAGE_GROUPS], ...afterParam(after)], { signal });
  const request = useRequest((signal) => load(signal), key);
  useRefetchPartial(request, key);
  const pages = useFollowingPages(request.data, load);
  if (request.error) return <Failed error={request.error} retry={request.reload} />;
  if (!request.data) return <Loading subject="duplicates" slow={request.slow} />;
  const { total, extra_copies: extraCopies, wasted_bytes: wastedBytes, partial } = request.data;
  if (!total && !partial) {
    return (
      <Screen title="No duplicates among these photos">
        <p>Copies are recognized by size and metadata, whatever their names and folders are.</p>
        {pairs.length > 0 && <ClearFilters clear={() => navigate({ clearFilters: true })} />}
      </Screen>
    );
  }
  return (
    <section class="duplicates" aria-busy={request.stale} aria-label="Duplicates">
      {partial && (
        <p class="notice" role="status">
          Partial counts. All photos are being compared.
        </p>
      )}
      <p class="summary-line">
        {pluralize(total, "file")} with {pluralize(extraCopies, "extra copy", "extra copies")},
        which take up {formatBytes(wastedBytes)}. Copies are recognized by size and metadata:
        compare them before you delete any.
      </p>
      <ul>
        {pages.groups.map((group) => (
          <Group key={group.fingerprint} group={group} state={state} />
        ))}
      </ul>
      {pages.error && (
        <p class="field-error" role="alert">
          {explainRefusal(pages.error)}
        </p>
      )}
      {pages.next && (
        <button type="button" disabled={pages.isLoading} onClick={pages.loadNext}>
          Show more
        </button>
      )}
    </section>
  );
}

/**
 * @param {string} [after]
 * @returns {[string, string][]}
 */
const afterParam = (after) => (after ? [["after", after]] : []);

/**
 * Return the groups of the first page and of those that were loaded after it, and a function that loads the next one.
 * @param {DuplicatesResponse | null} first
 * @param {(signal: undefined, after: string) => Promise<DuplicatesResponse>} load
 */
function useFollowingPages(first, load) {
  const [following, setFollowing] = useState({
    first,
    groups: /** @type {DuplicateGroup[]} */ ([]),
    next: /** @type {string | null} */ (null),
  });
  const [error, setError] = useState(/** @type {Problem | null} */ (null));
  const [isLoading, setLoading] = useState(false);
  // When the first page has been loaded again, the others are outdated.
  const isCurrent = following.first === first && following.groups.length > 0;
  const loaded = isCurrent ? following.groups : [];
  const next = isCurrent ? following.next : (first?.next ?? null);
  const loadNext = async () => {
    if (!next) return;
    setLoading(true);
    setError(null);
    try {
      const page = await load(undefined, next);
      setFollowing({ first, groups: [...loaded, ...page.groups], next: page.next });
    } catch (cause) {
      setError(toProblem(cause));
    }
    setLoading(false);
  };
  return { groups: [...(first?.groups ?? []), ...loaded], next, error, isLoading, loadNext };
}

/** @param {{group: DuplicateGroup, state: State}} props */
function Group({ group, state }) {
  const { fingerprint, count, size, wasted_bytes: wastedBytes, photos } = group;
  const gallery = href(state, {
    view: "gallery",
    filters: { fingerprint: [fingerprint] },
    photo: null,
  });
  // Copies may have been deleted since they were counted.
  const [first] = photos;
  const name = first ? oneLine(fileName(first.key ?? first.id), 80) : "Deleted";
  return (
    <li>
      {first && (
        <a class="picture" href={href(state, { photo: first.id })} aria-label={`Open ${name}`}>
          <Thumbnail record={first} {...THUMBNAIL} />
        </a>
      )}
      <div class="about">
        <h2>
          <bdi>{name}</bdi>
        </h2>
        <p>
          <a href={gallery}>{pluralize(count, "copy", "copies")}</a> of {formatBytes(size)},{" "}
          <b>{formatBytes(wastedBytes)}</b> could be freed
        </p>
        <ul class="places">
          {photos.map((photo) => (
            <Place key={photo.id} photo={photo} state={state} />
          ))}
        </ul>
        {count > photos.length && photos.length > 0 && (
          <p class="muted">{formatNumber(count - photos.length)} more</p>
        )}
      </div>
    </li>
  );
}

/** @param {{photo: Photo, state: State}} props */
function Place({ photo, state }) {
  const { text } = locationOf({
    bucket: photo.bucket,
    key: photo.key,
    id: photo.id,
  });
  return (
    <li>
      <a href={href(state, { photo: photo.id })} title={oneLine(text, 300)}>
        <PathText path={text} limit={200} />
      </a>
    </li>
  );
}
