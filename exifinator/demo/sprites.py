"""The outlines of plants, buildings and other things in the scenes of the demo library."""

from __future__ import annotations

import math
from collections.abc import Sequence

from exifinator.demo.painter import Point, box, oval


def _fir(tiers: int) -> list[Point]:
    """Return the outline of the right half of a fir."""
    steps = ((i / tiers, x, y) for i in range(1, tiers + 1) for x, y in ((0.17, 1.0), (0.08, 1.03)))
    return [(0.0, -1.0), *((x * share, 0.93 * share - y) for share, x, y in steps), (0.02, 0.0)]


_TREE = [(x, y - 0.5) for x, y in oval(0, 0, 0.42, 0.5)[::2]]
_CYPRESS = [(0, -1), (0.07, -0.75), (0.11, -0.4), (0.08, -0.03), (0, 0.02)]
# The right half of a gore, one of the strips of cloth that make up a balloon.
_GORE = [*((0.32 * math.sin(a), -0.63 - 0.36 * math.cos(a)) for a in (i / 14 * 2.3 for i in range(15))), (0.06, -0.14)]
_PETAL = [(0.0, 0.0), *((0.5 * r * math.sin(a), -r * math.cos(a)) for a, r in zip(
    (i / 5 * 1.2 for i in range(-5, 6)), (0.5, 0.8, 0.93, 1, 1, 0.88, 1, 1, 0.93, 0.8, 0.5), strict=True))]  # fmt: skip


def _mirrored(half: Sequence[Point], wide: float = 1.0) -> list[Point]:
    """Return a symmetric outline, given its right half. Make it `wide` times as wide."""
    return [*((x * wide, y) for x, y in half), *((-x * wide, y) for x, y in reversed(half))]


def rotated(outline: Sequence[Point], angle: float, size: float = 1.0) -> list[Point]:
    """Rotate an outline by an angle in radians, and scale it by `size`."""
    sin, cos = size * math.sin(angle), size * math.cos(angle)
    return [(x * cos - y * sin, x * sin + y * cos) for x, y in outline]


def _pagoda(storeys: int) -> list[tuple[int, list[Point]]]:
    """Return a pagoda: walls, posts and a curved roof for each storey, and a spire."""
    tall, parts = 0.8 / storeys, [(3, box(-0.006, -1, 0.006, -0.7))]
    for y, half in ((-tall * i, 0.25 * (1 - 0.5 * i / storeys)) for i in range(storeys)):
        parts += [(1, box(-half * 0.5, y - tall, half * 0.5, y)), (2, box(-half * 0.5, y - tall, -half * 0.2, y))]
        parts += [(2, box(half * at - 0.004, y - tall, half * at + 0.004, y)) for at in (-0.18, 0.18, 0.49)]
        eave = [(half * s / 8, y - tall * 0.6 - 0.028 * (s / 8) ** 3) for s in range(9)]
        parts.append((0, _mirrored([(0, y - tall * 1.06), (half * 0.45, y - tall * 0.98), *reversed(eave)])))
        parts.append((3, _mirrored([*eave, *((x, y + 0.007) for x, y in reversed(eave))])))
    return parts


_FIFTHS = [i * math.tau / 5 for i in range(5)]

# Sprites by name. A sprite is a list of (index of the colour, outline). Its foot is at (0, 0) and its top at (0, -1).
# All sprites are lit from the right.
SPRITES: dict[str, Sequence[tuple[int, Sequence[Point]]]] = {
    "fir": [(0, _mirrored(_fir(5))), (1, [*((x * 0.8, y * 0.98) for x, y in _fir(5)), (0, 0)])],
    "small fir": [(0, _mirrored(_fir(3))), (1, [*((x * 0.8, y * 0.98) for x, y in _fir(3)), (0, 0)])],
    "tree": [(0, _TREE), (1, [(x * 0.55 + 0.1, y * 0.6 - 0.32) for x, y in _TREE])],
    "cypress": [(0, _mirrored(_CYPRESS)), (1, _CYPRESS)],
    "bamboo": [(0, box(-0.5, -1, 0.5, 0)), (1, box(-0.3, -1, 0.4, 0)), (2, box(0.1, -1, 0.3, 0)),
               *((2, box(-0.5, -i / 8 - 0.006, 0.5, -i / 8)) for i in range(1, 8))],
    "boat": [(0, [(-0.42, -0.07), (0.42, -0.07), (0.26, 0.06), (-0.3, 0.06)]), (1, [(0, -1), (0, -0.1), (0.4, -0.1)]),
             (2, [(-0.04, -0.9), (-0.04, -0.1), (-0.3, -0.1)])],
    "bird": [(0, [(-1, 0), (-0.4, -0.5), (0, -0.1), (0.4, -0.5), (1, 0), (0.4, -0.25), (0, 0.15), (-0.4, -0.25)])],
    "cabin": [(0, [(-0.6, 0), (-0.6, -0.6), (0, -1), (0.6, -0.6), (0.6, 0)]), (1, box(-0.4, -0.5, -0.1, -0.2)),
              (1, box(0.15, -0.5, 0.4, -0.2))],
    "tent": [(0, [(-0.9, 0), (0, -1), (0.9, 0)])],
    "balloon": [*((i % 2, _mirrored(_GORE, 1 - i / 5.4)) for i in range(6)), (2, box(-0.05, -0.1, 0.05, 0))],
    "flower": [*((0, rotated(_PETAL, a)) for a in _FIFTHS), *((1, rotated(_PETAL, a, 0.4)) for a in _FIFTHS),
               *((2, oval(*rotated([(0.06, -0.3)], a)[0], 0.05, 0.05)) for a in _FIFTHS)],
    "pagoda": _pagoda(5),
    "small pagoda": _pagoda(3),
}  # fmt: skip
