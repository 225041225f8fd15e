// The honest screens: what there is to see when there is nothing to see, each with the next step.
import { html, useState } from "./html.js";
import { setToken } from "./api.js";

export function Screen({ title, children, role = "status", kind = "" }) {
  return html`<section class="screen ${kind}" role=${role}>
    <h2>${title}</h2>
    ${children}
  </section>`;
}

export function Loading({ slow, what = "photos" }) {
  return html`<div class="loading" role="status">
    <span class="spinner" aria-hidden="true"></span>
    <p>${slow ? `Still looking for ${what} …` : `Loading ${what} …`}</p>
    ${slow && html`<p class="muted">This takes longer than usual. A filter that narrows it (a date, a camera, a bucket) makes it quick.</p>`}
  </div>`;
}

// What went wrong, in the API's words, and what to do. error: a Problem; retry: a function.
export function Failed({ error, retry }) {
  if (error.status === 401 || error.status === 403 || error.status === 429) {
    return html`<${TokenNeeded} error=${error} retry=${retry} />`;
  }
  const slow = error.status === 503 && /longer/.test(error.message);
  return html`<${Screen} role="alert" kind="failed" title=${slow ? "This takes too long" : error.status === 400 ? "The API cannot take this" : "This did not work"}>
    <p>${error.message}</p>
    ${error.hint && html`<p class="muted">${error.hint}</p>`}
    ${error.status === 0 && html`<p>Start it with <code>./start_workers.sh</code>, then try again.</p>`}
    <p><button type="button" onClick=${retry}>Try again</button></p>
  <//>`;
}

export function TokenNeeded({ error, retry }) {
  const [value, setValue] = useState("");
  const [kept, setKept] = useState(false);
  const submit = (event) => {
    event.preventDefault();
    setToken(value.trim(), { kept });
    retry();
  };
  if (error.status === 403) {
    return html`<${Screen} role="alert" kind="failed" title="This needs a token"><p>${error.message}</p><//>`;
  }
  return html`<${Screen} role="alert" kind="token" title="This explorer needs its token">
    <p>${error.status === 429 || /wrong/.test(error.message) ? error.message : "Whoever runs EXIFinator here has set API_TOKEN in settings.py. Enter it to see the photos."}</p>
    <form onSubmit=${submit}>
      <label>Token <input type="password" autocomplete="current-password" required value=${value} onInput=${(event) => setValue(event.target.value)} /></label>
      <label class="check"><input type="checkbox" checked=${kept} onChange=${(event) => setKept(event.target.checked)} /> Keep it on this device</label>
      <button type="submit" class="primary">Continue</button>
    </form>
  <//>`;
}

export function NothingYet({ href }) {
  return html`<${Screen} title="No photos have been read yet" kind="empty">
    <p>In the folder where EXIFinator lies, read the demo library, a folder or a bucket:</p>
    <pre><code>./run.sh                    # 240 demo photos
./run.sh ~/Pictures         # a folder of this machine
./run.sh my-bucket/2024/    # a bucket, or what lies under a prefix</code></pre>
    <p><a class="button" href=${href}>Start a batch here</a></p>
  <//>`;
}

export function NothingFound({ clear, children }) {
  return html`<${Screen} title="No photo passes these filters" kind="nothing">
    ${children ?? html`<p>Take one away above, or start over.</p>`}
    <p><button type="button" onClick=${clear}>Clear all filters</button></p>
  <//>`;
}
