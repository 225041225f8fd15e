"""Layers of things in a landscape: plants, buildings and lights. Each function paints one layer on the canvas `c`."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from exifinator.demo.painter import Canvas, Point, Range, box, colourise, flat, oval, scaled, threshold
from exifinator.demo.palettes import BLACK, WHITE, Colour, light_at, mix, rgb
from exifinator.demo.skylines import STEPS, make_skyline

_BILINEAR = Image.Resampling.BILINEAR


def _fir(tiers: int) -> list[Point]:
    """Return the outline of the right half of a fir."""
    steps = ((i / tiers, x, y) for i in range(1, tiers + 1) for x, y in ((0.17, 1.0), (0.08, 1.03)))
    return [(0.0, -1.0), *((x * share, 0.93 * share - y) for share, x, y in steps), (0.02, 0.0)]


_TREE = [(x, y - 0.5) for x, y in oval(0, 0, 0.42, 0.5)[::2]]
_CYPRESS = [(0, -1), (0.07, -0.75), (0.11, -0.4), (0.08, -0.03), (0, 0.02)]
_GORE = [*((0.32 * math.sin(a), -0.63 - 0.36 * math.cos(a)) for a in (i / 14 * 2.3 for i in range(15))), (0.06, -0.14)]
_PETAL = [(0.0, 0.0), *((0.5 * r * math.sin(a), -r * math.cos(a)) for a, r in zip(
    (i / 5 * 1.2 for i in range(-5, 6)), (0.5, 0.8, 0.93, 1, 1, 0.88, 1, 1, 0.93, 0.8, 0.5), strict=True))]  # fmt: skip


def _mirrored(half: Sequence[Point], wide: float = 1.0) -> list[Point]:
    """Return a symmetric outline, given its right half. Make it `wide` times as wide."""
    return [*((x * wide, y) for x, y in half), *((-x * wide, y) for x, y in reversed(half))]


def _rotated(outline: Sequence[Point], size: float, part: int) -> list[Point]:
    """Scale an outline by `size`, and rotate it by `part` fifths of a full turn."""
    a = part * math.tau / 5
    return [
        (size * (x * math.cos(a) - y * math.sin(a)), size * (x * math.sin(a) + y * math.cos(a))) for x, y in outline
    ]


def _storeys(count: int) -> list[tuple[int, list[Point]]]:
    """Return a pagoda as a sprite: walls, posts and a curved roof for each storey, and a spire."""
    tall, parts = 0.8 / count, [(3, box(-0.006, -1, 0.006, -0.7))]
    for y, half in ((-tall * i, 0.25 * (1 - 0.5 * i / count)) for i in range(count)):
        parts += [(1, box(-half * 0.5, y - tall, half * 0.5, y)), (2, box(-half * 0.5, y - tall, -half * 0.2, y))]
        parts += [(2, box(half * at - 0.004, y - tall, half * at + 0.004, y)) for at in (-0.18, 0.18, 0.49)]
        eave = [(half * s / 8, y - tall * 0.6 - 0.028 * (s / 8) ** 3) for s in range(9)]
        parts.append((0, _mirrored([(0, y - tall * 1.06), (half * 0.45, y - tall * 0.98), *reversed(eave)])))
        parts.append((3, _mirrored([*eave, *((x, y + 0.007) for x, y in reversed(eave))])))
    return parts


# Sprites by name. A sprite is a list of (index of the colour, outline). Its foot is at (0, 0) and its top at (0, -1).
# All sprites are lit from the right.
SPRITES: dict[str, Sequence[tuple[int, Sequence[Point]]]] = {
    "fir": [(0, _mirrored(_fir(5))), (1, [*((x * 0.8, y * 0.98) for x, y in _fir(5)), (0, 0)])],
    "small fir": [(0, _mirrored(_fir(3)))],
    "tree": [(0, _TREE), (1, [(x * 0.55 + 0.1, y * 0.6 - 0.32) for x, y in _TREE])],
    "cypress": [(0, _mirrored(_CYPRESS)), (1, _CYPRESS)],
    "bamboo": [(0, box(-0.5, -1, 0.5, 0)), (1, box(-0.3, -1, 0.4, 0)), (2, box(0.1, -1, 0.3, 0)),
               *((2, box(-0.5, -i / 8 - 0.006, 0.5, -i / 8)) for i in range(1, 8))],
    "boat": [(0, [(-0.42, -0.07), (0.42, -0.07), (0.26, 0.06), (-0.3, 0.06)]), (1, [(0, -1), (0, -0.1), (0.4, -0.1)]),
             (2, [(-0.04, -0.9), (-0.04, -0.1), (-0.3, -0.1)])],
    "bird": [(0, [(-1, 0), (-0.4, -0.5), (0, -0.1), (0.4, -0.5), (1, 0), (0.4, -0.25), (0, 0.15), (-0.4, -0.25)])],
    "cabin": [(0, [(-0.6, 0), (-0.6, -0.6), (0, -1), (0.6, -0.6), (0.6, 0)]), (1, box(-0.4, -0.5, -0.1, -0.2)),
              (1, box(0.15, -0.5, 0.4, -0.2))],
    "tent": [(1, [(-0.9, 0), (0, -1), (0.9, 0)])],
    "balloon": [*((i % 2, _mirrored(_GORE, 1 - i / 5.4)) for i in range(6)), (2, box(-0.05, -0.1, 0.05, 0))],
    "flower": [*((0, _rotated(_PETAL, 1.0, i)) for i in range(5)), *((1, _rotated(_PETAL, 0.4, i)) for i in range(5)),
               *((2, oval(*_rotated([(0.06, -0.3)], 1, i)[0], 0.05, 0.05)) for i in range(5))],
    "pagoda": _storeys(5),
    "small pagoda": _storeys(3),
}  # fmt: skip


def plant(
    c: Canvas, *, sprite: str, colours: Sequence[Sequence[Colour]], tall: Range, count: Range = 1,
    wide: Range = 1.0, row: Range | None = None, column: Range = (0.0, 1.0), sink: Range = 0.0, haze: float = 0.0,
    groups: int = 0, turn: float = 0.0, shadow: float = 0.0, glow: Colour | None = None, gap: float = 0.0,
) -> None:  # fmt: skip
    """Paint sprites along the canvas's last skyline.

    Args:
        c: The canvas.
        sprite: Name in SPRITES.
        colours: Sets of colours for the parts of the sprite. One set is chosen each time the sprite is painted.
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
    centres = [c.rng.uniform(0, c.aspect) for _ in range(groups)]
    spots = []
    for _ in range(round(c.pick(count))):
        x = c.rng.gauss(c.rng.choice(centres), 0.06 * c.aspect) if centres else c.aspect * c.pick(column)
        x += math.copysign(gap, x - c.aspect / 2)
        ground = c.skyline_rows[max(0, min(STEPS, round(x / c.aspect * STEPS)))] if row is None else c.pick(row)
        spots.append((ground + c.pick(sink), x))
    side = -1 if c.sun_left else 1
    lit = [[mix(c.light.on(colour, 0.8), c.light.horizon, haze) for colour in chosen] for chosen in colours]
    if glow:
        lit = [list(chosen) for chosen in colours]
        for y, x in spots:
            c.glow(x, y - 0.02, 0.1, glow)
    shade = mix(c.light.on((150, 170, 200), 0.2), c.light.horizon, haze)
    highest = min((y for y, _ in spots), default=1.0) - max(tall if isinstance(tall, tuple) else (tall,)) * (1 + turn)
    with c.pen(max(0.0, highest)) as fill:
        for y, x in sorted(spots):
            size, tone, a, chosen = c.pick(tall), c.rng.uniform(0, 0.25), c.rng.uniform(-turn, turn), c.rng.choice(lit)
            across = size * c.pick(wide) * side
            fills = [mix(colour, BLACK, tone) for colour in chosen]
            if shadow:
                fill(mix(fills[0], shade, 0.6), [(-0.07, 0), (0.07, 0), (-shadow * side, 0.14)], x, y, size, size)
            sin, cos = math.sin(a), math.cos(a)
            for part, outline in SPRITES[sprite]:
                if turn:
                    outline = [(px * cos - py * sin, px * sin + py * cos) for px, py in outline]
                fill(fills[part], outline, x, y, across, size)


