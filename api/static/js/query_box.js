// A MongoDB filter in JSON, as the API takes it; what the API says against it is shown where it is.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { errorPlace } from "./json_places.js";
import { useTyped } from "./typed.js";

const EXAMPLE = '{"Image Make.printable": "SONY"}';

export function QueryBox({ state, navigate, api }) {
  const given = state.filters.query ?? "";
  const [text, setText] = useTyped(given);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const box = useRef(null);

  const check = async (query) => {
    if (!query.trim()) return true;
    setBusy(true);
    try {
      await api.get("/photos", { query, limit: 1 });
      setError(null);
      return true;
    } catch (problem) {
      if (problem.name === "AbortError") return false;
      // Only what is wrong with the query itself; that it is slow shows where the photos are.
      if (problem.status !== 400) return true;
      setError({ message: problem.message, place: errorPlace(query, problem.message) });
      return false;
    } finally {
      setBusy(false);
    }
  };
  useLayoutEffect(() => setError(null), [given]);
  // An address may come with a query that is wrong.
  useEffect(() => void (given && check(given)), [given]);

  const apply = async (event) => {
    event?.preventDefault();
    const query = text.trim();
    setError(null);
    if (await check(query)) navigate({ filters: { query: query || null } });
    else box.current?.focus();
  };
  useEffect(() => {
    if (error?.place) box.current.setSelectionRange(...error.place);
  }, [error]);

  return html`<form class="query" onSubmit=${apply}>
    <label for="query-text">A MongoDB filter in JSON</label>
    <textarea
      id="query-text"
      ref=${box}
      rows="4"
      spellcheck=${false}
      autocomplete="off"
      placeholder=${EXAMPLE}
      value=${text}
      aria-invalid=${Boolean(error)}
      aria-describedby=${error ? "query-error" : undefined}
      onInput=${(event) => setText(event.target.value)}
      onKeyDown=${(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && apply(event)}
    ></textarea>
    ${error &&
    html`<div id="query-error" class="query-error" role="alert">
      ${error.place && html`<${Excerpt} text=${text} place=${error.place} />`}
      <p>${error.message.replace(/^query: /, "")}</p>
    </div>`}
    <div class="actions">
      <button type="submit" class="primary" disabled=${busy}>Apply</button>
      <a href="/docs#/photos/list_photos" target="_blank" rel="noopener">What it takes</a>
    </div>
  </form>`;
}

// The line with the mistake, marked.
function Excerpt({ text, place: [start, end] }) {
  const from = Math.max(text.lastIndexOf("\n", start - 1) + 1, start - 30);
  const line = text.slice(from, Math.min(text.length, end + 30)).split("\n")[0];
  const shown = line.slice(0, Math.max(0, end + 30 - from));
  return html`<pre aria-hidden="true">${shown.slice(0, start - from)}<mark>${shown.slice(start - from, end - from) || " "}</mark>${shown.slice(end - from)}</pre>`;
}
