"""Layers of things in a landscape: plants, buildings and lights. Lengths are fractions of the picture's height.

Plants, boats and so on are sprites: outlines with a foot at (0, 0) and a top at (0, -1), lit from the right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from exifinator.demo.painter import (  # isort: skip
    BILINEAR, NEAREST, STEPS, Canvas, Point, Range, box, colourise, flat, layer, make_skyline, oval, scaled, threshold,
)  # fmt: skip
from exifinator.demo.palettes import BLACK, PALETTES, WHITE, Colour, mix, rgb


def _placed(
    outline: Sequence[Point], angle: float, x: float = 0, y: float = 0, across: float = 1, down: float = 1
) -> list[Point]:
    """Rotate an outline by an angle in radians, scale it, and move it to (x, y)."""
    if angle:
        sin, cos = math.sin(angle), math.cos(angle)
        outline = [(px * cos - py * sin, px * sin + py * cos) for px, py in outline]
    return [(x + across * px, y + down * py) for px, py in outline]


def _mirrored(half: Sequence[Point], wide: float = 1.0) -> list[Point]:
    """Return a symmetric outline, given its right half. Make it `wide` times as wide."""
    return [*((x * wide, y) for x, y in half), *((-x * wide, y) for x, y in reversed(half))]


def _pagoda(storeys: int) -> list[tuple[int, list[Point]]]:
    """Return a pagoda: walls, posts and a curved roof for each storey, and a spire."""
    tall, parts = 0.8 / storeys, [(3, box(-0.006, -1, 0.006, -0.7))]
    for y, half in ((-tall * i, 0.25 * (1 - 0.5 * i / storeys)) for i in range(storeys)):
        parts += [(1, box(-half * 0.5, y - tall, half * 0.5, y)), (2, box(-half * 0.5, y - tall, -half * 0.2, y))]
        parts += [(2, box(half * at - 0.004, y - tall, half * at + 0.004, y)) for at in (-0.18, 0.18, 0.49)]
        eave = [(half * s / 8, y - tall * 0.6 - 0.028 * (s / 8) ** 3) for s in range(9)]
        parts.append((0, _mirrored([(0, y - tall * 1.06), (half * 0.45, y - tall * 0.98), *reversed(eave)])))
    return parts


# The right half of a fir with five tiers.
_FIR = [
    (0.0, -1.0),
    *((x * i / 5, 0.93 * i / 5 - y) for i in range(1, 6) for x, y in ((0.17, 1), (0.08, 1.03))),
    (0.02, 0),
]
_TREE = [(x, y - 0.5) for x, y in oval(0, 0, 0.42, 0.5)[::2]]
_CYPRESS = [(0, -1), (0.07, -0.75), (0.11, -0.4), (0.08, -0.03), (0, 0.02)]
# The right half of a gore, one of the strips of cloth that make up a balloon.
_GORE = [*((0.32 * math.sin(a), -0.63 - 0.36 * math.cos(a)) for a in (i / 14 * 2.3 for i in range(15))), (0.06, -0.14)]
_PETAL = [(0.0, 0.0), *((0.5 * r * math.sin(a), -r * math.cos(a)) for a, r in zip(
    (i / 5 * 1.2 for i in range(-5, 6)), (0.5, 0.8, 0.93, 1, 1, 0.88, 1, 1, 0.93, 0.8, 0.5), strict=True))]  # fmt: skip
_FIFTHS = [i * math.tau / 5 for i in range(5)]

# Sprites by name. A sprite is a list of (index of the colour, outline).
_SPRITES: dict[str, Sequence[tuple[int, Sequence[Point]]]] = {
    "fir": [(0, _mirrored(_FIR)), (1, [*((x * 0.8, y * 0.98) for x, y in _FIR), (0, 0)])],
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
    "flower": [*((0, _placed(_PETAL, a)) for a in _FIFTHS), *((1, _placed(_PETAL, a, 0, 0, 0.4, 0.4)) for a in _FIFTHS),
               *((2, oval(*_placed([(0.06, -0.3)], a)[0], 0.05, 0.05)) for a in _FIFTHS)],
    "pagoda": _pagoda(5),
}  # fmt: skip


@layer
def plant(
    c: Canvas, sprite: str, palette: str = "", *, tall: Range, count: Range = 1, wide: Range = 1.0,
    row: Range | None = None, column: Range = (0.0, 1.0), sink: Range = 0.0, haze: float = 0.0, groups: int = 0,
    turn: float = 0.0, shadow: float = 0.0, glow: Colour | None = None, gap: float = 0.0,
) -> None:  # fmt: skip
    """Paint sprites along the canvas's last skyline.

    Args:
        c: The canvas.
        sprite: Name in _SPRITES.
        palette: Name in PALETTES. The default is the name of the sprite.
        tall: Height of a sprite.
        count: Number of sprites.
        wide: Factor by which the width of a sprite is scaled.
        row: Row to paint the sprites at, instead of along the skyline.
        column: Horizontal position, as a share of the width.
        sink: Distance below the skyline.
        haze: Share of haze; more for distant sprites.
        groups: Number of groups to gather the sprites in, instead of spreading them over `column`.
        turn: Maximum rotation in radians.
        shadow: Length of the shadow on the ground.
        glow: Colour of the light that the sprites emit.
        gap: Distance of the sprites from the middle of the picture, to keep it free.
    """
    centres, spots = [c.rng.uniform(0, c.aspect) for _ in range(groups)], []
    for _ in range(round(c.pick(count))):
        x = c.rng.gauss(c.rng.choice(centres), 0.06 * c.aspect) if centres else c.aspect * c.pick(column)
        x += math.copysign(gap, x - c.aspect / 2)
        foot = c.skyline[max(0, min(STEPS, round(x / c.aspect * STEPS)))] if row is None else c.pick(row)
        spots.append((foot + c.pick(sink), x))
        if glow:
            c.glow(x, spots[-1][0] - 0.02, 0.1, glow)
    sets, side, shapes = PALETTES[palette or sprite], -1 if c.sun_left else 1, []
    if not glow:
        sets = [[mix(c.light.on(part, 0.8), c.light.horizon, haze) for part in colours] for colours in sets]
    for y, x in sorted(spots):
        size, tone = c.pick(tall), c.rng.uniform(0, 0.25)
        angle, colours = c.rng.uniform(-turn, turn), c.rng.choice(sets)
        fills = [mix(colour, BLACK, tone) for colour in colours]
        if shadow:
            shade = mix(fills[0], mix(c.light.on((150, 170, 200), 0.2), c.light.horizon, haze), 0.6)
            shapes.append((shade, _placed([(-0.07, 0), (0.07, 0), (-shadow * side, 0.14)], 0, x, y, size, size)))
        across = size * c.pick(wide) * side
        shapes += [(fills[part], _placed(outline, angle, x, y, across, size)) for part, outline in _SPRITES[sprite]]
    c.draw(shapes)


@layer
def twig(c: Canvas) -> None:
    """Paint a twig across the picture. The twig becomes the skyline along which the next sprites are painted."""
    y, rise = c.rng.uniform(0.3, 0.7), c.rng.uniform(-0.2, 0.2)
    c.skyline = [y + rise * (i / STEPS - 0.5) + 0.07 * v for i, v in enumerate(make_skyline(c.rng, "peaks", 0.5))]
    upper = [(i / STEPS * c.aspect, v) for i, v in enumerate(c.skyline)]
    c.draw([(c.light.on((92, 64, 58), 0.2), [*upper, *((x, v + 0.022 - 0.012 * x) for x, v in reversed(upper))])])


@layer
def leaves(c: Canvas, palette: str, *, top: float, bottom: float, cell: float = 0.045) -> None:
    """Paint foliage between two rows. The foliage is denser towards `bottom`, which may be above `top`."""
    leaf, crowns = c.colour(palette), c.noise(cell)
    rise = c.fade(0, 255, top, bottom) if top < bottom else c.fade(255, 0, bottom, top)
    dark, middle, bright = mix(c.light.on(leaf, 0), BLACK, 0.35), c.light.on(leaf, 0.4), c.light.on(leaf, 0.9)
    face = colourise(crowns, [(50, dark), (150, middle), (240, bright)])
    c.paste(face, threshold(ImageChops.add(c.noise(0.3), rise, 2), 150, 22), threshold(crowns, 60, 60))


@layer
def city(c: Canvas, shore: float) -> None:
    """Paint the buildings of a city above the row `shore`, with lit windows in the dark."""
    dark, cell = max(0.0, min(1.0, (4 - c.light.elevation) / 8)), max(2, round(c.size[1] / 96))
    c.glow(c.aspect / 2, shore, c.aspect * 0.7, mix(BLACK, (190, 116, 66), dark))
    lights, (across, down) = Image.new("L", c.size), (c.size[0] // cell + 1, c.size[1] // cell + 1)
    for haze in (0.55, 0.3, 0.05):
        shapes, walls, x = [], [], c.rng.uniform(-0.05, 0)
        while x < c.aspect:
            wide, tall = c.rng.uniform(0.035, 0.1), (0.34 + 0.3 * haze) * c.rng.triangular(0.25, 1.0, 0.4)
            stone = mix(c.light.on(c.colour("stone"), 0.8 * (1 - dark)), BLACK, 0.4 * dark)
            wall, slim = mix(stone, c.light.horizon, haze), c.rng.choice((0, 0, 0.012, 0.45 * wide))
            # A building is a block, perhaps with a slimmer one behind it, and one side of each is shaded.
            for left, right, top in ((x + slim, x + wide - slim, tall * 1.14), (x, x + wide, tall)):
                walls.append(box(left, shore - top, right, shore))
                side = box(left + (right - left) * 0.7, shore - top, right, shore)
                shapes += [(wall, walls[-1]), (mix(wall, BLACK, 0.3), side)]
            x += wide * c.rng.uniform(0.85, 1.5)
        c.draw(shapes)
        # Three of five windows are dark. Dark lines separate the windows.
        panes = Image.frombytes("L", (across, down), c.rng.randbytes(across * down)).point(
            [0] * 150 + [*range(255, 149, -1)]
        )
        panes = panes.resize((across * cell, down * cell), NEAREST).crop((0, 0, *c.size))
        for at in range(0, c.size[0], cell):
            panes.paste(0, (at, 0, at + 1, c.size[1]))
            panes.paste(0, (0, at, c.size[0], at + 1))
        lights.paste(scaled(panes, 0, 1 - haze * 0.6), mask=c.mask(*walls))
    if dark:
        halo = scaled(lights.reduce(4).filter(ImageFilter.BoxBlur(3)).resize(c.size, BILINEAR), 0, 0.7)
        c.shine(ImageChops.add(lights, halo), (255, mix(BLACK, (255, 214, 150), 0.35 + 0.65 * dark)))
    else:
        c.paste(mix(c.light.zenith, WHITE, 0.25), scaled(lights, 0, 0.6))


@layer
def discs(c: Canvas, palette: str, *, count: int, size: Range, level: Range, row: tuple[float, float]) -> None:
    """Paint lights out of focus.

    Args:
        c: The canvas.
        palette: Name in PALETTES.
        count: Number of lights.
        size: Radius of a light.
        level: Brightness of a light, from 0 to 1.
        row: Mean and standard deviation of the lights' rows.
    """
    # Paint two layers. The lights within a layer hide each other, and the two layers are added up.
    for _ in range(2):
        lights = flat(c.size, BLACK)
        pen = ImageDraw.Draw(lights)
        for _ in range(count // 2):
            x, y, r = c.rng.uniform(0, c.aspect), c.rng.gauss(*row), c.pick(size)
            tone = mix(BLACK, c.colour(palette), c.pick(level))
            ends, rim = tuple(v * c.size[1] for v in (x - r, y - r, x + r, y + r)), max(1, round(r * c.size[1] / 9))
            pen.ellipse(ends, rgb(tone), rgb(mix(tone, WHITE, 0.16)), rim)
        c.picture = ImageChops.screen(c.picture, lights.filter(ImageFilter.BoxBlur(c.size[1] / 320)))


@layer
def blur(c: Canvas, radius: float) -> None:
    """Blur everything painted so far."""
    c.picture = c.picture.filter(ImageFilter.BoxBlur(c.size[1] * radius))
