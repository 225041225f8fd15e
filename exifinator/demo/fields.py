"""Rolling fields."""

from __future__ import annotations

import random

from PIL import Image, ImageChops, ImageDraw

from exifinator.demo.paint import (
    BLACK,
    GRASS,
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
    rgb,
    sky,
    tilt,
    under,
    waves,
)


def hills(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """Rolling fields with rows of cypresses."""
    width, height = size
    picture = sky(
        rng,
        size,
        light,
        horizon=height * 0.45,
        cover=rng.uniform(0.2, 0.5),
        sun_at=width * rng.uniform(0.15, 0.85) if light.elevation < 9 else None,
    )
    layers = 6
    sun_left = rng.random() < 0.5
    crops = [
        (150, 160, 70),
        (180, 168, 92),
        (112, 142, 62),
        (196, 176, 110),
        (134, 118, 74),
        (92, 124, 58),
        (206, 150, 80),
    ]
    grass = tilt(noise(rng, (width // 2, height), 12, 4, stretch=2.5, gain=0.7), size, near=4)
    for layer in range(layers):
        near = layer / (layers - 1)
        top, bottom = height * (0.36 + 0.42 * near), height * (0.48 + 0.5 * near)
        line = waves(rng, 200, 0.7 + 0.9 * (1 - near), 3)
        mask = under(size, line, top, bottom)
        slope = from_slope(size, line, sun_left=sun_left, strength=14)
        shade = ImageChops.add(
            ImageChops.add(slope, grass, 2),
            fade(size, 190, 70, top / height, min(1.0, (bottom + 0.1 * height) / height)),
            1.8,
            -20,
        )
        surfaces = rng.sample(crops, 3)
        face = _meadow(shade, light, surfaces[0])
        for surface, cell in ((surfaces[1], 220), (surfaces[2], 160)):
            patch = tilt(noise(rng, (width // 4, height // 4), cell / 4, 2, stretch=1.6), size, near=2)
            face.paste(_meadow(shade, light, surface), mask=above(patch, 150, 6))
        face = Image.blend(face, Image.new("RGB", size, rgb(light.horizon)), 0.62 * (1 - near) ** 1.6)
        picture.paste(face, mask=mask)
        if layer > 0 and rng.random() < 0.8:
            _cypresses(rng, picture, light, line, top, bottom, near * 0.8)
        _copses(rng, picture, light, line, top, bottom, near)
    return picture


def _meadow(shade: Image.Image, light: Light, surface: Colour) -> Image.Image:
    return palette(
        shade, [(40, light.shaded(surface)), (130, light.lit(surface, 0.6)), (230, light.lit(mix(surface, WHITE, 0.1)))]
    )


def _cypresses(
    rng: random.Random, picture: Image.Image, light: Light, line: list[float], top: float, bottom: float, near: float
) -> None:
    width, height = picture.size
    draw = ImageDraw.Draw(picture)
    start, count = rng.uniform(0.05, 0.7), rng.randint(3, 11)
    tall = height * (0.03 + 0.09 * near)
    for i in range(count):
        at = start + i * (0.012 + 0.03 * near) * rng.uniform(0.85, 1.15)
        if not 0 <= at < 1:
            continue
        x, foot = at * width, bottom + (top - bottom) * line[int(at * (len(line) - 1))] + 2
        fill = mix(light.lit((44, 62, 38), 0.4), light.horizon, 0.5 * (1 - near) ** 1.5)
        size = tall * rng.uniform(0.8, 1.15)
        draw.polygon(
            [
                (x, foot - size),
                (x + size * 0.11, foot - size * 0.45),
                (x + size * 0.08, foot),
                (x - size * 0.08, foot),
                (x - size * 0.11, foot - size * 0.45),
            ],
            fill=rgb(fill),
        )
        draw.polygon(
            [(x, foot - size), (x + size * 0.11, foot - size * 0.45), (x + size * 0.08, foot), (x, foot)],
            fill=rgb(mix(fill, BLACK, 0.35)),
        )
        draw.polygon(
            [(x, foot), (x + size * 0.1, foot), (x + size * 0.8, foot + size * 0.16)],
            fill=rgb(mix(fill, light.shaded(GRASS), 0.5)),
        )


def _copses(
    rng: random.Random, picture: Image.Image, light: Light, line: list[float], top: float, bottom: float, near: float
) -> None:
    """Round trees in small groups on a hill."""
    width, height = picture.size
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.randint(1, 4)):
        centre = rng.random()
        for _ in range(rng.randint(3, 14)):
            at = centre + rng.gauss(0, 0.03)
            if not 0 <= at < 1:
                continue
            r = height * (0.006 + 0.022 * near) * rng.uniform(0.6, 1.2)
            x, y = (
                at * width,
                bottom
                + (top - bottom) * line[int(at * (len(line) - 1))]
                + height * 0.05 * near
                + rng.uniform(0, 10) * near,
            )
            fill = mix(light.lit((74, 96, 48), 0.45), light.horizon, 0.55 * (1 - near) ** 1.4)
            draw.ellipse((x - r * 0.6, y - r * 0.1, x + r * 2, y + r * 0.7), fill=rgb(mix(fill, BLACK, 0.4)))
            for dx, dy, tone in ((0, -0.4, -0.2), (-0.3, -0.7, 0.06), (0.35, -0.8, -0.05)):
                q = r * 0.8
                draw.ellipse(
                    (x + dx * r - q, y + dy * r - q, x + dx * r + q, y + dy * r + q),
                    fill=rgb(mix(fill, WHITE if tone > 0 else BLACK, abs(tone))),
                )
