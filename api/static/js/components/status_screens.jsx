/**
 * @file Screens for loading, errors, and empty results, each with the next step.
 * @import { ComponentChildren } from "preact"
 * @import { Problem } from "../core/api.js"
 */
import { setToken } from "../core/api.js";
import { useEffect, useState } from "../core/preact.js";
import { SLOW_MS } from "../hooks/use_request.js";

/** @param {{title: string, children: ComponentChildren, role?: "status" | "alert", kind?: string}} props */
export function Screen({ title, children, role = "status", kind = "" }) {
  return (
    <section class={`screen ${kind}`} role={role}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** @param {{slow?: boolean, subject?: string}} props */
export function Loading({ slow, subject = "photos" }) {
  return (
    <div class="loading" role="status">
      <span class="spinner" aria-hidden="true" />
      <p>{slow ? `Still looking for ${subject} …` : `Loading ${subject} …`}</p>
      {slow && (
        <p class="muted">
          This takes longer than usual. A filter that narrows it (a date, a camera, a bucket) makes
          it quick.
        </p>
      )}
    </div>
  );
}

/**
 * The loading screen of a result of photos.
 * @param {{pages: unknown}} props pages: the result
 */
export function Waiting({ pages }) {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, [pages]);
  return <Loading slow={slow} />;
}

/**
 * An error in the API's words, and what to do.
 * @param {{error: Problem, retry: () => void}} props
 */
export function Failed({ error, retry }) {
  if (error.status === 401 || error.status === 403 || error.status === 429) {
    return <TokenNeeded error={error} retry={retry} />;
  }
  return (
    <Screen role="alert" kind="failed" title={titleOf(error)}>
      <p>{error.message}</p>
      {error.hint && <p class="muted">{error.hint}</p>}
      {error.status === 0 && (
        <p>
          Start it with <code>./start_workers.sh</code>, then try again.
        </p>
      )}
      <p>
        <button type="button" onClick={retry}>
          Try again
        </button>
      </p>
    </Screen>
  );
}

/** @param {Problem} error */
function titleOf(error) {
  if (error.code === "query_timeout") return "This takes too long";
  return error.status === 400 ? "The API cannot take this" : "This did not work";
}

/** @param {{error: Problem, retry: () => void}} props */
export function TokenNeeded({ error, retry }) {
  const [value, setValue] = useState("");
  const [isPersistent, setPersistent] = useState(false);
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    setToken(value.trim(), { persistent: isPersistent });
    retry();
  };
  if (error.status === 403) {
    return (
      <Screen role="alert" kind="failed" title="This needs a token">
        <p>{error.message}</p>
      </Screen>
    );
  }
  return (
    <Screen role="alert" kind="token" title="This explorer needs its token">
      <p>
        {["token_wrong", "too_many_attempts"].includes(error.code ?? "")
          ? error.message
          : "Whoever runs EXIFinator here has set API_TOKEN in settings.py. Enter it to see the photos."}
      </p>
      <form onSubmit={submit}>
        <label>
          Token{" "}
          <input
            type="password"
            autocomplete="current-password"
            required
            value={value}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={isPersistent}
            onChange={(event) => setPersistent(event.currentTarget.checked)}
          />{" "}
          Keep it on this device
        </label>
        <button type="submit" class="primary">
          Continue
        </button>
      </form>
    </Screen>
  );
}

const DEMO_COMMANDS = [
  "./run.sh                    # 240 demo photos",
  "./run.sh ~/Pictures         # a folder of this machine",
  "./run.sh my-bucket/2024/    # a bucket, or what lies under a prefix",
].join("\n");

/** @param {{href: string}} props href: where a batch is started */
export function NothingYet({ href }) {
  return (
    <Screen title="No photos have been read yet" kind="empty">
      <p>In the folder where EXIFinator lies, read the demo library, a folder or a bucket:</p>
      <pre>
        <code>{DEMO_COMMANDS}</code>
      </pre>
      <p>
        <a class="button" href={href}>
          Start a batch here
        </a>
      </p>
    </Screen>
  );
}

/** @param {{clear: () => void, children?: ComponentChildren}} props */
export function NothingFound({ clear, children }) {
  return (
    <Screen title="No photo passes these filters" kind="nothing">
      {children ?? <p>Take one away above, or start over.</p>}
      <p>
        <button type="button" onClick={clear}>
          Clear all filters
        </button>
      </p>
    </Screen>
  );
}
