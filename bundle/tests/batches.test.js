import "./page.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  countLabels,
  describeCause,
  describeDownload,
  describeEvents,
  describeInterval,
  describePatterns,
  describeProgress,
  isOverdue,
  isRunning,
  progressOf,
  splitSource,
  stateLabel,
} from "../../api/static/js/batches/labels.js";
import { joinSource, readPatterns } from "../../api/static/js/batches/start_form.jsx";
import { mergeBatches, readEvents } from "../../api/static/js/batches/use_batches.js";
import { axisMax } from "../../api/static/js/components/charts.jsx";
import { plotRate } from "../../api/static/js/components/rate_chart.jsx";
import { Problem, toProblem } from "../../api/static/js/core/api.js";
import { fillMonths } from "../../api/static/js/core/months.js";
import { explainRefusal, toSentence } from "../../api/static/js/core/error_messages.js";
import { mapInChunks } from "../../api/static/js/core/scheduling.js";

const NUMBERS = {
  listed: 100, folders: 2, unchanged: 18, queued: 80, stored: 20, no_exif: 5, unsupported: 3, damaged: 1, failed: 1,
  bytes_read: 0, requests: 0, seconds: 1,
}; // prettier-ignore

test("describeProgress: adds up running batches, and has no percentage while one is listed", () => {
  /** @type {any} */
  const half = { state: "reading", numbers: NUMBERS }; // 30 of 80
  /** @type {any} */
  const other = { state: "reading", numbers: { ...NUMBERS, stored: 70 } }; // 80 of 80
  assert.equal(describeProgress([]), null);
  assert.equal(describeProgress([half]), "37%");
  assert.equal(describeProgress([half, other]), "68%");
  /** @type {any} */
  const exact = { state: "reading", numbers: { ...NUMBERS, listed: 120, stored: 19 } }; // 29 of 100
  assert.equal(describeProgress([exact]), "29%");
  assert.equal(describeProgress([half, { ...other, state: "listing" }]), "110 indexed");
});

test("readPatterns: reads one pattern per line, without surrounding space", () => {
  assert.deepEqual(readPatterns("  *.heic \r\n\n my photos/, old/ \n"), [
    "*.heic",
    "my photos/, old/",
  ]);
  assert.deepEqual(readPatterns(" \n"), []);
});

test("readEvents: joins chunks and lines of data, and ignores comments and incomplete events", async () => {
  const text =
    ': ping\r\n\r\nevent: batches\r\ndata: {"a":\r\ndata: 1}\r\n\r\ndata: "é"\n\nevent: late\ndata: 1\n';
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream({
    start(controller) {
      for (let start = 0; start < bytes.length; start += 3) {
        controller.enqueue(bytes.slice(start, start + 3));
      }
      controller.close();
    },
  });
  /** @type {[string, unknown][]} */
  const events = [];
  await readEvents(new Response(body), (name, data) => events.push([name, data]));
  assert.deepEqual(events, [
    ["batches", { a: 1 }],
    ["message", "é"],
  ]);
});

test("mergeBatches: updates replace batches, newest first", () => {
  const make = (/** @type {string} */ id, state = "done") =>
    /** @type {import("../../api/static/js/core/types").Batch} */ (
      /** @type {unknown} */ ({ id, state })
    );
  const merged = mergeBatches([make("3"), make("1")], [make("1", "left"), make("2")]);
  assert.deepEqual(
    merged.map(({ id, state }) => `${id} ${state}`),
    ["3 done", "2 done", "1 left"],
  );
});

test("progressOf: excluded objects are not part of the total", () => {
  const { total, done } = progressOf({ state: "reading", numbers: { ...NUMBERS, excluded: 30 } });
  assert.deepEqual([total, done], [50, 30]);
});

test("progressOf, countLabels: deleted files count as done, and are shown only if there are any", () => {
  const numbers = { ...NUMBERS, deleted: 4 };
  assert.deepEqual(progressOf({ state: "reading", numbers }).done, 34);
  const shown = (/** @type {typeof NUMBERS} */ counts) => countLabels(counts).map(([name]) => name);
  assert.equal(shown(numbers).at(-1), "deleted");
  assert.equal(shown(NUMBERS).includes("deleted"), false);
  assert.equal(shown({ ...NUMBERS, ...{ deleted: 0 } }).includes("deleted"), false);
});

