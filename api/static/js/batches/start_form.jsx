/**
 * @file Form that starts a batch.
 * @import { Api, Batch, FacetRow, SourcePatterns } from "../core/types"
 * @import { Problem } from "../core/api.js"
 */
import { toProblem } from "../core/api.js";
import { oneLine } from "../core/format.js";
import { useRef, useState } from "../core/preact.js";
import { explainRefusal } from "../core/error_messages.js";
import { useRefetchPartial } from "../hooks/use_refetch_partial.js";
import { useRequest } from "../hooks/use_request.js";

/**
 * Return the source for the texts of both fields. Keep the slash at the end of a prefix, because the prefix 2019 would
 * also match 2019_raw/.
 * @param {string} bucket a bucket, or a bucket with a prefix, also as s3://bucket/prefix/
 * @param {string} prefix
 */
export function joinSource(bucket, prefix) {
  const place = bucket
    .trim()
    .replace(/^s3:\/\//, "")
    .replace(/^([^/]+)\/+$/, "$1");
  return prefix ? `${place.replace(/\/+$/, "")}/${prefix}` : place;
}

/**
 * Return the patterns in a text with one pattern per line. Spaces are part of a pattern, except around it.
 * @param {string} text
 */
export const readPatterns = (text) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

/**
 * @typedef {(source: string, patterns?: SourcePatterns) => Promise<Batch>} Start
 * @typedef {"source" | "include" | "exclude"} FieldName
 */

/** @param {{start: Start, api: Api}} props */
export function StartForm({ start, api }) {
  const [bucket, setBucket] = useState("");
  const [prefix, setPrefix] = useState("");
  const [include, setInclude] = useState("");
  const [exclude, setExclude] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {Problem | null} */ (null));
  const [message, setMessage] = useState("");
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  // The API names the field that it refuses. Any other problem is shown at the bucket.
  const wrongField = wrongFieldOf(error);
  const buckets = useRequest(
    (signal) => api.get("/facets", { fields: "bucket" }, { signal }),
    "buckets",
  );
  useRefetchPartial(buckets, "buckets");
  /** @type {FacetRow[]} */
  const rows = buckets.data?.facets.bucket ?? [];
  const names = rows.map(({ value }) => value).filter(Boolean);
  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    setMessage("");
    const source = joinSource(bucket, prefix);
    try {
      const patterns = { source, include: readPatterns(include), exclude: readPatterns(exclude) };
      const { sources } = await start(source, patterns);
      setMessage(`Started: ${sources.map((name) => oneLine(name, 200)).join(", ")}.`);
      setPrefix("");
    } catch (cause) {
      const problem = toProblem(cause);
      setError(problem);
      /** @type {HTMLElement | null | undefined} */
      const field = form.current?.querySelector(`[name="${wrongFieldOf(problem)}"]`);
      field?.closest("details")?.setAttribute("open", "");
      field?.focus();
    }
    setBusy(false);
  };
  /** @type {(set: (text: string) => void) => (event: {currentTarget: {value: string}}) => void} */
  const onInput = (set) => (event) => {
    set(event.currentTarget.value);
    setError(null);
  };
  const invalidAttributes = /** @type {const} */ ({
    "aria-invalid": "true",
    "aria-describedby": "start-error",
  });
  /** @param {FieldName} name */
  const validity = (name) => (name === wrongField ? invalidAttributes : {});
  /**
   * @param {string} title
   * @param {FieldName} name
   * @param {string} text
   * @param {(text: string) => void} set
   * @param {string} example
   */
  const renderPatterns = (title, name, text, set, example) => (
    <label>
      {title}
      <textarea
        name={name}
        rows={3}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        value={text}
        onInput={onInput(set)}
        {...validity(name)}
        placeholder={example}
      />
    </label>
  );
  return (
    <section class="start card" aria-labelledby="start-title">
      <h2 id="start-title">Index a bucket</h2>
      <p class="muted">Unchanged photos are skipped.</p>
      <form ref={form} onSubmit={submit}>
        <label>
          Bucket{" "}
          <input
            name="source"
            required
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            list="known-buckets"
            value={bucket}
            onInput={onInput(setBucket)}
            {...validity("source")}
            placeholder="my-bucket"
          />
        </label>
        <label>
          Prefix <span class="muted">(optional)</span>{" "}
          <input
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            value={prefix}
            onInput={onInput(setPrefix)}
            placeholder="2024/"
          />
        </label>
        <datalist id="known-buckets">
          {names.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <button type="submit" class="primary" disabled={isBusy}>
          {isBusy ? "Starting…" : "Start"}
        </button>
        <details>
          <summary>Patterns</summary>
          <p class="muted">
            One pattern per line. Files that match a pattern under Exclude are skipped, even if they
            match one under Include.
          </p>
          <div class="patterns">
            {renderPatterns("Include only", "include", include, setInclude, "*.heic")}
            {renderPatterns("Exclude", "exclude", exclude, setExclude, "drafts/")}
          </div>
        </details>
      </form>
      {error && (
        <p id="start-error" class="field-error" role="alert">
          {explainRefusal(error)}
        </p>
      )}
      <p role="status" class={message ? "confirmation" : "empty"}>
        {message}
      </p>
    </section>
  );
}

/**
 * Return the name of the field to which a problem refers.
 * @param {Problem | null} error
 * @returns {FieldName | null}
 */
function wrongFieldOf(error) {
  if (!error) return null;
  const name = error.parameter;
  return name === "include" || name === "exclude" ? name : "source";
}
