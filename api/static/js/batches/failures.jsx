/**
 * @file Images that failed, by cause, and requeueing them.
 * @import { Problem } from "../core/api.js"
 * @import { Api, Navigate, State } from "../core/types"
 */
import { ActionButton } from "../components/action_button.jsx";
import { Failed, Loading } from "../components/status_screens.jsx";
import { isAborted, toProblem } from "../core/api.js";
import { moment, number, oneLine, plural } from "../core/format.js";
import { useEffect, useState } from "../core/preact.js";
import { settings } from "../core/settings.js";
import { useRequest } from "../hooks/use_request.js";
import { explainCause } from "./labels.js";

const PAGE_SIZE = 20;
// The API counts no further.
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
 * Return the address of a job on MRQ's dashboard.
 * @param {string} id
 */
export const dashboardLink = (id) =>
  `${location.protocol}//${location.hostname}:${settings.dashboard_port}/#jobs?id=${encodeURIComponent(id)}`;

/**
 * @param {object} props
 * @param {State} props.state
 * @param {Navigate} props.navigate
 * @param {Api} props.api
 * @param {string} props.stamp changes when there may be other failures
 */
export function Failures({ state, navigate, api, stamp }) {
  const [round, setRound] = useState(0);
  const [message, setMessage] = useState("");
  const request = useRequest(
    (signal) => api.get("/failures", { limit: 1 }, { signal }),
    `${stamp} ${round}`,
  );
  /** @type {Requeue} */
  const requeue = async (selection, name) => {
    const { requeued } = await api.post("/failures/requeue", selection);
    setMessage(
      `${plural(requeued, "image")} queued again${name ? `: ${name}` : ""}. The workers take them up by themselves.`,
    );
    setRound((at) => at + 1);
  };
  return (
    <section class="failures card" aria-labelledby="failures-title">
      <h2 id="failures-title">Failures</h2>
      <p role="status" class={message ? "told" : "nothing"}>
        {message}
      </p>
      {request.error ? (
        <Failed error={request.error} retry={request.reload} />
      ) : !request.data ? (
        <Loading subject="failures" slow={request.slow} />
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
              round={`${stamp} ${round}`}
            />
          ))}
        </>
      )}
    </section>
  );
}

/** @param {number} total */
function describeTotal(total) {
  if (!total) return "None: every image that was listed has its record.";
  const count = `${plural(total, "image")}${total >= MAX_TOTAL ? " or more" : ""}`;
  return `${count} could not be read. Mend the cause, then queue them again.`;
}

/**
 * @param {object} props
 * @param {CauseGroup} props.group
 * @param {State} props.state
 * @param {Navigate} props.navigate
 * @param {Api} props.api
 * @param {Requeue} props.requeue
 * @param {string} props.round changes when there may be other failures
 */
function Cause({ group, state, navigate, api, requeue, round }) {
  const { exception, count, example } = group;
  const name = oneLine(exception ?? "No exception", 100);
  const isOpen = state.extra.cause === (exception ?? "-");
  return (
    <article class="cause" aria-label={name}>
      <header>
        <h3>{name}</h3>
        <span class="count">{plural(count, "image")}</span>
        {exception && (
          <ActionButton act={() => requeue({ exception }, name)} label={`Requeue all: ${name}`}>
            Requeue all {number(count)}
          </ActionButton>
        )}
      </header>
      <p>{explainCause(exception)}</p>
      <p class="example">
        <span class="muted">For example</span> <code>{sourceOf(example)}</code>
        <br />
        <span class="message">{oneLine(example.message, 300)}</span>
      </p>
      <button
        type="button"
        class="quiet"
        aria-expanded={isOpen}
        onClick={() => navigate({ extra: { cause: isOpen ? "" : (exception ?? "-") } })}
      >
        {isOpen ? "Hide them" : "Show them"}
      </button>
      {isOpen && <List exception={exception} api={api} requeue={requeue} round={round} />}
    </article>
  );
}

/** @param {FailedJob} job */
const sourceOf = ({ bucket, key }) => oneLine(`${bucket ?? "?"}/${key ?? "?"}`, 300);

/** @param {{exception: string | null, api: Api, requeue: Requeue, round: string}} props */
function List({ exception, api, requeue, round }) {
  const [pages, setPages] = useState(1);
  const [rows, setRows] = useState(
    /** @type {{jobs: FailedJob[], isMore: boolean} | null} */ (null),
  );
  const [error, setError] = useState(/** @type {Problem | null} */ (null));
  useEffect(() => {
    const control = new AbortController();
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
        const answer = await api.get("/failures", params, { signal: control.signal });
        jobs.push(...answer.failures);
        after = answer.next;
      }
      setRows({ jobs, isMore: Boolean(after) });
    };
    load().then(
      () => setError(null),
      (cause) => {
        if (!isAborted(cause)) setError(toProblem(cause));
      },
    );
    return () => control.abort();
  }, [api, pages, exception, round]);
  if (error) return <Failed error={error} retry={() => setPages(1)} />;
  if (!rows) return <Loading subject="failures" />;
  return (
    <>
      <ul class="failed-jobs" aria-label={`Images that failed: ${exception ?? "no exception"}`}>
        {rows.jobs.map((job) => (
          <li key={job.id}>
            <p>
              <code>{sourceOf(job)}</code>
            </p>
            <p class="message">{oneLine(job.message, 500)}</p>
            <p class="ways">
              <ActionButton
                act={() => requeue({ ids: [job.id] }, sourceOf(job))}
                label={`Requeue ${sourceOf(job)}`}
              >
                Requeue
              </ActionButton>
              <a
                href={dashboardLink(job.id)}
                target="_blank"
                rel="noreferrer"
                aria-label={`${sourceOf(job)} on the MRQ dashboard (new tab)`}
              >
                On the dashboard
              </a>
              <span class="muted">{moment(job.queued_at)}</span>
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
      {rows.isMore && (
        <button type="button" class="quiet" onClick={() => setPages(pages + 1)}>
          Show more
        </button>
      )}
    </>
  );
}
