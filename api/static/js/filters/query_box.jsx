/**
 * @file Editor for a MongoDB filter in JSON. If the API rejects the filter, the editor marks the invalid part of the
 * text.
 * @import { Api, Navigate, State } from "../core/types"
 * @import { TextRange } from "./json_paths.js"
 */
import { isAborted, toProblem } from "../core/api.js";
import { toSentence } from "../core/error_messages.js";
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

  /**
   * Ask the API whether the query is valid. If it is not, show the error and return false.
   * @param {string} query
   */
  const validate = async (query) => {
    if (!query.trim()) return true;
    setBusy(true);
    try {
      await api.get("/photos", { query, limit: 1 });
      setError(null);
      return true;
    } catch (cause) {
      if (isAborted(cause)) return false;
      const problem = toProblem(cause);
      // Other errors are not about the query, and the view shows them.
      if (problem.status !== 400) return true;
      setError({ message: problem.message, range: findErrorRange(query, problem) });
      return false;
    } finally {
      setBusy(false);
    }
  };
  useLayoutEffect(() => setError(null), [current]);
  // Validate queries that come from the URL instead of the editor.
  useEffect(() => {
    if (current) validate(current);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `validate` is a new function at each render
  }, [current]);

  /** @param {Event} [event] */
  const apply = async (event) => {
    event?.preventDefault();
    const query = text.trim();
    setError(null);
    if (await validate(query)) navigate({ filters: { query: query || null } });
    else box.current?.focus();
  };
  useEffect(() => {
    if (error?.range) box.current?.setSelectionRange(...error.range);
  }, [error]);

  return (
    <form class="query" onSubmit={apply}>
      <label for="query-text">MongoDB filter (JSON)</label>
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
          <p>{toSentence(error.message.replace(/^query: /, ""))}</p>
        </div>
      )}
      <div class="actions">
        <button type="submit" class="primary" disabled={isBusy}>
          Apply
        </button>
        <a href="/docs#/photos/list_photos" target="_blank" rel="noopener">
          Query syntax
        </a>
      </div>
    </form>
  );
}

/**
 * The line of the query that contains the error, with the error marked.
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
