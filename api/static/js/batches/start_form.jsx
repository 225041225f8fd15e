/**
 * @file Form that starts a batch.
 * @import { Api, Batch, FacetRow } from "../core/types"
 * @import { Problem } from "../core/api.js"
 */
import { toProblem } from "../core/api.js";
import { oneLine } from "../core/format.js";
import { useRef, useState } from "../core/preact.js";
import { explainRefusal } from "../core/error_messages.js";
import { useRequest } from "../hooks/use_request.js";

/** @param {{start: (source: string) => Promise<Batch>, api: Api}} props */
export function StartForm({ start, api }) {
  const [bucket, setBucket] = useState("");
  const [prefix, setPrefix] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {Problem | null} */ (null));
  const [message, setMessage] = useState("");
  const bucketInput = useRef(/** @type {HTMLInputElement | null} */ (null));
  const buckets = useRequest(
    (signal) => api.get("/facets", { fields: "bucket" }, { signal }),
    "buckets",
  );
  /** @type {FacetRow[]} */
  const rows = buckets.data?.facets.bucket ?? [];
  const names = rows.map(({ value }) => value).filter(Boolean);
  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    setMessage("");
    const bucketName = bucket
      .trim()
      .replace(/^s3:\/\//, "")
      .replace(/\/+$/, "");
    const source = prefix ? `${bucketName}/${prefix}` : bucketName;
    try {
      const { sources } = await start(source);
      setMessage(`Started: ${sources.map((name) => oneLine(name, 200)).join(", ")}.`);
      setPrefix("");
    } catch (cause) {
      setError(toProblem(cause));
      bucketInput.current?.focus();
    }
    setBusy(false);
  };
  /** @type {(set: (text: string) => void) => (event: {currentTarget: HTMLInputElement}) => void} */
  const onInput = (set) => (event) => {
    set(event.currentTarget.value);
    setError(null);
  };
  const invalidAttributes = /** @type {const} */ ({
    "aria-invalid": "true",
    "aria-describedby": "start-error",
  });
  return (
    <section class="start card" aria-labelledby="start-title">
      <h2 id="start-title">Index a bucket</h2>
      <p class="muted">Unchanged photos are skipped.</p>
      <form onSubmit={submit}>
        <label>
          Bucket{" "}
          <input
            ref={bucketInput}
            required
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            list="known-buckets"
            value={bucket}
            onInput={onInput(setBucket)}
            {...(error ? invalidAttributes : {})}
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
