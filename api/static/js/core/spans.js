/**
 * @file Parses, formats and describes spans: the values of the API's filters by a range of numbers, such as
 * `iso=100-400`.
 * @import { RangeName } from "./types"
 */
import {
  formatDecimal,
  formatExposureNumber,
  formatNumber,
  formatVideoDuration,
} from "./format.js";

/** @typedef {[low: number | null, high: number | null]} Span a range of values; null: no limit at that end */

/**
 * Parse the value of a range filter: 100-400, 100-, -400 or 100. The numbers may be fractions, such as 1/250.
 * @param {string} text
 * @returns {Span}
 */
export function parseSpan(text) {
  const dash = text.indexOf("-");
  if (dash < 0) return [parseNumber(text), parseNumber(text)];
  return [parseNumber(text.slice(0, dash)), parseNumber(text.slice(dash + 1))];
}

/** @param {string} text */
function parseNumber(text) {
  if (!text) return null;
  const [numerator, denominator] = text.split("/").map(Number);
  return denominator ? numerator / denominator : numerator;
}

/**
 * Format a span as the value of a range filter.
 * @param {Span} span
 * @param {(value: number) => string} [format]
 */
export function formatSpan([low, high], format = formatPlainNumber) {
  if (low !== null && low === high) return format(low);
  return `${low === null ? "" : format(low)}-${high === null ? "" : format(high)}`;
}

/**
 * Format a number for the API, with up to six decimals and independent of the locale.
 * @param {number} value
 */
export const formatPlainNumber = (value) => String(Number(value.toFixed(6)));

/**
 * Format a number for the API as the fraction that the camera wrote, such as 1/250.
 *
 * The convergents of the number's continued fraction are its best approximations by fractions with small denominators.
 * The first one that is close enough is the camera's fraction.
 * @param {number} value
 */
export function formatFraction(value) {
  if (value >= 1 && Number.isInteger(value)) return String(value);
  let [numerator, denominator, lastNumerator, lastDenominator] = [Math.floor(value), 1, 1, 0];
  let rest = value - numerator;
  for (let step = 0; step < 20; step++) {
    if (Math.abs(numerator / denominator - value) <= value * 1e-8) break;
    const next = Math.floor(1 / rest);
    [numerator, lastNumerator] = [next * numerator + lastNumerator, numerator];
    [denominator, lastDenominator] = [next * denominator + lastDenominator, denominator];
    if (denominator > 999_999_999 || numerator > 999_999_999) {
      return `${lastNumerator}/${lastDenominator}`;
    }
    rest = 1 / rest - next;
  }
  return denominator === 1 ? String(numerator) : `${numerator}/${denominator}`;
}

/**
 * @param {Span} span
 * @param {(value: number) => string} format
 * @param {string} [unit]
 */
function describeSpan([low, high], format, unit = "") {
  if (low === null) return high === null ? "" : `up to ${format(high)}${unit}`;
  if (high === null) return `from ${format(low)}${unit}`;
  return low === high ? `${format(low)}${unit}` : `${format(low)}–${format(high)}${unit}`;
}

/** @param {Span} span */
function describeFocalLengths(span) {
  return describeSpan(span, (value) => formatDecimal(value, value < 10 ? 2 : 1), " mm");
}

/**
 * Describe a span, by the name of its filter.
 * @type {Record<RangeName, (span: Span) => string>}
 */
export const SPAN_FORMATTERS = {
  iso: (span) => `ISO ${describeSpan(span, formatNumber)}`,
  f: (span) =>
    `f/${describeSpan(span, (value) => formatDecimal(value, value < 1 ? 2 : 1))}`.replace(
      /f\/(up to|from) /,
      "$1 f/",
    ),
  exposure: (span) => describeSpan(span, formatExposureNumber, " s"),
  focal: describeFocalLengths,
  focal35: describeFocalLengths,
  duration: (span) => describeSpan(span, formatVideoDuration),
  frame_rate: (span) => describeSpan(span, (value) => formatDecimal(value, 2), " fps"),
};
