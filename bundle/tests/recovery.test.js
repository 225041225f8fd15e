import "./page.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { explainRefusal, needsToken, titleOf } from "../../api/static/js/core/error_messages.js";
import { isOutage, Recovery, scheduleRetry } from "../../api/static/js/core/recovery.js";
import { newCount } from "../../api/static/js/photos/new_photos.jsx";

test("isOutage: depends on the error code, or on the status if a proxy responds", () => {
  assert.equal(isOutage({ code: "unreachable", status: 0 }), true);
  assert.equal(isOutage({ code: "mongodb_unavailable", status: 503 }), true);
  assert.equal(isOutage({ code: "query_timeout", status: 503 }), false);
  assert.equal(isOutage({ code: "not_found", status: 404 }), false);
  assert.equal(isOutage({ code: null, status: 502 }), true);
  assert.equal(isOutage({ code: null, status: 500 }), false);
  assert.equal(isOutage(null), false);
});

test("Recovery: probes until the server responds, then calls each listener once", async () => {
  let outages = 3;
  /** @type {number[]} */
  const delays = [];
  const recovery = new Recovery(
    async () => {
      if (outages-- > 0) throw new Error("down");
    },
    async (delay) => void delays.push(delay),
  );
  /** @type {string[]} */
  const calls = [];
  const finished = new Promise((resolve) => {
    recovery.onRecovery(() => calls.push("a"));
    recovery.onRecovery(() => resolve(calls.push("b")));
  });
  const cancel = recovery.onRecovery(() => calls.push("cancelled"));
  cancel();
  await finished;
  assert.deepEqual(calls, ["a", "b"]);
  assert.deepEqual(delays, [1000, 2000, 4000, 8000]);
  assert.equal(recovery.waiting.size, 0);
});

test("scheduleRetry: a query that timed out is sent again three times, after growing pauses", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const timeout = { code: "query_timeout", status: 503 };
  let calls = 0;
  for (const [retries, delay] of [3000, 10_000, 30_000].entries()) {
    scheduleRetry(timeout, retries, () => (calls += 1));
    t.mock.timers.tick(delay - 1);
    assert.equal(calls, retries);
    t.mock.timers.tick(1);
    assert.equal(calls, retries + 1);
  }
  assert.equal(
    scheduleRetry(timeout, 3, () => (calls += 1)),
    undefined,
  );
  scheduleRetry(timeout, 0, () => (calls += 1))?.();
  assert.equal(
    scheduleRetry({ code: "bad_parameter", status: 400 }, 0, () => (calls += 1)),
    undefined,
  );
  t.mock.timers.runAll();
  assert.equal(calls, 3);
});

test("needsToken, explainRefusal, titleOf: depend on the error code, not on the status", () => {
  const denied = {
    code: "access_denied",
    parameter: "source",
    message: "source: no credentials for b",
  };
  assert.equal(needsToken(denied), false);
  assert.equal(explainRefusal(denied), "No credentials for b.");
  assert.equal(titleOf(denied), "S3 denies access");
  for (const code of ["token_missing", "token_wrong", "too_many_attempts"])
    assert.equal(needsToken({ code }), true);
  assert.equal(needsToken({ code: "foreign_origin" }), false);
  assert.equal(titleOf({ code: "bad_parameter" }), "Invalid filter");
  assert.equal(titleOf({ code: "constructor" }), "Something went wrong");
  assert.equal(titleOf({ code: null }), "Something went wrong");
});

/** @type {(total: number, changes?: object) => any} */
const countsOf = (total, changes = {}) => ({
  loading: false,
  data: { total, counted: total, partial: false, stale: false, facets: {}, ...changes },
});

test("newCount: compares the total with the loaded photos, or with the total at the first call", () => {
  assert.equal(newCount({ isComplete: true, count: 16, total: null }, countsOf(22)), 6);
  assert.equal(newCount({ isComplete: true, count: 16, total: null }, countsOf(15)), -1);
  const pages = { isComplete: false, count: 100, total: null };
  assert.equal(newCount(pages, countsOf(1000)), 0);
  assert.equal(newCount(pages, countsOf(1012)), 12);
});

test("newCount: is 0 while counts are stale, partial or loading", () => {
  const pages = { isComplete: true, count: 16, total: null };
  for (const change of [{ stale: true }, { partial: true }, { more: true }])
    assert.equal(newCount(pages, countsOf(22, change)), 0);
  assert.equal(newCount(pages, { ...countsOf(22), loading: true }), 0);
  assert.equal(newCount(null, countsOf(22)), 0);
  // If the view has no photos, even a stale count is used.
  const empty = { isComplete: true, count: 0, total: null };
  assert.equal(newCount(empty, countsOf(7, { stale: true })), 7);
});
