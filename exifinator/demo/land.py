"""Scenes in the mountains: rock, snow, haze."""

from __future__ import annotations

import random

from PIL import Image, ImageChops, ImageDraw

from exifinator.demo.paint import (
    BLACK,
    GRASS,
    PINE,
    ROCK,
    SNOW,
    WHITE,
    Colour,
    Light,
    Size,
    above,
    fade,
    mix,
    noise,
    palette,
    relief,
    rgb,
    ridge,
    sky,
    tilt,
    under,
    waves,
)
from exifinator.demo.plants import conifer, woods


def rock(
    rng: random.Random,
    size: Size,
    light: Light,
    line: list[float],
    top: float,
    bottom: float,
    *,
    surface: Colour = ROCK,
    snow: float = 0.5,
    haze: float = 0.0,
    green: Colour | None = None,
    sun_left: bool = True,
) -> tuple[Image.Image, Image.Image]:
    """A mountain range and its mask: rock with gullies that run down from the ridge, snow on the upper `snow` of it."""
    height = size[1]
    mask = under(size, line, top, bottom)
    crags = _gullies(rng, size, line, top, bottom)
    shade = relief(crags, 1.6, sun_left=sun_left)
    lit, dark = light.lit(surface), mix(light.shaded(surface), BLACK, 0.3)
    face = palette(shade, [(20, dark), (110, mix(dark, lit, 0.35)), (190, lit)])
    if green is not None:
        meadow = palette(shade, [(20, light.shaded(green)), (200, light.lit(green))])
        low = ImageChops.add(crags.point(lambda v: v * 0.5), fade(size, 0, 255, top / height, bottom / height))
        face.paste(meadow, mask=above(low, 190, 60))
    if snow > 0:
        white = palette(
            shade,
            [
                (30, light.shaded((190, 206, 236))),
                (120, mix(light.shaded(SNOW), light.lit(SNOW), 0.5)),
                (180, light.lit(SNOW)),
            ],
        )
        reach = fade(size, 255, 0, max(0, top) / height, min(0.999, (top + (bottom - top) * snow * 1.8) / height))
        cling = ImageChops.add(reach, shade.point(lambda v: v * 0.5 - 10), 1.0, -64)
        face.paste(white, mask=above(cling, 110, 70))
    if haze > 0:
        face = Image.blend(face, Image.new("RGB", size, rgb(light.horizon)), haze)
        low = fade(size, 0, 200, max(0.0, (top + (bottom - top) * 0.3) / height), min(1.0, bottom / height * 1.05))
        face.paste(rgb(light.horizon), mask=low.point(lambda v: v * haze))
    return face, mask


def _gullies(rng: random.Random, size: Size, line: list[float], top: float, bottom: float) -> Image.Image:
    """The heights of a rock face: hung from the ridge, column by column, its gullies follow the slopes."""
    width, height = size[0] // 2, size[1] // 2
    crags = ImageChops.lighter(
        noise(rng, (width, height), 45, 6, gain=0.62), ImageChops.invert(noise(rng, (width, height), 30, 5, gain=0.62))
    )
    face = Image.new("L", (width, height))
    step = 4
    for x in range(0, width, step):
        value = line[min(len(line) - 1, round(x / width * (len(line) - 1)))]
        drop = round((bottom + (top - bottom) * value) * 0.4) % height
        face.paste(crags.crop((x, 0, x + step, height - drop)), (x, drop))
        face.paste(crags.crop((x, height - drop, x + step, height)), (x, 0))
    return face.resize(size, Image.Resampling.BICUBIC)


def mountains(rng: random.Random, size: Size, light: Light, *, winter: bool = False) -> Image.Image:
    """Ranges behind each other, the far ones lost in haze, a wood in front."""
    width, height = size
    horizon = height * rng.uniform(0.5, 0.62)
    picture = sky(
        rng,
        size,
        light,
        horizon=horizon,
        cover=rng.uniform(0.15, 0.5),
        sun_at=width * rng.uniform(0.2, 0.8) if light.elevation < 10 else None,
    )
    sun_left = rng.random() < 0.5
    layers = rng.choice((3, 4))
    snow = 1.3 if winter else rng.choice((0.25, 0.5, 0.8))
    for layer in range(layers):
        near = layer / (layers - 1)
        top = height * (0.14 + 0.34 * near + rng.uniform(-0.03, 0.03))
        bottom = height * (0.52 + 0.36 * near)
        haze = 0.72 * (1 - near) ** 1.3 + 0.08
        last = layer == layers - 1
        face, mask = rock(
            rng,
            size,
            light,
            ridge(rng, 240, 0.52 if not last else 0.45),
            top,
            bottom,
            snow=snow if winter else 0.0 if last else snow * (1 - near * 0.9),
            haze=haze,
            green=GRASS if near > 0.4 and not winter else None,
            sun_left=sun_left,
        )
        picture.paste(face, mask=mask)
    woods(rng, picture, light, foot=1.02, tall=0.16)
    return picture


def winter_mountains(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """The same under snow."""
    return mountains(rng, size, light, winter=True)


def snow(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """A snowy field with a few firs and blue shadows."""
    width, height = size
    horizon = height * rng.uniform(0.42, 0.55)
    picture = sky(
        rng,
        size,
        light,
        horizon=horizon,
        cover=rng.uniform(0.1, 0.6),
        sun_at=width * rng.uniform(0.15, 0.85) if light.elevation < 9 else None,
    )
    face, mask = rock(
        rng, size, light, ridge(rng, 200), horizon - height * 0.2, horizon + height * 0.04, snow=1.0, haze=0.5
    )
    picture.paste(face, mask=mask)
    for layer in range(3):
        near = layer / 2
        top, bottom = horizon + height * (0.2 * near - 0.03), horizon + height * (0.2 * near + 0.07)
        line = waves(rng, 120, 0.9)
        drift = tilt(noise(rng, (width // 2, height), 40, 5, stretch=3, gain=0.4), size, near=4)
        shade = relief(drift, 0.7, sun_left=True)
        cold = light.shaded((172, 196, 240))
        face = palette(shade, [(50, cold), (130, light.lit(SNOW, 0.6)), (200, light.lit(WHITE))])
        face = Image.blend(face, Image.new("RGB", size, rgb(light.horizon)), 0.3 * (1 - near))
        picture.paste(face, mask=under(size, line, top, bottom))
        draw = ImageDraw.Draw(picture)
        for _ in range(round(26 - 10 * layer)):
            at = rng.random()
            if layer == 2 and 0.3 < at < 0.7:
                continue
            foot = bottom + (top - bottom) * line[int(at * 119)] + rng.uniform(2, 10) * (1 + near)
            tall = height * (0.06 + 0.14 * near) * rng.uniform(0.6, 1.2)
            draw.polygon(
                [
                    (at * width - tall * 0.08, foot),
                    (at * width + tall * 0.08, foot),
                    (at * width + tall * 1.1, foot + tall * 0.16),
                    (at * width + tall * 0.8, foot + tall * 0.2),
                ],
                fill=rgb(mix(cold, light.lit(SNOW, 0.4), 0.3)),
            )
            fill = mix(light.lit(PINE, 0.3), light.horizon, 0.35 * (1 - near))
            conifer(draw, rng, at * width, foot, tall, fill)
            conifer(
                draw,
                rng,
                at * width - tall * 0.015,
                foot - tall * 0.16,
                tall * 0.84,
                mix(light.lit(SNOW, 0.7), fill, 0.45),
            )
            conifer(draw, rng, at * width + tall * 0.02, foot - tall * 0.06, tall * 0.82, mix(fill, BLACK, 0.1))
    return picture
