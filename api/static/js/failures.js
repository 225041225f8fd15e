// What could not be read, by cause, and queueing it again.
import { html, useEffect, useState } from "./html.js";
import { moment, number, oneLine, plural } from "./format.js";
import { useLoad } from "./load.js";
import { Failed, Loading } from "./screens.js";
import { settings } from "./settings.js";
import { explainCause } from "./batches_words.js";

const PAGE = 20;

// MRQ's dashboard finds a job by its id in the fragment.
export const dashboardLink = (id) => `${location.protocol}//${location.hostname}:${settings.dashboard_port}/#jobs?id=${encodeURIComponent(id)}`;

// stamp: changes whenever failures may have come or gone.
export function Failures({ state, navigate, api, stamp }) {
  const [round, setRound] = useState(0);
  const [told, setTold] = useState("");
  const found = useLoad((signal) => api.get("/failures", { limit: 1 }, { signal }), `${stamp} ${round}`);
  const requeue = async (what, name) => {
    const { requeued } = await api.post("/failures/requeue", what);
    setTold(`${plural(requeued, "image")} queued again${name ? `: ${name}` : ""}. The workers take them up by themselves.`);
    setRound((at) => at + 1);
  };
  return html`<section class="failures card" aria-labelledby="failures-title">
    <h2 id="failures-title">Failures</h2>
    <p role="status" class=${told ? "told" : "nothing"}>${told}</p>
    ${found.error ? html`<${Failed} error=${found.error} retry=${found.reload} />` : !found.data ? html`<${Loading} what="failures" slow=${found.slow} />` : html`
      <p class="muted">${found.data.total
        ? `${plural(found.data.total, "image")}${found.data.total >= 100_000 ? " or more" : ""} could not be read. Mend the cause, then queue them again.`
        : "None: every image that was listed has its record."}</p>
      ${found.data.groups.map(
        (group) => html`<${Cause} key=${group.exception ?? ""} group=${group} state=${state} navigate=${navigate} api=${api} requeue=${requeue} round=${`${stamp} ${round}`} />`,
      )}`}
  </section>`;
}

// A button that asks for a promise: busy meanwhile, with what went wrong beside it.
export function Action({ act, children, label, kind = "" }) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const run = async () => {
    setBusy(true);
    setError(null);
    try {
      await act();
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return html`<span class="action"><button type="button" class=${kind} disabled=${isBusy} aria-label=${label} onClick=${run}>${children}</button>
    ${error && html`<span class="field-error" role="alert">${explainRefusal(error)}</span>`}</span>`;
}

export function explainRefusal(error) {
  if (error.status !== 403 || settings.has_token) {
    const about = `${error.parameter}: `;
    return sentence(error.message.startsWith(about) ? error.message.slice(about.length) : error.message);
  }
  return "This changes something, so it needs a token: set API_TOKEN in settings.py, start the API again, and enter the token here.";
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}`;

function Cause({ group, state, navigate, api, requeue, round }) {
  const { exception, count, example } = group;
  const name = oneLine(exception ?? "No exception", 100);
  const isOpen = state.extra.cause === (exception ?? "-");
  return html`<article class="cause" aria-label=${name}>
    <header>
      <h3>${name}</h3><span class="count">${plural(count, "image")}</span>
      ${exception && html`<${Action} act=${() => requeue({ exception }, name)} label=${`Requeue all: ${name}`}>Requeue all ${number(count)}<//>`}
    </header>
    <p>${explainCause(exception)}</p>
    <p class="example"><span class="muted">For example</span> <code>${sourceOf(example)}</code><br /><span class="message">${oneLine(example.message, 300)}</span></p>
    <button type="button" class="quiet" aria-expanded=${isOpen} onClick=${() => navigate({ extra: { cause: isOpen ? "" : (exception ?? "-") } })}>${isOpen ? "Hide them" : "Show them"}</button>
    ${isOpen && html`<${List} exception=${exception} api=${api} requeue=${requeue} round=${round} />`}
  </article>`;
}

const sourceOf = ({ bucket, key }) => oneLine(`${bucket ?? "?"}/${key ?? "?"}`, 300);

function List({ exception, api, requeue, round }) {
  const [pages, setPages] = useState(1);
  const [rows, setRows] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    const control = new AbortController();
    const load = async () => {
      const found = [];
      let after = null;
      for (let page = 0; page < pages && (page === 0 || after); page++) {
        const params = { limit: PAGE, ...(exception ? { exception } : {}), ...(after ? { after } : {}) };
        const answer = await api.get("/failures", params, { signal: control.signal });
        found.push(...answer.failures);
        after = answer.next;
      }
      setRows({ found, isMore: Boolean(after) });
    };
    load().then(() => setError(null), (problem) => problem.name !== "AbortError" && setError(problem));
    return () => control.abort();
  }, [pages, exception, round]);
  if (error) return html`<${Failed} error=${error} retry=${() => setPages(1)} />`;
  if (!rows) return html`<${Loading} what="failures" />`;
  return html`<ul class="failed-jobs" aria-label=${`Images that failed: ${exception ?? "no exception"}`}>
      ${rows.found.map(
        (job) => html`<li key=${job.id}>
          <p><code>${sourceOf(job)}</code></p>
          <p class="message">${oneLine(job.message, 500)}</p>
          <p class="ways">
            <${Action} act=${() => requeue({ ids: [job.id] }, sourceOf(job))} label=${`Requeue ${sourceOf(job)}`}>Requeue<//>
            <a href=${dashboardLink(job.id)} target="_blank" rel="noreferrer" aria-label=${`${sourceOf(job)} on the MRQ dashboard (new tab)`}>On the dashboard</a>
            <span class="muted">${moment(job.queued_at)}</span>
          </p>
          ${job.traceback && html`<details><summary>Traceback</summary><pre tabindex="0">${job.traceback}</pre></details>`}
        </li>`,
      )}
    </ul>
    ${rows.isMore && html`<button type="button" class="quiet" onClick=${() => setPages(pages + 1)}>Show more</button>`}`;
}
