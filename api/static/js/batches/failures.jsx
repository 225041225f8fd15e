/**
 * @file Lists failed jobs by cause, with buttons that requeue them.
 * @import { Problem } from "../core/api.js"
 * @import { Api, Navigate, State } from "../core/types"
 */
import { ActionButton } from "../components/action_button.jsx";
import { Failed, Loading } from "../components/status_screens.jsx";
import { PathText } from "../components/path_text.jsx";
import { Time } from "../components/time.jsx";
import { isAborted, toProblem } from "../core/api.js";
import { bucketName } from "../core/folders.js";
import { formatNumber, oneLine, pluralize } from "../core/format.js";
import { useEffect, useState } from "../core/preact.js";
import { DASHBOARD_URL } from "../core/settings.js";
import { useRequest } from "../hooks/use_request.js";
import { describeCause } from "./labels.js";

const PAGE_SIZE = 20;
// The API stops counting failed jobs at this number.
const MAX_TOTAL = 100_000;

/**
 * @typedef {object} FailedJob
 * @property {string} id
 * @property {string} [bucket]
 * @property {string} [key]
 * @property {string} message
 * @property {string} [queued_at]
 * @property {string} [traceback]
 *
 * @typedef {{exception: string | null, count: number, example: FailedJob}} CauseGroup
 * @typedef {(selection: {exception: string} | {ids: string[]}, name: string) => Promise<void>} Requeue
 */

/**
 * Return the URL of a job in MRQ's dashboard.
 * @param {string} id
 */
export const dashboardLink = (id) => `${DASHBOARD_URL}#jobs?id=${encodeURIComponent(id)}`;

/**
 * @param {object} props
 * @param {State} props.state
 * @param {Navigate} props.navigate
 * @param {Api} props.api
 * @param {string} props.version changes whenever the list of failures may have changed
 */
export function Failures({ state, navigate, api, version }) {
  const [requeueCount, setRequeueCount] = useState(0);
  const [message, setMessage] = useState("");
  const currentVersion = `${version} ${requeueCount}`;
  const request = useRequest(
    (signal) => api.get("/failures", { limit: 1 }, { signal }),
    currentVersion,
  );
  /** @type {Requeue} */
  const requeue = async (selection, name) => {
    const { requeued } = await api.post("/failures/requeue", selection);
    setMessage(`${pluralize(requeued, "photo")} queued for retry: ${name}.`);
    setRequeueCount((last) => last + 1);
  };
  return (
    <section class="failures card" aria-labelledby="failures-title">
      <h2 id="failures-title">Failures</h2>
      <p role="status" class={message ? "confirmation" : "empty"}>
        {message}
      </p>
      {request.error ? (
        <Failed error={request.error} retry={request.reload} />
      ) : !request.data ? (
        <Loading subject="failures" />
      ) : (
        <>
          <p class="muted">{describeTotal(request.data.total)}</p>
          {request.data.groups.map((/** @type {CauseGroup} */ group) => (
            <Cause
              key={group.exception ?? ""}
              group={group}
              state={state}
              navigate={navigate}
              api={api}
              requeue={requeue}
              version={currentVersion}
            />
          ))}
        </>
      )}
    </section>
  );
}

/** @param {number} total */
function describeTotal(total) {
  if (!total) return "No failures.";
  const count = `${pluralize(total, "photo")}${total >= MAX_TOTAL ? " or more" : ""}`;
  return `${count} could not be indexed. Fix the cause, then retry.`;
}

/**
 * @param {object} props
 * @param {CauseGroup} props.group
 * @param {State} props.state
 * @param {Navigate} props.navigate
 * @param {Api} props.api
 * @param {Requeue} props.requeue
 * @param {string} props.version changes whenever the list of failures may have changed
 */
