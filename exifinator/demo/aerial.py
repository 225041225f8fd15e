"""Scenes from above, and balloons."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageChops, ImageDraw

from exifinator.demo.land import rock
from exifinator.demo.paint import (
    BLACK,
    GRASS,
    Colour,
    Light,
    Size,
    above,
    fade,
    mix,
    noise,
    palette,
    ramp,
    relief,
    rgb,
    ridge,
    shifted,
    sky,
    waves,
)


def aerial_coast(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """A coast from above: deep water, reef, surf, beach, land."""
    width, height = size
    # Drawn larger and turned, so that no coast runs along the picture's edges.
    side = round(math.hypot(width, height)) + 4
    field = ImageChops.add(noise(rng, (side, side), 240, 6, gain=0.48), fade((side, side), 0, 255, 0.1, 0.9), 2)
    field = field.rotate(
        rng.choice((rng.uniform(20, 70), rng.uniform(110, 160), rng.uniform(200, 250))), Image.Resampling.BILINEAR
    )
    x, y = (side - width) // 2, (side - height) // 2
    field = field.crop((x, y, x + width, y + height))
    line = rng.uniform(118, 142)
    green = rng.choice(((86, 116, 60), (120, 120, 70), (70, 104, 62)))
    stops: list[tuple[float, Colour]] = [
        (line - 90, (8, 52, 96)),
        (line - 45, (14, 96, 138)),
        (line - 18, (40, 160, 176)),
        (line - 5, (140, 214, 206)),
        (line - 1, (236, 244, 240)),
        (line + 1, (214, 196, 158)),
        (line + 9, (238, 220, 180)),
        (line + 13, (168, 160, 104)),
        (line + 20, green),
        (line + 70, (58, 84, 46)),
    ]
    picture = palette(field, [(max(0.0, min(255.0, at)), light.lit(c, 0.85)) for at, c in stops])
    land = above(field, line + 14, 6)
    trees = noise(rng, size, 9, 3, gain=0.8)
    picture = Image.composite(
        ImageChops.multiply(
            picture, Image.merge("RGB", (relief(trees, 0.7).point(ramp([(40, 110), (128, 225), (220, 255)])),) * 3)
        ),
        picture,
        land,
    )
    wave = noise(rng, size, 22, 4, stretch=2, gain=0.6)
    surf = ImageChops.multiply(above(field, line - 8, 10), ImageChops.invert(above(field, line, 3)))
    surf = ImageChops.multiply(surf, wave.point(ramp([(90, 0), (170, 255)])))
    picture.paste(rgb(light.lit((248, 252, 250))), mask=surf)
    chop = relief(noise(rng, size, 7, 3, stretch=3, gain=0.7), 0.5).point(lambda v: v * 0.3)
    return ImageChops.add(picture, Image.merge("RGB", (chop,) * 3), 1, -38)


def aerial_fields(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """Fields, hedges and lanes from above."""
    width, height = size
    side = round(math.hypot(width, height)) + 8
    crops = (
        (150, 158, 70),
        (96, 128, 56),
        (200, 178, 104),
        (176, 150, 96),
        (120, 144, 66),
        (222, 200, 90),
        (138, 112, 78),
        (82, 112, 58),
    )
    picture = Image.new("RGB", (side, side), rgb(light.lit((108, 118, 66))))
    draw = ImageDraw.Draw(picture)
    y = -40.0
    while y < side:
        deep = rng.uniform(80, 200)
        x = rng.uniform(-150, 0)
        skew = rng.uniform(-0.12, 0.12)
        while x < side:
            wide = rng.uniform(70, 300)
            crop = light.lit(mix(rng.choice(crops), GRASS, rng.uniform(0, 0.25)), 0.85)
            quad = [
                (x + 3, y + 3),
                (x + wide - 3, y + 3),
                (x + wide - 3 + skew * deep, y + deep - 3),
                (x + 3 + skew * deep, y + deep - 3),
            ]
            draw.polygon(quad, fill=rgb(crop))
            rows, gap = rng.random() < 0.5, rng.choice((5, 7, 10))
            for k in range(0, round(wide if rows else deep), gap):
                tone = rgb(mix(crop, BLACK, 0.1 if k // gap % 4 else 0.2))
                if rows:
                    draw.line((x + 3 + k, y + 4, x + 3 + k + skew * deep, y + deep - 4), fill=tone, width=1)
                else:
                    draw.line((x + 3 + skew * k, y + k + 3, x + wide - 3 + skew * k, y + k + 3), fill=tone, width=1)
            x += wide
        y += deep
    lane = [(-10.0, rng.uniform(0.2, 0.8) * side)]
    while lane[-1][0] < side:
        lane.append((lane[-1][0] + 60, lane[-1][1] + rng.uniform(-26, 26)))
    draw.line(lane, fill=rgb(light.lit((206, 196, 172))), width=7, joint="curve")
    picture = picture.rotate(rng.uniform(0, 360), Image.Resampling.BICUBIC)
    x0, y0 = (side - width) // 2, (side - height) // 2
    picture = picture.crop((x0, y0, x0 + width, y0 + height))
    woodland = ImageChops.multiply(
        above(noise(rng, size, 150, 4), 182, 16), above(noise(rng, size, 10, 3, gain=0.8), 70, 40)
    )
    picture.paste(rgb(mix(light.shaded((40, 60, 36)), BLACK, 0.3)), mask=shifted(woodland, 5, 5))
    crowns = relief(noise(rng, size, 9, 3, gain=0.8), 1.0)
    picture.paste(palette(crowns, [(40, light.shaded((46, 70, 40))), (190, light.lit((98, 124, 66)))]), mask=woodland)
    soil = noise(rng, size, 70, 6, gain=0.65).point(ramp([(0, 205), (255, 255)]))
    return ImageChops.multiply(picture, Image.merge("RGB", (soil,) * 3))


def balloons(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """Hot air balloons over a valley of rock in the morning."""
    width, height = size
    picture = sky(
        rng, size, light, horizon=height * 0.66, cover=rng.uniform(0.05, 0.25), sun_at=width * rng.uniform(0.15, 0.85)
    )
    for layer in range(4):
        near = layer / 3
        line = [a * 0.5 + b * 0.5 for a, b in zip(ridge(rng, 256, 0.48), waves(rng, 257, 5), strict=True)]
        face, mask = rock(
            rng,
            size,
            light,
            line,
            height * (0.56 + 0.22 * near),
            height * (0.7 + 0.28 * near),
            snow=0,
            surface=(206, 170, 132),
            haze=0.66 * (1 - near) + 0.05,
        )
        picture.paste(face, mask=mask)
    for scale in sorted(rng.uniform(0.025, 0.19) ** 1.0 for _ in range(rng.randint(7, 16))):
        _balloon(rng, picture, light, rng.uniform(0.03, 0.97) * width, rng.uniform(0.08, 0.62) * height, height * scale)
    return picture


def _balloon(rng: random.Random, picture: Image.Image, light: Light, x: float, y: float, tall: float) -> None:
    tile = Image.new("RGBA", (240, 320))
    draw = ImageDraw.Draw(tile)
    first, second = rng.sample(
        ((206, 56, 44), (240, 190, 60), (48, 104, 168), (236, 232, 220), (70, 140, 90), (120, 60, 130), (232, 120, 50)),
        2,
    )
    stripes = 9
    for k in range(stripes):
        left, right = (math.sin(math.pi * ((k + e) / stripes - 0.5)) for e in (0, 1))
        outline = []
        for edge, order in ((left, range(13)), (right, reversed(range(13)))):
            for step in order:
                t = step / 12
                bulge = math.sin(math.pi * min(1.0, t * 0.62 + 0.02) ** 0.8) ** 0.7 if t < 0.99 else 0.14
                outline.append(
                    (120 + edge * 112 * max(0.13, bulge if t < 0.8 else bulge * (1 - (t - 0.8) * 2.2)), 8 + t * 244)
                )
        shade = 0.55 * max(0.0, (left + right) / 2 + 0.25)
        draw.polygon(
            outline,
            fill=(*rgb(mix(light.lit(first if k % 2 else second, 0.8), light.shaded((40, 30, 40)), shade)), 255),
        )
    rope = (*rgb(light.shaded((70, 56, 46))), 255)
    draw.line((108, 250, 110, 284), fill=rope, width=2)
    draw.line((132, 250, 130, 284), fill=rope, width=2)
    draw.rectangle((106, 282, 134, 306), fill=rope)
    haze = max(0.0, 0.5 - tall / picture.size[1] * 3.5)
    veil = Image.new("RGBA", tile.size, (*rgb(light.horizon), 255))
    veil.putalpha(tile.getchannel("A"))
    tile = Image.blend(tile, veil, haze)
    tile = tile.resize((max(6, round(tall * 0.75)), max(8, round(tall))), Image.Resampling.LANCZOS)
    picture.paste(tile, (round(x - tall * 0.375), round(y - tall / 2)), tile)
