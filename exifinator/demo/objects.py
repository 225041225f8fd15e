"""Layers of things in a landscape: plants, buildings and lights. Lengths are fractions of the picture's height."""

from __future__ import annotations

import math

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from exifinator.demo.painter import (
    BILINEAR,
    STEPS,
    Canvas,
    Range,
    box,
    colourise,
    flat,
    layer,
    make_skyline,
    scaled,
    threshold,
)  # fmt: skip
from exifinator.demo.palettes import BLACK, PALETTES, WHITE, Colour, mix, rgb
from exifinator.demo.sprites import SPRITES, rotated


@layer
def plant(
    c: Canvas, sprite: str, palette: str = "", *, tall: Range, count: Range = 1, wide: Range = 1.0,
    row: Range | None = None, column: Range = (0.0, 1.0), sink: Range = 0.0, haze: float = 0.0, groups: int = 0,
    turn: float = 0.0, shadow: float = 0.0, glow: Colour | None = None, gap: float = 0.0,
) -> None:  # fmt: skip
    """Paint sprites along the canvas's last skyline.

    Args:
        c: The canvas.
        sprite: Name in SPRITES.
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
        ground = c.skyline[max(0, min(STEPS, round(x / c.aspect * STEPS)))] if row is None else c.pick(row)
        spots.append((ground + c.pick(sink), x))
        if glow:
            c.glow(x, spots[-1][0] - 0.02, 0.1, glow)
    sets, side = PALETTES[palette or sprite], -1 if c.sun_left else 1
    if not glow:
        sets = [[mix(c.light.on(part, 0.8), c.light.horizon, haze) for part in colours] for colours in sets]
    with c.pen() as fill:
        for y, x in sorted(spots):
            size, tone = c.pick(tall), c.rng.uniform(0, 0.25)
            angle, colours = c.rng.uniform(-turn, turn), c.rng.choice(sets)
            fills = [mix(colour, BLACK, tone) for colour in colours]
            if shadow:
                shade = mix(fills[0], mix(c.light.on((150, 170, 200), 0.2), c.light.horizon, haze), 0.6)
                fill(shade, [(-0.07, 0), (0.07, 0), (-shadow * side, 0.14)], x, y, size, size)
            across = size * c.pick(wide) * side
            for part, outline in SPRITES[sprite]:
                fill(fills[part], rotated(outline, angle) if turn else outline, x, y, across, size)


@layer
def twig(c: Canvas) -> None:
    """Paint a twig across the picture. The twig becomes the skyline along which the next sprites are painted."""
    y, rise = c.rng.uniform(0.3, 0.7), c.rng.uniform(-0.2, 0.2)
    c.skyline = [y + rise * (i / STEPS - 0.5) + 0.07 * v for i, v in enumerate(make_skyline(c.rng, "peaks", 0.5))]
    upper = [(i / STEPS * c.aspect, v) for i, v in enumerate(c.skyline)]
    lower = [(x, v + 0.022 - 0.012 * x) for x, v in reversed(upper)]
    c.paste(c.light.on((92, 64, 58), 0.2), c.mask([upper + lower]))


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
    lights, grid = Image.new("L", c.size), (c.size[0] // cell + 1, c.size[1] // cell + 1)
    frames = Image.new("L", c.size, 255)
    pen = ImageDraw.Draw(frames)
    for at in range(0, max(c.size), cell):
        pen.line((at, 0, at, c.size[1]), 0)
        pen.line((0, at, c.size[0], at), 0)
    for haze in (0.55, 0.3, 0.05):
        walls, x = [], c.rng.uniform(-0.05, 0)
        with c.pen() as fill:
            while x < c.aspect:
                wide, tall = c.rng.uniform(0.035, 0.1), (0.34 + 0.3 * haze) * c.rng.triangular(0.25, 1.0, 0.4)
                stone = mix(c.light.on(c.colour("stone"), 0.8 * (1 - dark)), BLACK, 0.4 * dark)
                wall, slim = mix(stone, c.light.horizon, haze), c.rng.choice((0, 0, 0.012, 0.45 * wide))
                # A building is a block, perhaps with a slimmer one behind it, and one side of each is shaded.
                for left, right, top in ((x + slim, x + wide - slim, tall * 1.14), (x, x + wide, tall)):
                    walls.append(box(left, shore - top, right, shore))
                    fill(wall, walls[-1])
                    fill(mix(wall, BLACK, 0.3), box(left + (right - left) * 0.7, shore - top, right, shore))
                x += wide * c.rng.uniform(0.85, 1.5)
        # Three of five windows are dark.
        panes = Image.frombytes("L", grid, c.rng.randbytes(grid[0] * grid[1])).point([0] * 150 + [*range(255, 149, -1)])
        panes = panes.resize((grid[0] * cell, grid[1] * cell), Image.Resampling.NEAREST).crop((0, 0, *c.size))
        lights.paste(scaled(ImageChops.multiply(panes, frames), 0, 1 - haze * 0.6), mask=c.mask(walls))
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
