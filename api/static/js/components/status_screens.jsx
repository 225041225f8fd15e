/**
 * @file Screens for loading, errors and empty results. Each says what to do next.
 * @import { ComponentChildren } from "preact"
 * @import { Problem } from "../core/api.js"
 */
import { setToken } from "../core/api.js";
import { needsToken, titleOf } from "../core/error_messages.js";
import { useEffect, useState } from "../core/preact.js";
import { isOutage } from "../core/recovery.js";
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
      <p>
        {slow ? "Still loading" : "Loading"} {subject}…
      </p>
      {slow && (
        <p class="muted">
          This is taking longer than usual. Filtering by date, camera or bucket makes it faster.
        </p>
      )}
    </div>
  );
}

/**
 * The loading screen of the gallery and the table. After SLOW_MS it says that loading takes longer than usual.
 * @param {{pages: unknown}} props pages: the photos being loaded; a change restarts the timer
 */
export function LoadingPhotos({ pages }) {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, [pages]);
  return <Loading slow={slow} />;
}

/**
 * A screen with the API's error message and a button to try again, or with a form for the access token.
 * @param {{error: Problem, retry: () => void}} props
 */
export function Failed({ error, retry }) {
  if (needsToken(error)) return <TokenNeeded error={error} retry={retry} />;
  return (
    <Screen role="alert" kind="failed" title={titleOf(error)}>
      <p>{error.message}</p>
      {error.hint && <p class="muted">{error.hint}</p>}
      {error.code === "unreachable" && (
        <p>
          Start it with <code>./start_workers.sh</code>.
        </p>
      )}
      {isOutage(error) && (
        <p class="muted">This page continues as soon as the connection is back.</p>
      )}
      <p>
        {error.code === "page_outdated" ? (
          <button type="button" onClick={() => location.reload()}>
            Reload page
          </button>
        ) : (
          <button type="button" onClick={retry}>
            Try again
          </button>
        )}
      </p>
    </Screen>
  );
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
  return (
    <Screen role="alert" kind="token" title="Access token required">
      <p>
        {["token_wrong", "too_many_attempts"].includes(error.code ?? "")
          ? error.message
          : "This server requires an access token. Enter it to continue."}
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
          Remember on this device
        </label>
        <button type="submit" class="primary">
          Continue
        </button>
      </form>
    </Screen>
  );
}

const START_COMMANDS = [
  "# 240 demo photos",
  "./run.sh",
  "# a folder on this computer",
  "./run.sh ~/Pictures",
  "# a bucket or prefix",
  "./run.sh my-bucket/2024/",
].join("\n");

/** @param {{href: string}} props href: URL of the view that starts jobs */
export function EmptyLibrary({ href }) {
  return (
    <Screen title="Your library is empty" kind="empty">
      <p>Run one of these in the EXIFinator folder:</p>
      <pre>
        <code>{START_COMMANDS}</code>
      </pre>
      <p>
        <a class="button" href={href}>
          Start an indexing job
        </a>
      </p>
    </Screen>
  );
}

/** @param {{href: string}} props */
export function OnlyOtherFiles({ href }) {
  return (
    <Screen title="No photos" kind="empty">
      <p>All files in the library are neither photos nor videos.</p>
      <p>
        <a class="button" href={href}>
          Show other files
        </a>
      </p>
    </Screen>
  );
}

/** @param {{clear: () => void, children?: ComponentChildren}} props */
export function NoMatches({ clear, children }) {
  return (
    <Screen title="No photos match these filters" kind="no-matches">
      {children || <p>Remove a filter above, or clear them all.</p>}
      <ClearFilters clear={clear} />
    </Screen>
  );
}

/** @param {{clear: () => void}} props */
export function ClearFilters({ clear }) {
  return (
    <p>
      <button type="button" onClick={clear}>
        Clear all filters
      </button>
    </p>
  );
}
