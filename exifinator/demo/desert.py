"""Scenes in dry country: dunes, table mountains, a road."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageOps

from exifinator.demo.land import rock
from exifinator.demo.paint import (
    BLACK,
    RED_ROCK,
    SAND,
    WHITE,
    Colour,
    Light,
    Size,
    above,
    fade,
    from_slope,
    mix,
    noise,
    palette,
    ramp,
    relief,
    rgb,
    ridge,
    shifted,
    sky,
    tilt,
    under,
    waves,
)


def dunes(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """Sand dunes with sharp crests between sun and shade, and ripples in front."""
    width, height = size
    horizon = height * rng.uniform(0.32, 0.46)
    picture = sky(
        rng,
        size,
        light,
        horizon=horizon,
        cover=rng.uniform(0, 0.3),
        sun_at=width * rng.uniform(0.15, 0.85) if light.elevation < 7 else None,
    )
    layers = 5
    side = rng.choice((-1, 1))
    ripples = tilt(noise(rng, (width, height * 2), 8, 3, stretch=5), size, near=4)
    ripples = relief(ripples, 0.6, sun_left=side > 0)
    for layer in range(layers):
        near = layer / (layers - 1)
        top, bottom = horizon + height * (0.5 * near - 0.13), horizon + height * (0.62 * near + 0.06)
        line = waves(rng, 160, 0.7 + 0.7 * (1 - near), 3)
        slope = from_slope(size, line, sun_left=side > 0, strength=10)
        shade = ImageChops.add(
            Image.blend(slope, ripples, 0.25 + 0.3 * near),
            fade(size, 60, 0, max(0.0, top) / height, min(1.0, (bottom + 0.3 * height) / height)),
            1,
            -20,
        )
        face = palette(
            shade, [(40, light.lit(SAND, 0.3)), (128, light.lit(SAND, 0.8)), (210, light.lit(mix(SAND, WHITE, 0.25)))]
        )
        lee = palette(
            ripples, [(0, mix(light.shaded(SAND), BLACK, 0.45)), (255, light.lit(mix(SAND, RED_ROCK, 0.4), 0.3))]
        )
        dark = _lee_sides(rng, size, line, top, bottom, side)
        face.paste(lee, mask=dark)
        face = Image.blend(face, Image.new("RGB", size, rgb(light.horizon)), 0.5 * (1 - near) ** 1.5)
        picture.paste(face, mask=under(size, line, top, bottom))
    return picture


def _lee_sides(rng: random.Random, size: Size, line: list[float], top: float, bottom: float, side: int) -> Image.Image:
    """The shade behind each crest: a winding edge runs from the summit to the viewer, the shade fades away from it."""
    width, height = size
    half = Image.new("L", (width // 2, height // 2))
    row = Image.linear_gradient("L").resize((1, 256)).transpose(Image.Transpose.ROTATE_90)
    row = (ImageOps.mirror(row) if side < 0 else row).point(ramp([(0, 0), (110, 190), (255, 255)]))
    for peak in range(2, len(line) - 2):
        if not line[peak - 1] <= line[peak] > line[peak + 1]:
            continue
        valley = peak
        while 0 < valley < len(line) - 1 and line[valley + side] <= line[valley]:
            valley += side
        reach = abs(valley - peak) / len(line) * width / 2
        x, y = peak / (len(line) - 1) * width / 2, (bottom + (top - bottom) * line[peak]) / 2 - 2
        swing, turn, lean = rng.uniform(0.2, 0.5) * side, rng.uniform(1.2, 2.4), rng.uniform(-0.7, 0.1) * side
        deep = (bottom - top) * 0.5 * rng.uniform(1.0, 1.8)
        for step in range(0, round(deep), 2):
            t = step / deep
            at = x + deep * (lean * t + swing * math.sin(t * turn * 2) * t)
            wide = max(2, round((reach + deep * 0.2) * (1 - t * t * 0.8)))
            left = at if side > 0 else at - wide
            half.paste(row.resize((wide, 2)), (round(left), round(y + step)))
    return half.resize(size, Image.Resampling.BILINEAR)


def buttes(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """Table mountains of red rock over a dry plain."""
    width, height = size
    horizon = height * rng.uniform(0.55, 0.66)
    picture = sky(
        rng,
        size,
        light,
        horizon=horizon,
        cover=rng.uniform(0.1, 0.45),
        sun_at=width * rng.uniform(0.1, 0.9) if light.elevation < 6 else None,
    )
    sun_left = rng.random() < 0.5
    strata = noise(rng, size, 7, 2, stretch=40)
    crags = noise(rng, size, 26, 5, stretch=0.35, gain=0.65)
    shade = relief(crags, 1.0, sun_left=sun_left)
    shade = ImageChops.add(shade, strata.point(lambda v: v * 0.35), 1, -40)
    far = under(size, ridge(rng, 120, 0.4), horizon - height * 0.06, horizon)
    picture.paste(rgb(mix(light.shaded(RED_ROCK), light.horizon, 0.6)), mask=far)
    for layer in range(2):
        line = [0.0] * 241
        for _ in range(3 - layer):
            _butte(
                rng, line, rng.uniform(0.08, 0.92), rng.uniform(0.05, 0.13) * (1 + 0.4 * layer), rng.uniform(0.6, 1.0)
            )
        face = palette(
            shade,
            [
                (10, mix(light.shaded(RED_ROCK), BLACK, 0.35)),
                (110, light.lit(RED_ROCK, 0.35)),
                (210, light.lit(mix(RED_ROCK, WHITE, 0.1))),
            ],
        )
        face = Image.blend(face, Image.new("RGB", size, rgb(light.horizon)), 0.4 - 0.28 * layer)
        picture.paste(
            face,
            mask=under(size, line, horizon - height * (0.26 + 0.14 * layer), horizon + height * 0.012 * (1 + layer)),
        )
    plain(rng, picture, light, horizon, (184, 128, 90), bushes=(96, 100, 66))
    return picture


def _butte(rng: random.Random, line: list[float], centre: float, half: float, tall: float) -> None:
    count = len(line) - 1
    flat = rng.uniform(0.5, 0.75)
    for i in range(count + 1):
        away = abs(i / count - centre) / half
        if away < flat:
            rise = tall + rng.uniform(-0.015, 0.015)
        elif away < flat + 0.08:
            rise = tall * (1 - (away - flat) / 0.08 * 0.5)
        elif away < 1.9:
            rise = tall * 0.5 * ((1.9 - away) / (1.9 - flat - 0.08)) ** 1.4 + rng.uniform(-0.008, 0.008)
        else:
            continue
        line[i] = max(line[i], rise)


def plain(
    rng: random.Random,
    picture: Image.Image,
    light: Light,
    horizon: float,
    surface: Colour,
    *,
    bushes: Colour | None = None,
) -> None:
    """Flat ground from the horizon to the viewer's feet, with low bushes if they have a colour."""
    width, height = picture.size
    rows = height - round(horizon)
    dirt = tilt(noise(rng, (width, height), 24, 5, gain=0.65), (width, rows), near=7)
    shade = ImageChops.add(relief(dirt, 0.8), dirt, 2)
    face = palette(
        shade, [(40, light.shaded(surface)), (150, light.lit(surface, 0.8)), (230, light.lit(mix(surface, WHITE, 0.2)))]
    )
    if bushes is not None:
        scrub = tilt(noise(rng, (width, height), 11, 3, gain=0.7), (width, rows), near=7)
        tops = shifted(scrub, 0, 2)
        face.paste(rgb(mix(light.shaded(surface), BLACK, 0.3)), mask=above(tops, 186, 20))
        face.paste(rgb(light.lit(bushes, 0.6)), mask=above(scrub, 186, 20))
    veil = Image.new("RGB", face.size, rgb(light.horizon))
    face.paste(veil, mask=fade(face.size, 130, 0, 0, 0.5))
    picture.paste(face, (0, round(horizon)))


