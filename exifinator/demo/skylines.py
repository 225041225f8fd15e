"""Skylines of the demo library: random heights along the horizon, from 0 to 1, at STEPS + 1 positions."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import Literal

# Number of segments of a skyline.
STEPS = 128
Form = Literal["peaks", "waves", "mesas"]


def make_skyline(rng: random.Random, form: Form, rough: float) -> list[float]:
    """Return the heights of a skyline from left to right. The lowest is 0, and the highest is 1.

    Args:
        rough: Roughness of peaks, frequency of waves, or number of mesas.
    """
    heights = {"peaks": _peaks, "waves": _waves, "mesas": _mesas}[form](rng, rough)
    low, high = min(heights), max(heights)
    return [(height - low) / (high - low) for height in heights]


def _peaks(rng: random.Random, roughness: float) -> list[float]:
    """Displace the midpoints of a line again and again, each time by less."""
    line, swing = [rng.random() for _ in range(3)], 0.6
    while len(line) <= STEPS:
        between = [(a, (a + b) / 2 + rng.uniform(-swing, swing)) for a, b in pairwise(line)]
        line = [height for pair in between for height in pair] + line[-1:]
        swing *= roughness
    return line


def _waves(rng: random.Random, frequency: float) -> list[float]:
    """Add up four sines, each higher in frequency and lower in amplitude than the one before."""
    parts = [(frequency * rng.uniform(0.5, 1.5) * 1.8**i, rng.uniform(0, math.tau), 0.5**i) for i in range(4)]
    return [sum(a * math.sin(f * i / STEPS * math.tau + p) for f, p, a in parts) for i in range(STEPS + 1)]


def _mesas(rng: random.Random, count: float) -> list[float]:
    """Put flat tops with slopes of debris on a plain."""
    positions = range(STEPS + 1)
    line = [0.0] * len(positions)
    for _ in range(round(count)):
        middle, half, tall = rng.uniform(8, STEPS - 8), rng.uniform(3, 13), rng.uniform(0.5, 1.0)
        slope = [0.34 * tall * (1 - (abs(i - middle) - half) / (half * 0.6 + 5)) for i in positions]
        top = [tall * rng.uniform(0.96, 1.0) if abs(i - middle) < half else slope[i] for i in positions]
        line = [max(pair) for pair in zip(line, top, strict=True)]
    return line
