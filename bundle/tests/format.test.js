import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatAge,
  formatBitRate,
  formatBytes,
  formatDateTime,
  formatDay,
  formatDecimal,
  formatDuration,
  formatExposure,
  formatFrameRate,
  formatPosition,
  formatTotal,
  formatHour,
  formatLocalTime,
  formatMegapixels,
  formatMonth,
  oneLine,
  formatPeriod,
  pluralize,
  formatShare,
  formatShortNumber,
  formatVideoDuration,
} from "../../api/static/js/core/format.js";

/** @type {(name: string, cases: [actual: unknown, expected: unknown][]) => void} */
const testCases = (name, cases) =>
  test(name, () => {
    for (const [actual, expected] of cases) assert.equal(actual, expected);
  });

testCases("exposure: is formatted as cameras show it", [
  [formatExposure(1 / 250), "1/250 s"],
  [formatExposure(1 / 16_000), "1/16000 s"],
  [formatExposure(0.0125), "1/80 s"],
  [formatExposure(1 / 2.5), "0.4 s"],
  [formatExposure(0.5), "1/2 s"],
  [formatExposure(0.8), "0.8 s"],
  [formatExposure(30), "30 s"],
  [formatExposure(0), "0 s"],
  [formatExposure(NaN), "0 s"],
]);

testCases("bytes: have units in powers of 1000; 999.6 kB is rounded to 1 MB", [
  [formatBytes(0), "0 bytes"],
  [formatBytes(1), "1 byte"],
  [formatBytes(999), "999 bytes"],
  [formatBytes(2_400_000), "2.4 MB"],
  [formatBytes(999_600), "1 MB"],
  [formatBytes(25_000_000), "25 MB"],
  [formatBytes(3e18), "3000 PB"],
]);

testCases("numbers: have separators, units and plurals", [
  [formatTotal({ total: 50_000, more: true }), "more than 50,000"],
  [formatTotal({ total: 1234 }), "1,234"],
  [pluralize(1, "photo"), "1 photo"],
  [pluralize(0, "photo"), "0 photos"],
  [formatShortNumber(9999), "9,999"],
  [formatShortNumber(12_345).toUpperCase(), "12.3K"],
  [formatMegapixels(6000, 4000), "24 MP"],
  [formatMegapixels(200, 150), "0.03 MP"],
  [formatPosition(-33.8688, 151.2093), "33.86880° S, 151.20930° E"],
  [formatDecimal(-0.01), "0"],
  [formatDecimal(2.5), "2.5"],
]);

testCases("share: is 0% only for none, and 100% only for all", [
  [formatShare(0, 10), "0%"],
  [formatShare(1, 1000), "<1%"],
  [formatShare(999, 1000), ">99%"],
  [formatShare(10, 10), "100%"],
  [formatShare(1, 0), "0%"],
]);

testCases("duration: has its two largest units", [
  [formatDuration(59.4), "59 s"],
  [formatDuration(245), "4 min 5 s"],
  [formatDuration(12_000), "3 h 20 min"],
]);

testCases("videos: durations and rates are formatted as players show them", [
  [formatVideoDuration(0.4), "0:00"],
  [formatVideoDuration(59.999), "0:59"],
  [formatVideoDuration(600), "10:00"],
  [formatVideoDuration(3_725), "1:02:05"],
  [formatFrameRate(30), "30 fps"],
  [formatFrameRate(23.976), "23.98 fps"],
  [formatBitRate(17_240_000), "17.2 Mbit/s"],
  [formatBitRate(640_000), "640 kbit/s"],
  [formatBitRate(5_250), "5 kbit/s"],
  [formatBitRate(999_600), "1 Mbit/s"],
  [formatBitRate(80), "80 bit/s"],
]);

testCases("dates: are in the camera's local time", [
  [formatDay("2024-05-03T23:30:00Z", "+02:00"), "4 May 2024"],
  [formatDateTime("2024-05-03T12:05:09Z", "+02:00"), "3 May 2024, 14:05:09 +02:00"],
  [formatDateTime("2024-05-03T12:05:09Z", "-03:30"), "3 May 2024, 08:35:09 -03:30"],
  [formatDateTime("2024-05-03T12:05:09"), "3 May 2024, 12:05:09"],
  [formatDateTime("no date"), ""],
  [formatDay(null), ""],
]);

const NOW = Date.parse("2024-05-03T12:00:00Z");

// bundle/check.sh sets the time zone to UTC.
testCases("server times: are in the browser's time zone, and relative if recent", [
  [formatLocalTime("2024-05-03T12:05:09Z"), "3 May 2024, 12:05:09"],
  [formatLocalTime("no date"), ""],
  [formatLocalTime(undefined), ""],
  [formatAge("2024-05-03T11:59:30Z", NOW), "just now"],
  [formatAge("2024-05-03T11:55:00Z", NOW), "5 minutes ago"],
  [formatAge("2024-05-03T09:01:00Z", NOW), "2 hours ago"],
  [formatAge("2024-05-02T11:00:00Z", NOW), null],
  [formatAge("2024-05-03T12:01:00Z", NOW), null],
  [formatAge(null, NOW), null],
]);

testCases("hours and months: are formatted as times of day and names", [
  [formatHour(6), "06:00"],
  [formatHour(24), "00:00"],
  [formatMonth(5), "May"],
]);

testCases("period: is a year, a month or a day", [
  [formatPeriod("2024"), "2024"],
  [formatPeriod("2024-05"), "May 2024"],
  [formatPeriod("2024-05-03"), "3 May 2024"],
]);

test("oneLine: escapes control and bidirectional characters", () => {
  assert.equal(oneLine("a\u202egpj\u0000\tb\nc\rd"), "a\\u202egpj\\u0000 b⏎cd");
  assert.equal(oneLine("👩‍👩‍👧 ok"), "👩‍👩‍👧 ok");
});

test("oneLine: truncates long text", () => {
  assert.equal(oneLine("abcdef", 3), "abc…");
  assert.equal(oneLine("abc", 3), "abc");
});