test("describeEvents: has failures only if there are any, and the delay if it is known", () => {
  const events = {
    received: 9, queued: 3, removed: 1, unchanged: 2, ignored: 3, failed: 0, malformed: 0, lag_seconds: 1.26,
  }; // prettier-ignore
  const { counts, lag } = describeEvents(events);
  assert.deepEqual(
    counts.map(({ title, count }) => `${title} ${count}`),
    ["Events 9", "Indexed 3", "Removed 1", "Duplicate 2", "Ignored 3"],
  );
  assert.equal(lag, "Applied 1.3 s after the change, on average.");
  const late = describeEvents({ ...events, failed: 2, malformed: 1, lag_seconds: 125 });
  assert.deepEqual(
    late.counts.slice(5).map(({ name, count }) => `${name} ${count}`),
    ["failed 2", "malformed 1"],
  );
  assert.equal(late.lag, "Applied 2 min 5 s after the change, on average.");
  assert.equal(describeEvents({ ...events, lag_seconds: null }).lag, "");
});

test("describeInterval: describes the interval in words, and the time of day with its time zone", () => {
  const describe = (
    /** @type {string} */ every,
    /** @type {string | null} */ at = null,
    /** @type {string | null} */ timezone = null,
  ) => describeInterval({ every, at, timezone });
  assert.equal(describe("6h"), "Every 6 hours");
  assert.equal(describe("1w"), "Every week");
  assert.equal(describe("30m", "00:10", "UTC"), "Every 30 minutes from 00:10 (UTC)");
  assert.equal(describe("1d", "02:00", "Europe/Berlin"), "Every day at 02:00 (Europe/Berlin)");
  assert.equal(describe("10d", "02:00", "UTC"), "Every 10 days at 02:00 (UTC)");
});

test("isOverdue: is false until the workers have had time to start the job", () => {
  const now = Date.parse("2026-03-02T12:00:00Z");
  assert.equal(isOverdue({ next_at: "2026-03-02T11:56:00+00:00" }, now), false);
  assert.equal(isOverdue({ next_at: "2026-03-02T11:54:00+00:00" }, now), true);
  assert.equal(isOverdue({ next_at: "2026-03-03T11:54:00+00:00" }, now), false);
});

test("describeDownload: names a price only if it is not zero", () => {
  const numbers = { ...NUMBERS, bytes_read: 1_500_000, requests: 1 };
  assert.equal(describeDownload(numbers), "1.5 MB in 1 request");
  assert.equal(describeDownload({ ...numbers, dollars: 0 }), "1.5 MB in 1 request");
  assert.equal(
    describeDownload({ ...numbers, dollars: 0.00421234 }),
    "1.5 MB in 1 request, $0.00421",
  );
  assert.equal(describeDownload({ ...numbers, dollars: 1234.5 }), "1.5 MB in 1 request, $1,234.50");
});

test("describePatterns: names the included patterns, then the excluded ones", () => {
  const describe = (/** @type {string[]} */ include, /** @type {string[]} */ exclude) =>
    describePatterns({ include, exclude });
  assert.equal(describe(["*.jpg", "*.heic"], ["drafts/"]), "only *.jpg, *.heic; not drafts/");
  assert.equal(describe([], ["<b>"]), "not <b>");
  assert.equal(describe(["a"], []), "only a");
});

test("progressOf: the fraction is known only after the listing is complete", () => {
  assert.deepEqual(progressOf({ state: "reading", numbers: NUMBERS }), {
    done: 30,
    total: 80,
    fraction: 0.375,
  });
  assert.equal(progressOf({ state: "listing", numbers: NUMBERS }).fraction, null);
  assert.equal(progressOf({ state: "done", numbers: { ...NUMBERS, listed: 0 } }).fraction, 1);
});

test("describeCause: known exceptions have a heading and a hint, others are shown by name", () => {
  assert.equal(describeCause("constructor").canRetry, true);
  assert.deepEqual(describeCause("ObjectGone"), {
    canRetry: false,
    title: "File deleted during indexing (ObjectGone)",
    hint: "Retrying won't help; the file no longer exists.",
  });
  assert.equal(describeCause("constructor").title, "constructor");
  assert.equal(describeCause(null).title, "Unknown cause");
});

