/**
 * @file A MongoDB filter in JSON. The API's objection is shown where it belongs in the text.
 * @import { Api, Navigate, State } from "../core/types"
 * @import { TextRange } from "./json_paths.js"
 */
import { isAborted, toProblem } from "../core/api.js";
import { useEffect, useLayoutEffect, useRef, useState } from "../core/preact.js";
import { useSyncedInput } from "../hooks/use_synced_input.js";
import { findErrorRange } from "./json_paths.js";

const EXAMPLE = '{"Image Make.printable": "SONY"}';

/** @param {{state: State, navigate: Navigate, api: Api}} props */
export function QueryBox({ state, navigate, api }) {
  const current = state.filters.query ?? "";
  const [text, setText] = useSyncedInput(current);
  const [error, setError] = useState(
    /** @type {{message: string, range: TextRange | null} | null} */ (null),
  );
  const [isBusy, setBusy] = useState(false);
  const box = useRef(/** @type {HTMLTextAreaElement | null} */ (null));

  /** @param {string} query */
  const check = async (query) => {
    if (!query.trim()) return true;
    setBusy(true);
    try {
      await api.get("/photos", { query, limit: 1 });
      setError(null);
      return true;
    } catch (cause) {
      if (isAborted(cause)) return false;
      const problem = toProblem(cause);
      // Here only errors of the query itself; others are shown in place of the photos.
      if (problem.status !== 400) return true;
      setError({ message: problem.message, range: findErrorRange(query, problem) });
      return false;
    } finally {
      setBusy(false);
    }
  };
  useLayoutEffect(() => setError(null), [current]);
  // An address may come with a wrong query.
  useEffect(() => {
    if (current) check(current);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `check` is made on each render
  }, [current]);

  /** @param {Event} [event] */
  const apply = async (event) => {
    event?.preventDefault();
    const query = text.trim();
    setError(null);
    if (await check(query)) navigate({ filters: { query: query || null } });
    else box.current?.focus();
  };
  useEffect(() => {
    if (error?.range) box.current?.setSelectionRange(...error.range);
  }, [error]);

  return (
    <form class="query" onSubmit={apply}>
      <label for="query-text">A MongoDB filter in JSON</label>
      <textarea
        id="query-text"
        ref={box}
        rows={4}
        spellcheck={false}
        autocomplete="off"
        placeholder={EXAMPLE}
        value={text}
        aria-invalid={Boolean(error)}
        aria-describedby={error ? "query-error" : undefined}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) =>
          event.key === "Enter" && (event.ctrlKey || event.metaKey) && apply(event)
        }
      />
      {error && (
        <div id="query-error" class="query-error" role="alert">
          {error.range && <Excerpt text={text} range={error.range} />}
          <p>{error.message.replace(/^query: /, "")}</p>
        </div>
      )}
      <div class="actions">
        <button type="submit" class="primary" disabled={isBusy}>
          Apply
        </button>
        <a href="/docs#/photos/list_photos" target="_blank" rel="noopener">
          What it takes
        </a>
      </div>
    </form>
  );
}

/**
 * The line with the mistake, marked.
 * @param {{text: string, range: TextRange}} props
 */
function Excerpt({ text, range: [start, end] }) {
  const from = Math.max(text.lastIndexOf("\n", start - 1) + 1, start - 30);
  const line = text.slice(from, Math.min(text.length, end + 30)).split("\n")[0];
  const shown = line.slice(0, Math.max(0, end + 30 - from));
  return (
    <pre aria-hidden="true">
      {shown.slice(0, start - from)}
      <mark>{shown.slice(start - from, end - from) || " "}</mark>
      {shown.slice(end - from)}
    </pre>
  );
}
