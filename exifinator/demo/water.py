"""Scenes at the sea and at lakes."""

from __future__ import annotations

import random
from dataclasses import replace

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from exifinator.demo.land import rock
from exifinator.demo.paint import (
    BLACK,
    GRASS,
    ROCK,
    Colour,
    Light,
    Size,
    above,
    fade,
    glow,
    mirror,
    mix,
    noise,
    overcast,
    palette,
    ramp,
    relief,
    rgb,
    ridge,
    shifted,
    sky,
    tilt,
)
from exifinator.demo.plants import woods


def heights_of_swell(rng: random.Random, size: Size, cell: float, near: float) -> Image.Image:
    """Waves seen over water, as grey heights."""
    field = noise(rng, (size[0], size[1] * 2), cell, 5, stretch=4, gain=0.6)
    return tilt(field, size, near=near)


def water(
    rng: random.Random,
    picture: Image.Image,
    light: Light,
    horizon: float,
    *,
    sun_at: float | None = None,
    rough: float = 1.0,
    deep: Colour = (38, 66, 84),
) -> None:
    """Open water below the row `horizon`, with the sky in it and the sun's path if the sun is in view."""
    width, height = picture.size
    rows = height - round(horizon)
    size = (width, rows)
    swell = heights_of_swell(rng, size, 16 * rough, 7)
    slope = ImageChops.subtract(swell, shifted(swell, 0, 2), 0.8 / rough, 128)
    bright = mix(light.horizon, light.zenith, 0.25)
    dark = mix(light.lit(deep, 0.5), light.zenith, 0.25)
    tone = ImageChops.add(slope.point(lambda v: v * 0.75), fade(size, 120, 20), 1, -40)
    face = palette(tone, [(20, mix(dark, BLACK, 0.3)), (110, mix(dark, bright, 0.3)), (210, bright)])
    face.paste(rgb(light.horizon), mask=fade(size, 150, 0, 0, 0.16))
    if sun_at is not None and light.elevation > -3:
        path = Image.new("L", size)
        spread = 0.05 + 0.02 * max(0.0, light.elevation)
        ImageDraw.Draw(path).polygon(
            [
                (sun_at - width * 0.02, 0),
                (sun_at + width * 0.02, 0),
                (sun_at + width * spread * 1.8, rows),
                (sun_at - width * spread * 1.8, rows),
            ],
            fill=255,
        )
        path = (
            path.resize((width // 8, rows // 8))
            .filter(ImageFilter.GaussianBlur(4))
            .resize(size, Image.Resampling.BILINEAR)
        )
        spark = ImageChops.multiply(path, above(slope, 128, 70))
        shine = mix(light.sun, (255, 240, 215), 0.45 if light.elevation > 0 else 0.05)
        face = ImageChops.screen(
            face, palette(ImageChops.add(spark, path.point(lambda v: v * 0.3)), [(0, BLACK), (255, shine)])
        )
    picture.paste(face, (0, round(horizon)))


def sea(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """The open sea, the sun over it when it is low, a headland, a boat or birds."""
    width, height = size
    horizon = height * rng.uniform(0.42, 0.58)
    sun_at = width * rng.uniform(0.25, 0.75) if light.elevation < 14 else None
    picture = sky(rng, size, light, horizon=horizon, cover=rng.uniform(0.2, 0.6), sun_at=sun_at)
    if rng.random() < 0.6:
        left = rng.random() < 0.5
        line = [v * max(0.0, 1 - i / 128 * rng.uniform(1.5, 1.6)) ** 0.7 for i, v in enumerate(ridge(rng, 128, 0.45))]
        face, mask = rock(
            rng,
            size,
            light,
            line if left else line[::-1],
            horizon - height * rng.uniform(0.1, 0.24),
            horizon + 1,
            snow=0,
            haze=0.3,
            green=GRASS,
        )
        picture.paste(face, mask=mask)
    water(rng, picture, light, horizon, sun_at=sun_at, rough=rng.uniform(0.8, 1.6))
    if rng.random() < 0.6:
        sailboat(rng, picture, light, width * rng.uniform(0.15, 0.85), horizon + height * rng.uniform(0.01, 0.1))
    birds(rng, picture, light, horizon)
    return picture


def sailboat(rng: random.Random, picture: Image.Image, light: Light, x: float, y: float) -> None:
    """A small sailing boat."""
    size = picture.size[1] * rng.uniform(0.05, 0.1)
    tile = Image.new("RGBA", (256, 256))
    draw = ImageDraw.Draw(tile)
    sail, hull = (*rgb(light.lit((245, 242, 235), 0.7)), 255), (*rgb(light.shaded((70, 52, 50))), 255)
    draw.polygon([(124, 10), (124, 190), (40, 190)], fill=sail)
    draw.polygon([(132, 30), (132, 190), (196, 190)], fill=(*rgb(light.shaded((235, 232, 225))), 255))
    draw.polygon([(30, 200), (226, 200), (200, 234), (60, 234)], fill=hull)
    draw.line((128, 6, 128, 200), fill=hull, width=5)
    side = max(8, round(size))
    tile = tile.resize((side, side), Image.Resampling.LANCZOS)
    picture.paste(tile, (round(x - side / 2), round(y - side * 0.9)), tile)
    shade = tile.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((side, round(side * 0.6)))
    picture.paste(shade, (round(x - side / 2), round(y)), shade.getchannel("A").point(lambda v: v * 0.3))


def birds(rng: random.Random, picture: Image.Image, light: Light, horizon: float) -> None:
    """A few birds in the sky, or none."""
    width = picture.width
    draw = ImageDraw.Draw(picture)
    cx, cy = rng.uniform(0.2, 0.8) * width, rng.uniform(0.15, 0.6) * horizon
    for _ in range(rng.choice((0, 0, 3, 5, 8))):
        x, y, s = cx + rng.gauss(0, 60), cy + rng.gauss(0, 26), rng.uniform(4, 10)
        lift = rng.uniform(-0.2, 0.7)
        draw.line(
            [
                (x - s, y - s * lift),
                (x - s * 0.4, y - s * 0.35),
                (x, y),
                (x + s * 0.4, y - s * 0.35),
                (x + s, y - s * lift),
            ],
            fill=rgb(mix(light.shaded((50, 50, 56)), BLACK, 0.3)),
            width=2,
        )


def storm(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """Dark clouds over a rough sea, foam, now and then lightning."""
    width, height = size
    light = overcast(light, 0.85, (150, 160, 168))
    light = replace(light, zenith=mix(light.zenith, BLACK, 0.55), ambient=mix(light.ambient, BLACK, 0.2))
    horizon = height * rng.uniform(0.4, 0.55)
    picture = sky(rng, size, light, horizon=horizon, cover=0.85)
    rain = (
        noise(rng, (width // 4, 6), 3, 2, stretch=5).resize(size).rotate(rng.uniform(-8, 8), Image.Resampling.BILINEAR)
    )
    rain = ImageChops.multiply(rain, fade(size, 60, 190, 0.1, horizon / height))
    picture.paste(rgb(mix(light.zenith, BLACK, 0.35)), mask=rain.point(lambda v: v * 0.75))
    if rng.random() < 0.35:
        _lightning(rng, picture, horizon)
    water(rng, picture, light, horizon, rough=2.4, deep=(56, 82, 86))
    rows = height - round(horizon)
    crest = heights_of_swell(rng, (width, rows), 34, 8)
    foam = ImageChops.multiply(
        above(crest, 190, 30), noise(rng, (width, rows), 6, 2, stretch=2).point(ramp([(80, 60), (200, 255)]))
    )
    picture.paste(rgb(light.lit((226, 234, 236))), (0, round(horizon)), foam)
    birds(rng, picture, light, horizon)
    return picture


def _lightning(rng: random.Random, picture: Image.Image, horizon: float) -> None:
    layer = Image.new("L", picture.size)
    draw = ImageDraw.Draw(layer)
    x, y = rng.uniform(0.2, 0.8) * picture.size[0], horizon * 0.18
    start = (x, y)
    while y < horizon:
        nx, ny = x + rng.uniform(-20, 20), y + rng.uniform(6, 22)
        draw.line((x, y, nx, min(ny, horizon)), fill=255, width=2)
        if rng.random() < 0.2:
            draw.line((nx, ny, nx + rng.uniform(-50, 50), ny + rng.uniform(20, 46)), fill=150, width=1)
        x, y = nx, ny
    halo = (
        layer.resize((picture.size[0] // 8, picture.size[1] // 8), Image.Resampling.BOX)
        .filter(ImageFilter.GaussianBlur(4))
        .resize(picture.size)
    )
    glow(picture, start, picture.size[1] * 0.6, (96, 92, 130), 2.4)
    picture.paste(
        ImageChops.screen(picture, palette(ImageChops.add(layer, halo), [(0, BLACK), (255, (236, 232, 255))]))
    )


def lake(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """Mountains and woods in a still lake."""
    width, height = size
    shore = height * rng.uniform(0.5, 0.6)
    picture = sky(
        rng,
        size,
        light,
        horizon=shore,
        cover=rng.uniform(0.15, 0.5),
        sun_at=width * rng.uniform(0.2, 0.8) if light.elevation < 6 else None,
    )
    sun_left = rng.random() < 0.5
    for layer in range(3):
        face, mask = rock(
            rng,
            size,
            light,
            ridge(rng, 220, 0.55),
            shore - height * (0.4 - 0.13 * layer),
            shore + height * 0.02,
            snow=(0.6, 0.3, 0)[layer],
            haze=0.45 - 0.17 * layer,
            green=GRASS if layer else None,
            sun_left=sun_left,
        )
        picture.paste(face, mask=mask)
    top = picture.crop((0, 0, width, round(shore) + 4))
    woods(rng, top, light, foot=1.0, tall=0.11, count=110)
    picture.paste(top, (0, 0))
    row = round(shore)
    reflection = mirror(picture, row, ripple=rng.uniform(0.3, 1.1), rng=rng)
    tint = Image.new("RGB", reflection.size, rgb(light.lit((40, 70, 80), 0.5)))
    reflection = Image.blend(reflection, tint, 0.22)
    swell = relief(heights_of_swell(rng, reflection.size, 14, 6), 0.5)
    picture.paste(
        ImageChops.add(reflection, Image.merge("RGB", (swell.point(lambda v: v * 0.35),) * 3), 1, -44), (0, row)
    )
    ImageDraw.Draw(picture).line((0, row, width, row), fill=rgb(mix(light.shaded(ROCK), light.horizon, 0.3)), width=2)
    return picture