test("joinSource: keeps the slash at the end of a prefix", () => {
  assert.equal(joinSource("s3://demo/2019/", ""), "demo/2019/");
  assert.equal(joinSource(" demo/2019 ", ""), "demo/2019");
  assert.equal(joinSource("s3://demo/", ""), "demo");
  assert.equal(joinSource("demo", "2019/"), "demo/2019/");
  assert.equal(joinSource("demo/", "2019/"), "demo/2019/");
  assert.equal(joinSource("demo/2019/", "05/"), "demo/2019/05/");
  assert.equal(joinSource("/home/ada/pictures", ""), "/home/ada/pictures");
});

test("splitSource: returns the bucket and the prefix", () => {
  assert.deepEqual(splitSource("s3://photos/2024/a"), ["photos", "2024/a"]);
  assert.deepEqual(splitSource("photos"), ["photos", ""]);
  const account = "us-east-1:123456789012";
  for (const arn of [
    `arn:aws:s3:${account}:accesspoint/photos`,
    "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap",
    `arn:aws:s3-outposts:${account}:outpost/op-1/accesspoint/photos`,
  ]) {
    assert.deepEqual(splitSource(arn), [arn, ""]);
    assert.deepEqual(splitSource(`${arn}/2024/a`), [arn, "2024/a"]);
  }
});

test("axisMax: is a number whose half is an integer", () => {
  assert.deepEqual(
    [0, 2, 3, 5, 7, 99, 101, 450, 9000].map(axisMax),
    [2, 2, 4, 6, 8, 100, 200, 500, 10_000],
  );
});

test("plotRate: the time axis begins at the first sample, and is at least 30 seconds long", () => {
  assert.equal(plotRate([]).points, "");
  const { points, top, first, last } = plotRate([
    [1000, 5],
    [1015, 10],
  ]);
  assert.deepEqual([top, first, last], [10, 1000, 1015]);
  assert.equal(points, "0.0,50.0 500.0,0.0");
  const long = plotRate([
    [1000, 5],
    [1060, 10],
  ]);
  assert.equal(long.points, "0.0,50.0 1000.0,0.0");
});

test("fillMonths: includes months without photos, or years in a long span", () => {
  const rows = [
    { value: "2023-11", count: 1 },
    { value: "2024-02", count: 2 },
  ];
  assert.deepEqual(
    fillMonths(rows).map(({ value, count }) => `${value} ${count}`),
    ["2023-11 1", "2023-12 0", "2024-01 0", "2024-02 2"],
  );
  const wrong = [{ value: "1904-01", count: 1 }, ...rows];
  assert.equal(fillMonths(wrong).length, 2024 - 1904 + 1);
});

test("explainRefusal: returns a sentence without the parameter's name", () => {
  const problem = new Problem({
    status: 400,
    parameter: "source",
    detail: "source: no such bucket",
  });
  assert.equal(explainRefusal(problem), "No such bucket.");
  assert.equal(toSentence("Why?"), "Why?");
});

test("toProblem: returns problems as they are, wraps other errors", () => {
  const problem = new Problem({ status: 503, code: "query_timeout", pointer: "/a" }, "5");
  assert.equal(toProblem(problem), problem);
  assert.deepEqual(
    [problem.code, problem.pointer, problem.retryAfter],
    ["query_timeout", "/a", "5"],
  );
  assert.equal(toProblem(new Error("x")).status, 0);
});

test("mapInChunks: transforms all items, in order", async () => {
  assert.deepEqual(await mapInChunks([1, 2, 3], (item) => item * 2, -1), [2, 4, 6]);
});

test("isRunning: is true for a detached batch while images are waiting", () => {
  const waiting = NUMBERS;
  assert.equal(isRunning({ state: "left", numbers: waiting }), true);
  assert.equal(isRunning({ state: "left", numbers: { ...NUMBERS, listed: 0 } }), false);
  assert.equal(isRunning({ state: "done", numbers: waiting }), false);
  assert.equal(isRunning({ state: "reading", numbers: NUMBERS }), true);
});

test("stateLabel: a batch that listed nothing is labelled as empty, not as done", () => {
  assert.deepEqual(stateLabel({ state: "done", numbers: { ...NUMBERS, listed: 0 } }), [
    "Nothing found",
    "empty",
  ]);
  assert.deepEqual(stateLabel({ state: "done", numbers: { ...NUMBERS, listed: 5 } }), [
    "Done",
    "done",
  ]);
  assert.deepEqual(stateLabel({ state: "later", numbers: NUMBERS }), ["later", "later"]);
});