def road(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """A straight road through dry country to far mountains."""
    width, height = size
    horizon = height * rng.uniform(0.42, 0.52)
    picture = sky(rng, size, light, horizon=horizon, cover=rng.uniform(0.2, 0.55))
    for layer in range(2):
        face, mask = rock(
            rng,
            size,
            light,
            ridge(rng, 200),
            horizon - height * (0.17 - 0.07 * layer),
            horizon + height * 0.01,
            snow=0.25 * (1 - layer),
            haze=0.6 - 0.25 * layer,
        )
        picture.paste(face, mask=mask)
    plain(rng, picture, light, horizon, (176, 156, 112), bushes=(112, 116, 72))
    big = Image.new("L", (width * 2, height * 2))
    line = Image.new("L", big.size)
    vanish = (width * rng.uniform(0.85, 1.15), 2 * horizon)
    draw, marks = ImageDraw.Draw(big), ImageDraw.Draw(line)
    foot = width * rng.uniform(0.9, 1.1)
    draw.polygon(
        [
            (vanish[0] - 1, vanish[1]),
            (vanish[0] + 1, vanish[1]),
            (foot + width * 0.75, 2 * height),
            (foot - width * 0.75, 2 * height),
        ],
        fill=255,
    )
    for i in range(14):
        a, b = (1.55 ** -(i + 0.0)), (1.55 ** -(i + 0.5))
        quad = []
        for t, side in ((b, -1), (b, 1), (a, 1), (a, -1)):
            x = vanish[0] + (foot - vanish[0]) * t + side * width * 0.018 * t
            quad.append((x, vanish[1] + (2 * height - vanish[1]) * t))
        marks.polygon(quad, fill=235)
    for side in (-1, 1):
        marks.polygon(
            [vanish, (foot + side * width * 0.66, 2 * height), (foot + side * width * 0.69, 2 * height)], fill=180
        )
    tar = palette(noise(rng, size, 5, 2), [(0, light.lit((62, 62, 66), 0.8)), (255, light.lit((104, 104, 108), 0.8))])
    tar = Image.composite(
        Image.new("RGB", size, rgb(light.horizon)), tar, fade(size, 150, 0, horizon / height, horizon / height + 0.25)
    )
    picture.paste(tar, mask=big.reduce(2))
    picture.paste(rgb(light.lit((238, 214, 120))), mask=line.reduce(2))
    return picture