def twig(c: Canvas) -> None:
    """Paint a twig across the picture. The twig becomes the skyline along which the next sprites are painted."""
    y, rise = c.rng.uniform(0.3, 0.7), c.rng.uniform(-0.2, 0.2)
    c.skyline_rows = [y + rise * (i / STEPS - 0.5) + 0.07 * v for i, v in enumerate(make_skyline(c.rng, "peaks", 0.5))]
    upper = [(i / STEPS * c.aspect, v) for i, v in enumerate(c.skyline_rows)]
    with c.pen() as fill:
        fill(c.light.on((92, 64, 58), 0.2), [*upper, *((x, v + 0.022 - 0.012 * x) for x, v in reversed(upper))])


def leaves(
    c: Canvas, *, tints: Sequence[Colour], top: float, bottom: float, cell: float = 0.045, mass: float = 0.3
) -> None:
    """Paint foliage between two rows. The foliage is denser towards `bottom`, which may be above `top`."""
    leaf, crowns = c.rng.choice(tints), c.noise(cell)
    amount = ImageChops.add(
        c.noise(mass), c.fade(0, 255, top, bottom) if top < bottom else c.fade(255, 0, bottom, top), 2
    )
    face = [(50, mix(c.light.on(leaf, 0), BLACK, 0.35)), (150, c.light.on(leaf, 0.4)), (240, c.light.on(leaf, 0.9))]
    c.paste(colourise(crowns, face), threshold(amount, 150, 22), threshold(crowns, 60, 60))


