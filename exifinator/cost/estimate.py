"""Estimate totals over all images from a stratified sample, each with its range.

The listing already tells most of the cost: each image takes at least one request, and its first read returns
FIRST_READ_BYTES or the whole object. Only the difference from that is estimated: in each stratum, the mean difference
in the sample times the number of images. A range is the 95% confidence interval of the stratified estimate: 1.96
standard errors on both sides, with the correction for finite populations, so it has no width if all images were read.

If no image of a sample of n differs, its variance is 0, although up to 3 of n images may differ ("rule of three", at
95%). The range therefore covers the case that this share of the images takes one more request each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exifinator.cost.measure import Measurement
from exifinator.cost.sample import Stratum

# The quantile of the normal distribution for a confidence of 95%.
QUANTILE = 1.96
RULE_OF_THREE = 3.0


@dataclass(frozen=True, slots=True)
class Range:
    """An expected number, and the range in which the true one probably is."""

    expected: float
    low: float
    high: float

    def __add__(self, constant: float) -> Range:
        return Range(self.expected + constant, self.low + constant, self.high + constant)

    def __mul__(self, factor: float) -> Range:
        return Range(self.expected * factor, self.low * factor, self.high * factor)

    def widen(self, low_factor: float, high_factor: float) -> Range:
        """Return a range with the same expected number, and with other bounds."""
        return Range(self.expected, self.low * low_factor, self.high * high_factor)

    def as_dict(self, digits: int = 0) -> dict[str, float]:
        """Return the numbers, rounded to a number of decimal places."""
        values = {"expected": self.expected, "low": self.low, "high": self.high}
        return {name: round(value, digits) if digits else round(value) for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class MeasuredStratum:
    """A stratum with the measurements of its images in the sample."""

    stratum: Stratum
    measurements: Sequence[Measurement]


def estimate_total(
    strata: Sequence[MeasuredStratum],
    value: Callable[[Stratum, Measurement], float],
    *,
    step: Callable[[Stratum], float] | None = None,
) -> Range:
    """Estimate the sum of a value over all images.

    A stratum without an image in the sample counts with the mean of all measurements.

    Args:
        value: The value of an image in the sample.
        step: By how much the value of an image of a stratum grows if it takes one more request. If given, the range
            follows the rule of three.

    Returns:
        The estimated sum. If no value is negative, `low` is not below the sum over the sample.
    """
    values = [[value(item.stratum, measurement) for measurement in item.measurements] for item in strata]
    all_values = [one for group in values for one in group]
    if not all_values:
        return Range(0.0, 0.0, 0.0)
    total, variance, rule_margin = 0.0, 0.0, 0.0
    for item, group in zip(strata, values, strict=True):
        count, sampled = item.stratum.count, len(group)
        total += count * _mean(group or all_values)
        # A single image tells nothing about the variance, so use the variance of all images.
        spread = _variance(group if sampled > 1 else all_values)
        variance += count**2 * (1 - sampled / count) * spread / max(1, sampled)
        if step is not None:
            rule_margin += (count - sampled) * step(item.stratum) * min(1.0, RULE_OF_THREE / len(all_values))
    margin = QUANTILE * math.sqrt(variance)
    low = total - margin
    if min(all_values) >= 0:
        low = max(low, math.fsum(all_values))
    return Range(total, low, total + max(margin, rule_margin))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    mean = _mean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
