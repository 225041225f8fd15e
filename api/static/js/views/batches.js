// Batches: start one, watch what is under way, what was, and what failed.
import { html, useEffect, useRef, useState } from "../html.js";
import { bytes, decimal, duration, moment, number, oneLine, plural } from "../format.js";
import { useLoad } from "../load.js";
import { Failed, Loading } from "../screens.js";
import { href } from "../state.js";
import { RateChart } from "../chart.js";
import { UNDER_WAY, useBatches } from "../batch_feed.js";
import { NUMBERS, STATES, progressOf, splitSource } from "../batches_words.js";
import { Action, Failures, explainRefusal } from "../failures.js";

export default function Batches({ state, navigate, api }) {
  const feed = useBatches(api);
  if (feed.error) return html`<${Failed} error=${feed.error} retry=${feed.reload} />`;
  if (!feed.batches) return html`<${Loading} what="batches" />`;
  const running = feed.batches.filter((batch) => UNDER_WAY.has(batch.state));
  const past = feed.batches.filter((batch) => !UNDER_WAY.has(batch.state));
  const start = async (source) => {
    const batch = await api.post("/batches", { source });
    feed.take([batch]);
    return batch;
  };
  // How many have failed, and which batches have ended: then there may be other failures than a moment ago.
  const stamp = feed.batches.map(({ id, state: at, numbers }) => `${id} ${UNDER_WAY.has(at)} ${numbers.failed}`).join();
  return html`<div class="batches">
    <${Start} start=${start} api=${api} />
    <section class="running" aria-labelledby="running-title">
      <h2 id="running-title">Under way${feed.isLive ? "" : html` <span class="muted offline" role="status">not live: trying to reach the API again …</span>`}</h2>
      ${running.length ? null : html`<p class="muted">Nothing is being read.</p>`}
      ${running.map((batch) => html`<${Running} key=${batch.id} batch=${batch} samples=${feed.rates.get(batch.id) ?? []} api=${api} take=${feed.take} />`)}
    </section>
    <${Past} batches=${past} next=${feed.next} more=${feed.more} state=${state} navigate=${navigate} start=${start} />
    <${Failures} state=${state} navigate=${navigate} api=${api} stamp=${stamp} />
  </div>`;
}

function Start({ start, api }) {
  const [bucket, setBucket] = useState("");
  const [prefix, setPrefix] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const [told, setTold] = useState("");
  const field = useRef(null);
  const known = useLoad((signal) => api.get("/facets", { fields: "bucket" }, { signal }), "buckets");
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    setTold("");
    const source = `${bucket.trim().replace(/^s3:\/\//, "").replace(/\/+$/, "")}${prefix ? `/${prefix}` : ""}`;
    try {
      const { sources } = await start(source);
      setTold(`Started: ${sources.map((one) => oneLine(one, 200)).join(", ")}.`);
      setPrefix("");
    } catch (problem) {
      setError(problem);
      field.current.focus();
    }
    setBusy(false);
  };
  const edit = (set) => (event) => {
    set(event.target.value);
    setError(null);
  };
  const refusal = error && { "aria-invalid": "true", "aria-describedby": "start-error" };
  return html`<section class="start card" aria-labelledby="start-title">
    <h2 id="start-title">Read a bucket</h2>
    <p class="muted">What is stored already and has not changed is skipped.</p>
    <form onSubmit=${submit}>
      <label>Bucket <input ref=${field} required autocomplete="off" autocapitalize="none" spellcheck=${false} list="known-buckets" value=${bucket} onInput=${edit(setBucket)} ...${refusal} placeholder="my-bucket" /></label>
      <label>Prefix <span class="muted">(optional)</span> <input autocomplete="off" autocapitalize="none" spellcheck=${false} value=${prefix} onInput=${edit(setPrefix)} placeholder="2024/" /></label>
      <datalist id="known-buckets">${(known.data?.facets.bucket ?? []).filter(({ value }) => value).map(({ value }) => html`<option key=${value} value=${value} />`)}</datalist>
      <button type="submit" class="primary" disabled=${isBusy}>${isBusy ? "Asking S3 …" : "Start"}</button>
    </form>
    ${error && html`<p id="start-error" class="field-error" role="alert">${explainRefusal(error)}</p>`}
    <p role="status" class=${told ? "told" : "nothing"}>${told}</p>
  </section>`;
}

function StateWord({ state }) {
  return html`<span class="state ${state}">${STATES[state]?.[0] ?? state}</span>`;
}

const Sources = ({ sources }) => html`<span class="sources">${sources.map((source) => html`<code key=${source}>${oneLine(source, 200)}</code>`)}</span>`;