def path(c: Canvas, *, row: float, surface: Colour) -> None:
    """Paint a path that narrows towards the row `row`, and a glow of light at the end of the path."""
    x = c.aspect / 2
    c.glow(x, row - 0.16, 0.62, c.light.on((200, 214, 140)))
    face = colourise(c.noise(0.05, 3), [(0, c.light.on(surface, 0)), (255, c.light.on(surface, 0.8))])
    c.paste(face, c.mask([[(x - 0.03, row), (x + 0.03, row), (x + 0.6, 1), (x - 0.6, 1)]]))


def city_light(c: Canvas) -> None:
    """Make the night brighter for the layers that follow, as over a city. Paint nothing."""
    c.light = light_at(max(c.light.elevation, -7.5))


@functools.cache
def _windows(cell: int) -> Image.Image:
    """Return a mask of a wall of windows, `cell` pixels apart, some of them lit."""
    rng, size = random.Random("windows"), (200, 160)  # noqa: S311
    lit = Image.frombytes("L", size, rng.randbytes(size[0] * size[1])).point(
        [0] * 150 + [255 - v // 2 for v in range(106)]
    )
    wall = lit.resize((size[0] * cell, size[1] * cell), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(wall)
    for at in range(0, wall.width, cell):
        pen.line((at, 0, at, wall.height), 0)
        pen.line((0, at, wall.width, at), 0)
    return wall


def city(c: Canvas, *, shore: float, stones: Sequence[Colour]) -> None:
    """Paint the buildings of a city above the row `shore`, with lit windows in the dark."""
    dark = max(0.0, min(1.0, (4 - c.light.elevation) / 8))
    c.glow(c.aspect / 2, shore, c.aspect * 0.7, mix(BLACK, (190, 116, 66), dark))
    lights, cell = Image.new("L", c.size), max(2, round(c.size[1] / 96))
    for haze in (0.55, 0.3, 0.05):
        walls: list[tuple[Colour, list[Point]]] = []
        x = c.rng.uniform(-0.05, 0)
        while x < c.aspect:
            wide, tall = c.rng.uniform(0.035, 0.1), (0.34 + 0.3 * haze) * c.rng.triangular(0.25, 1.0, 0.4)
            wall = mix(
                mix(c.light.on(c.rng.choice(stones), 0.8 * (1 - dark)), BLACK, 0.4 * dark), c.light.horizon, haze
            )
            slim = c.rng.choice((0, 0, 0.012, 0.45 * wide))
            for left, right, top in ((x + slim, x + wide - slim, tall * 1.14), (x, x + wide, tall)):
                walls.append((wall, box(left, shore - top, right, shore)))
                walls.append((mix(wall, BLACK, 0.3), box(left + (right - left) * 0.7, shore - top, right, shore)))
            x += wide * c.rng.uniform(0.85, 1.5)
        with c.pen(0, shore) as fill:
            for colour, outline in walls:
                fill(colour, outline)
        x, y = (cell * c.rng.randrange(40) for _ in range(2))
        panes = _windows(cell).crop((x, y, x + c.size[0], y + c.size[1]))
        lights.paste(scaled(panes, 0, 1 - haze * 0.6), mask=c.mask(points for _, points in walls[::2]))
    if dark:
        halo = scaled(lights.reduce(4).filter(ImageFilter.BoxBlur(3)).resize(c.size, _BILINEAR), 0, 0.7)
        c.shine(ImageChops.add(lights, halo), (255, mix(BLACK, (255, 214, 150), 0.35 + 0.65 * dark)))
    else:
        c.paste(mix(c.light.zenith, WHITE, 0.25), scaled(lights, 0, 0.6))


def discs(
    c: Canvas, *, count: int, size: Range, tints: Sequence[Colour], level: Range, row: tuple[float, float]
) -> None:
    """Paint out-of-focus lights.

    Args:
        c: The canvas.
        count: Number of lights.
        size: Radius of a light.
        tints: Colours of the lights.
        level: Brightness of a light, from 0 to 1.
        row: Mean and standard deviation of the lights' rows.
    """
    # Paint two layers. The lights within a layer hide each other, and the two layers are added up.
    for _ in range(2):
        layer = flat(c.size, BLACK)
        pen = ImageDraw.Draw(layer)
        for _ in range(count // 2):
            x, y, r = c.rng.uniform(0, c.aspect), c.rng.gauss(*row), c.pick(size)
            tone = mix(BLACK, c.rng.choice(tints), c.pick(level))
            ends = tuple(v * c.size[1] for v in (x - r, y - r, x + r, y + r))
            pen.ellipse(ends, rgb(tone), rgb(mix(tone, WHITE, 0.16)), max(1, round(r * c.size[1] / 9)))
        c.picture = ImageChops.screen(c.picture, layer.filter(ImageFilter.BoxBlur(c.size[1] / 320)))


def blur(c: Canvas, *, radius: float) -> None:
    """Blur everything painted so far."""
    c.picture = c.picture.filter(ImageFilter.BoxBlur(c.size[1] * radius))