function Cause({ group, state, navigate, api, requeue, version }) {
  const { exception, count, example } = group;
  const { title, hint, canRetry } = describeCause(exception);
  const name = oneLine(title, 150);
  const isOpen = state.viewParams.cause === (exception ?? "-");
  const retryAll = `Retry all (${formatNumber(count)})`;
  return (
    <article class="cause" aria-label={name}>
      <header>
        <h3>{name}</h3>
        <span class="count">{pluralize(count, "photo")}</span>
        {exception && canRetry && (
          <ActionButton act={() => requeue({ exception }, name)} label={`${retryAll}: ${name}`}>
            {retryAll}
          </ActionButton>
        )}
      </header>
      <p>{hint}</p>
      <p class="example">
        <span class="muted">Example:</span>{" "}
        <code>
          <PathText path={pathOf(example)} />
        </code>
        <br />
        <span class="message">{oneLine(example.message, 300)}</span>
      </p>
      <button
        type="button"
        class="quiet"
        aria-expanded={isOpen}
        onClick={() => navigate({ viewParams: { cause: isOpen ? "" : (exception ?? "-") } })}
      >
        {isOpen ? "Hide" : "Show"} {pluralize(count, "file")}
      </button>
      {isOpen && <JobList exception={exception} api={api} requeue={requeue} version={version} />}
    </article>
  );
}

/** @param {FailedJob} job */
const pathOf = ({ bucket, key }) => oneLine(`${bucketName(bucket ?? "?")}/${key ?? "?"}`, 300);

/** @param {{exception: string | null, api: Api, requeue: Requeue, version: string}} props */
function JobList({ exception, api, requeue, version }) {
  const { canRetry } = describeCause(exception);
  const [pages, setPages] = useState(1);
  const [rows, setRows] = useState(
    /** @type {{jobs: FailedJob[], hasMore: boolean} | null} */ (null),
  );
  const [error, setError] = useState(/** @type {Problem | null} */ (null));
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    const load = async () => {
      /** @type {FailedJob[]} */
      const jobs = [];
      /** @type {string | null} */
      let after = null;
      for (let page = 0; page < pages && (page === 0 || after); page++) {
        const params = {
          limit: PAGE_SIZE,
          ...(exception ? { exception } : {}),
          ...(after ? { after } : {}),
        };
        /** @type {{failures: FailedJob[], next: string | null}} */
        const response = await api.get("/failures", params, { signal: controller.signal });
        jobs.push(...response.failures);
        after = response.next;
      }
      setRows({ jobs, hasMore: Boolean(after) });
    };
    load().then(
      () => setError(null),
      (cause) => {
        if (!isAborted(cause)) setError(toProblem(cause));
      },
    );
    return () => controller.abort();
  }, [api, pages, exception, version, attempt]);
  if (error) return <Failed error={error} retry={() => setAttempt((last) => last + 1)} />;
  if (!rows) return <Loading subject="failures" />;
  return (
    <>
      <ul class="failed-jobs" aria-label={`Failed files: ${exception ?? "unknown cause"}`}>
        {rows.jobs.map((job) => (
          <li key={job.id}>
            <p>
              <code>
                <PathText path={pathOf(job)} />
              </code>
            </p>
            <p class="message">{oneLine(job.message, 500)}</p>
            <p class="buttons">
              {canRetry && (
                <ActionButton
                  act={() => requeue({ ids: [job.id] }, pathOf(job))}
                  label={`Retry ${pathOf(job)}`}
                >
                  Retry
                </ActionButton>
              )}
              <a
                href={dashboardLink(job.id)}
                target="_blank"
                rel="noreferrer"
                aria-label={`Open in MRQ: ${pathOf(job)} (new tab)`}
              >
                Open in MRQ
              </a>
              <span class="muted">
                <Time text={job.queued_at} />
              </span>
            </p>
            {job.traceback && (
              <details>
                <summary>Traceback</summary>
                <pre tabindex={0}>{job.traceback}</pre>
              </details>
            )}
          </li>
        ))}
      </ul>
      {rows.hasMore && (
        <button type="button" class="quiet" onClick={() => setPages(pages + 1)}>
          Show more
        </button>
      )}
    </>
  );
}