function Running({ batch, samples, api, take }) {
  const [isAsking, setAsking] = useState(false);
  const { numbers, rate, seconds_left: left } = batch;
  const { ended, wanted, part } = progressOf(batch);
  const percent = part === null ? null : Math.min(100, Math.floor(part * 100));
  const speed = rate === null ? "–" : `${number(Math.round(rate))} images/s`;
  return html`<article class="batch card" aria-label=${`Batch of ${batch.sources.join(", ")}`}>
    <header><${StateWord} state=${batch.state} /> <${Sources} sources=${batch.sources} /><span class="muted since">since ${moment(batch.started_at)}</span></header>
    <p class="muted">${STATES[batch.state]?.[1]}</p>
    ${batch.problem && html`<p class="field-error" role="alert">${oneLine(batch.problem, 500)}</p>`}
    <div class="progress-line">
      <progress max="100" value=${percent ?? undefined} aria-label="Progress"></progress>
      <span>${percent === null ? `${number(numbers.listed)} listed so far, ${number(ended)} read` : `${number(ended)} of ${number(wanted)}, ${percent} %`}</span>
    </div>
    <div class="pace">
      <dl>
        <div><dt>Rate</dt><dd>${speed}</dd></div>
        <div><dt>Time left</dt><dd>${left === null ? "not known yet" : `about ${duration(left)}`}</dd></div>
        <div><dt>Running for</dt><dd>${duration(numbers.seconds)}</dd></div>
        <div><dt>Read</dt><dd>${bytes(numbers.bytes_read)} in ${plural(numbers.requests, "request")}</dd></div>
      </dl>
      <${RateChart} samples=${samples} label=${`Images a second; now ${rate === null ? "not known" : decimal(rate, 1)}`} />
    </div>
    <${Numbers} numbers=${numbers} />
    ${batch.state !== "cancelling" && html`<p class="ways">${isAsking
      ? html`<span>Read no more of it? What is read stays.</span>
        <${Action} kind="danger" act=${async () => take([await api.delete(`/batches/${encodeURIComponent(batch.id)}`)])}>Yes, cancel<//>
        <button type="button" onClick=${() => setAsking(false)}>Go on reading</button>`
      : html`<button type="button" onClick=${() => setAsking(true)}>Cancel …</button>`}</p>`}
  </article>`;
}

function Numbers({ numbers }) {
  return html`<dl class="numbers">${NUMBERS.map(
    ([name, title, meaning]) => html`<div key=${name} class=${name === "failed" && numbers.failed ? "bad" : ""} title=${meaning}><dt>${title}</dt><dd>${number(numbers[name])}</dd></div>`,
  )}</dl>`;
}

function Past({ batches, next, more, state, navigate, start }) {
  return html`<section class="past card" aria-labelledby="past-title">
    <h2 id="past-title">Earlier</h2>
    ${batches.length ? html`<div class="table-scroll" tabindex="0" role="region" aria-label="Batches that have ended">
      <table role="table">
        <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Started</th><th role="columnheader" scope="col">Of</th><th role="columnheader" scope="col">State</th><th role="columnheader" scope="col" class="number">Listed</th><th role="columnheader" scope="col" class="number">Read</th><th role="columnheader" scope="col" class="number">Failed</th><th role="columnheader" scope="col" class="number">Took</th><th role="columnheader" scope="col"><span class="hidden">What to do</span></th></tr></thead>
        <tbody role="rowgroup">${batches.map((batch) => html`<${PastRow} key=${batch.id} batch=${batch} state=${state} navigate=${navigate} start=${start} />`)}</tbody>
      </table>
    </div>` : html`<p class="muted">None yet. Start one above, or in a terminal with <code>./run.sh</code>.</p>`}
    ${next && html`<${Action} kind="quiet" act=${more}>Show older ones<//>`}
  </section>`;
}

function PastRow({ batch, state, navigate, start }) {
  const { id, numbers, sources } = batch;
  const isOpen = state.extra.batch === id;
  const [bucket, prefix] = splitSource(sources[0] ?? "");
  const photos = href(state, { view: "gallery", only: true, filters: { bucket, prefix }, extra: { batch: "", cause: "" } });
  return html`<tr role="row">
      <td role="cell">${moment(batch.started_at)}</td>
      <td role="cell"><${Sources} sources=${sources} /></td>
      <td role="cell"><${StateWord} state=${batch.state} /></td>
      <td role="cell" class="number">${number(numbers.listed)}</td>
      <td role="cell" class="number">${number(progressOf(batch).ended)}</td>
      <td role="cell" class="number ${numbers.failed ? "bad" : ""}">${number(numbers.failed)}</td>
      <td role="cell" class="number">${duration(numbers.seconds)}</td>
      <td role="cell">
        <button type="button" class="quiet" aria-expanded=${isOpen} aria-label=${`Details of ${sources.join(", ")}, ${moment(batch.started_at)}`} onClick=${() => navigate({ extra: { batch: isOpen ? "" : id } })}>Details</button>
      </td>
    </tr>
    ${isOpen && html`<tr class="details" role="row"><td role="cell" colspan="8">
      <p>${STATES[batch.state]?.[1]}</p>
      ${batch.problem && html`<p class="field-error">${oneLine(batch.problem, 500)}</p>`}
      <${Numbers} numbers=${numbers} />
      <p class="muted">${bytes(numbers.bytes_read)} in ${plural(numbers.requests, "request")}. Id ${id}.</p>
      ${sources.length === 1 && html`<p class="ways"><a href=${photos}>Its photos</a> <${Action} act=${() => start(sources[0])}>Start again<//></p>`}
    </td></tr>`}`;
}
