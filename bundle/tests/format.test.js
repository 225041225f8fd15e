import assert from "node:assert/strict";
import { test } from "node:test";
import {
  age,
  bytes,
  dateTime,
  day,
  decimal,
  duration,
  exposure,
  formatPosition,
  formatTotal,
  hourOfDay,
  localTime,
  megapixels,
  monthName,
  oneLine,
  period,
  plural,
  share,
  shortNumber,
} from "../../api/static/js/core/format.js";

/** @type {(name: string, cases: [actual: unknown, expected: unknown][]) => void} */
const table = (name, cases) =>
  test(name, () => {
    for (const [actual, expected] of cases) assert.equal(actual, expected);
  });

table("exposure: as cameras show it", [
  [exposure(1 / 250), "1/250 s"],
  [exposure(1 / 16_000), "1/16000 s"],
  [exposure(0.0125), "1/80 s"],
  [exposure(1 / 2.5), "0.4 s"],
  [exposure(0.5), "1/2 s"],
  [exposure(0.8), "0.8 s"],
  [exposure(30), "30 s"],
  [exposure(0), "0 s"],
  [exposure(NaN), "0 s"],
]);

table("bytes: in powers of 1000, rounded up to the next unit", [
  [bytes(0), "0 bytes"],
  [bytes(1), "1 byte"],
  [bytes(999), "999 bytes"],
  [bytes(2_400_000), "2.4 MB"],
  [bytes(999_600), "1 MB"],
  [bytes(25_000_000), "25 MB"],
  [bytes(3e18), "3000 PB"],
]);

table("numbers", [
  [formatTotal({ total: 50_000, more: true }), "more than 50,000"],
  [formatTotal({ total: 1234 }), "1,234"],
  [plural(1, "photo"), "1 photo"],
  [plural(0, "photo"), "0 photos"],
  [shortNumber(9999), "9,999"],
  [shortNumber(12_345).toUpperCase(), "12.3K"],
  [megapixels(6000, 4000), "24 MP"],
  [megapixels(200, 150), "0.03 MP"],
  [formatPosition(-33.8688, 151.2093), "33.86880° S, 151.20930° E"],
  [decimal(-0.01), "0"],
  [decimal(2.5), "2.5"],
]);

table("share: 0% only for none, 100% only for all", [
  [share(0, 10), "0%"],
  [share(1, 1000), "<1%"],
  [share(999, 1000), ">99%"],
  [share(10, 10), "100%"],
  [share(1, 0), "0%"],
]);

table("duration", [
  [duration(59.4), "59 s"],
  [duration(245), "4 min 5 s"],
  [duration(12_000), "3 h 20 min"],
]);

table("dates: in the camera's local time", [
  [day("2024-05-03T23:30:00Z", "+02:00"), "4 May 2024"],
  [dateTime("2024-05-03T12:05:09Z", "+02:00"), "3 May 2024, 14:05:09 +02:00"],
  [dateTime("2024-05-03T12:05:09Z", "-03:30"), "3 May 2024, 08:35:09 -03:30"],
  [dateTime("2024-05-03T12:05:09"), "3 May 2024, 12:05:09"],
  [dateTime("no date"), ""],
  [day(null), ""],
]);

const NOW = Date.parse("2024-05-03T12:00:00Z");

// bundle/check.sh sets the time zone to UTC.
table("server times: in the browser's time zone, relative if recent", [
  [localTime("2024-05-03T12:05:09Z"), "3 May 2024, 12:05:09"],
  [localTime("no date"), ""],
  [localTime(undefined), ""],
  [age("2024-05-03T11:59:30Z", NOW), "just now"],
  [age("2024-05-03T11:55:00Z", NOW), "5 minutes ago"],
  [age("2024-05-03T09:01:00Z", NOW), "2 hours ago"],
  [age("2024-05-02T11:00:00Z", NOW), null],
  [age("2024-05-03T12:01:00Z", NOW), null],
  [age(null, NOW), null],
]);

table("hours and months", [
  [hourOfDay(6), "06:00"],
  [hourOfDay(24), "00:00"],
  [monthName(5), "May"],
]);

table("period: year, month or day", [
  [period("2024"), "2024"],
  [period("2024-05"), "May 2024"],
  [period("2024-05-03"), "3 May 2024"],
]);

test("oneLine: escapes control and bidirectional characters", () => {
  assert.equal(oneLine("a\u202egpj\u0000\tb\nc\rd"), "a\\u202egpj\\u0000 b⏎cd");
  assert.equal(oneLine("👩‍👩‍👧 ok"), "👩‍👩‍👧 ok");
});

test("oneLine: truncates long text", () => {
  assert.equal(oneLine("abcdef", 3), "abc…");
  assert.equal(oneLine("abc", 3), "abc");
});
