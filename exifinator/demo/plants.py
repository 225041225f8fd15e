"""Scenes with trees: firs, bamboo, blossoms, a pagoda among them."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from exifinator.demo.paint import (
    BLACK,
    PINE,
    WHITE,
    Colour,
    Light,
    Size,
    above,
    fade,
    glow,
    gradient,
    mix,
    noise,
    overcast,
    palette,
    ramp,
    rgb,
    ridge,
    sky,
    under,
    waves,
)


def conifer(draw: ImageDraw.ImageDraw, rng: random.Random, x: float, foot: float, tall: float, fill: Colour) -> None:
    """One fir or spruce."""
    half = tall * rng.uniform(0.13, 0.2)
    tiers = max(5, min(14, round(tall / 9)))
    left, right = [], []
    for tier in range(tiers):
        share = (tier + 1) / tiers
        y = foot - tall * (1 - share * 0.93)
        reach = half * share
        left += [(x - reach * rng.uniform(0.75, 1.15), y), (x - reach * 0.45, y - tall / tiers * 0.25)]
        right += [(x + reach * rng.uniform(0.75, 1.15), y), (x + reach * 0.45, y - tall / tiers * 0.25)]
    draw.polygon([(x, foot - tall), *left, (x, foot), *reversed(right)], fill=rgb(fill))


def woods(rng: random.Random, picture: Image.Image, light: Light, *, foot: float, tall: float, count: int = 70) -> None:
    """A row of conifers along the foot of the picture."""
    width, height = picture.size
    draw = ImageDraw.Draw(picture)
    line = waves(rng, 50, 1.2)
    for row in range(2):
        fill = mix(light.shaded(PINE), light.horizon, 0.16 * (1 - row))
        trees = sorted((rng.uniform(0, 1), rng.uniform(0.5, 1.1)) for _ in range(count))
        for at, scale in trees:
            rise = (line[int(at * 49)] - 0.3) * 0.09 * height
            conifer(
                draw,
                rng,
                at * width,
                height * foot - rise + row * height * 0.04,
                height * tall * scale,
                mix(fill, BLACK, rng.uniform(0, 0.3)),
            )
        ground = under(
            picture.size,
            line,
            height * foot - 0.06 * height + row * height * 0.04,
            height * foot + 0.03 * height + row * height * 0.04,
        )
        picture.paste(rgb(mix(fill, BLACK, 0.2)), mask=ground)


def forest(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """Firs on slopes behind each other, with mist between them."""
    width, height = size
    light = overcast(light, 0.5)
    picture = sky(rng, size, light, horizon=height * 0.6, cover=0.5, sun_at=width * rng.uniform(0.3, 0.7))
    layers = 6
    for layer in range(layers):
        near = layer / (layers - 1)
        tall = height * (0.05 + 0.36 * near**1.6)
        line = [v * 0.6 + w * 0.4 for v, w in zip(waves(rng, 129, 0.8), ridge(rng, 128, 0.4), strict=True)]
        top, bottom = height * (0.24 + 0.5 * near), height * (0.52 + 0.6 * near)
        fill = mix(mix(light.lit(PINE, 0.25), BLACK, 0.25), light.horizon, 0.86 * (1 - near) ** 1.1)
        ground = under(size, line, top, bottom)
        picture.paste(rgb(fill), mask=ground)
        draw = ImageDraw.Draw(picture)
        count = round(150 - 115 * near)
        for at in sorted((rng.random() for _ in range(count)), key=lambda v: line[int(v * 128)], reverse=True):
            foot = bottom + (top - bottom) * line[int(at * 128)] + tall * rng.uniform(0.1, 0.5)
            conifer(draw, rng, at * width, foot, tall * rng.uniform(0.55, 1.1), mix(fill, BLACK, rng.uniform(0, 0.14)))
        if layer < layers - 1:
            mist = noise(rng, (width // 8, height // 8), 14, 3, stretch=3).resize(size, Image.Resampling.BICUBIC)
            mist = ImageChops.multiply(
                mist, fade(size, 0, 255, top / height, min(0.99, (bottom + 0.12 * height) / height))
            )
            picture.paste(rgb(mix(light.horizon, WHITE, 0.12)), mask=mist.point(ramp([(0, 0), (255, 242 - 76 * near)])))
    return picture


def bamboo(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """A path among bamboo stems."""
    width, height = size
    bright, dim = light.lit((190, 214, 120)), light.shaded((60, 92, 44))
    leaves = noise(rng, size, 22, 5, stretch=1.4, gain=0.75)
    picture = palette(leaves, [(30, dim), (150, mix(dim, bright, 0.55)), (240, bright)]).filter(ImageFilter.BoxBlur(2))
    glow(picture, (width * 0.5, height * 0.36), height * 0.7, light.lit((170, 190, 110)), 2)
    vanish = (width * rng.uniform(0.42, 0.58), height * 0.62)
    picture.paste(
        gradient((width, height), [(0.6, light.lit((180, 160, 118), 0.6)), (1, light.shaded((134, 116, 88)))]),
        mask=_wedge(size, vanish, 0.36),
    )
    for layer in range(5):
        near = layer / 4
        draw = ImageDraw.Draw(picture)
        for _ in range(round(60 - 42 * near)):
            side = rng.choice((-1, 1))
            x = vanish[0] + side * width * rng.uniform(0.03 + 0.13 * near, 0.55)
            thick = 2 + 17 * near**1.7 * rng.uniform(0.7, 1.2)
            lean = rng.uniform(-0.02, 0.02) * height
            green = rng.choice(((126, 160, 76), (104, 146, 70), (150, 164, 92), (92, 128, 62)))
            base = mix(light.lit(green, 0.5), mix(dim, bright, 0.6), 0.55 * (1 - near))
            foot = vanish[1] + height * (0.03 + 0.38 * near) + rng.uniform(0, 0.06) * height
            for share, tone in ((1.0, mix(base, BLACK, 0.42)), (0.66, base), (0.3, mix(base, WHITE, 0.22))):
                offset = -thick * (1 - share) * 0.3
                draw.line((x + offset, foot, x + lean + offset, -5), fill=rgb(tone), width=max(1, round(thick * share)))
            knot = thick * 7 + 12
            y = foot - rng.uniform(0, knot)
            while y > 0 and thick > 4:
                at = x + lean * (foot - y) / foot
                draw.line(
                    (at - thick / 2, y, at + thick / 2, y),
                    fill=rgb(mix(base, WHITE, 0.35)),
                    width=max(1, round(thick / 9)),
                )
                y -= knot * rng.uniform(0.9, 1.1)
        tufts = above(noise(rng, size, 16, 3, stretch=1.8, gain=0.8), 196 - 10 * near, 30)
        tufts = ImageChops.multiply(tufts, fade(size, 235, 0, 0.0, 0.5))
        picture.paste(rgb(mix(light.lit((96, 138, 60), 0.6), bright, rng.uniform(0, 0.5))), mask=tufts)
    return picture


def _wedge(size: Size, vanish: tuple[float, float], half: float) -> Image.Image:
    width, height = size
    mask = Image.new("L", (width * 2, height * 2))
    ImageDraw.Draw(mask).polygon(
        [
            (vanish[0] * 2 - 8, vanish[1] * 2),
            (vanish[0] * 2 + 8, vanish[1] * 2),
            (width * (1 + 2 * half), height * 2),
            (width * (1 - 2 * half), height * 2),
        ],
        fill=255,
    )
    return mask.reduce(2)


def blossom(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """Cherry blossoms close up, everything behind them out of focus."""
    width, height = size
    picture = palette(
        noise(rng, size, 200, 3),
        [(20, light.shaded((86, 110, 92))), (130, light.lit((150, 172, 160), 0.7)), (240, light.lit((226, 214, 222)))],
    )
    layer = Image.new("RGB", size)
    draw = ImageDraw.Draw(layer)
    for _ in range(34):
        x, y, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(14, 54)
        tone = light.lit(rng.choice(((255, 210, 226), (240, 236, 220), (190, 214, 170), (255, 190, 212))))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=rgb(mix(BLACK, tone, rng.uniform(0.1, 0.35))))
    picture = ImageChops.screen(picture, layer.filter(ImageFilter.BoxBlur(3)))
    for sharp in (False, True):
        big = Image.new("RGBA", (width * 2, height * 2))
        draw = ImageDraw.Draw(big)
        bark = rgb(light.shaded((92, 64, 58)))
        y, x, rise = height * rng.uniform(0.6, 1.6), -20.0, rng.uniform(-0.4, 0.1)
        spots = []
        while x < width * 2:
            nx, ny = x + 40, y + 40 * (rise + rng.uniform(-0.35, 0.35))
            draw.line((x, y, nx, ny), fill=bark, width=round(18 - 10 * x / width / 2))
            spots += [(nx + rng.gauss(0, 60), ny + rng.gauss(0, 70)) for _ in range(rng.choice((0, 1, 2, 2)))]
            x, y = nx, ny
        for cx, cy in spots:
            _flower(draw, rng, light, cx, cy, rng.uniform(34, 66))
        layer = big.reduce(2)
        if not sharp:
            layer = layer.filter(ImageFilter.BoxBlur(9))
        picture.paste(layer, mask=layer.getchannel("A"))
    return picture


def _flower(draw: ImageDraw.ImageDraw, rng: random.Random, light: Light, x: float, y: float, radius: float) -> None:
    turn, squash = rng.uniform(0, math.tau), rng.uniform(0.6, 1.0)
    pale = light.lit(mix((255, 206, 222), WHITE, rng.uniform(0, 0.7)))
    for petal in range(5):
        angle = turn + petal * math.tau / 5
        outline = []
        for k in range(15):
            t = k / 14 * math.pi
            reach = radius * math.sin(t) ** 0.55 * (0.93 if 6 <= k <= 8 else 1.0)
            a = angle + (k / 14 - 0.5) * 1.18
            outline.append((x + reach * math.cos(a), y + reach * math.sin(a) * squash))
        draw.polygon(
            [(x, y), *outline], fill=(*rgb(mix(pale, light.shaded((226, 150, 180)), rng.uniform(0, 0.35))), 255)
        )
        inner = [(x + (px - x) * 0.45, y + (py - y) * 0.45) for px, py in outline]
        draw.polygon([(x, y), *inner], fill=(*rgb(mix(pale, light.lit((232, 120, 160)), 0.35)), 255))
    for _ in range(12):
        a, r = rng.uniform(0, math.tau), radius * rng.uniform(0.25, 0.45)
        px, py = x + r * math.cos(a), y + r * math.sin(a) * squash
        draw.line((x, y, px, py), fill=(*rgb(light.lit((250, 232, 220))), 255), width=2)
        draw.ellipse((px - 3, py - 3, px + 3, py + 3), fill=(*rgb(light.lit((240, 196, 80))), 255))


_SPRING: tuple[Colour, ...] = ((60, 84, 54), (232, 186, 200), (240, 204, 214))
_AUTUMN: tuple[Colour, ...] = ((178, 84, 48), (196, 60, 50), (210, 140, 50))


def autumn_pagoda(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """A pagoda among maples in autumn."""
    return pagoda(rng, size, light, leaves=_AUTUMN)


def pagoda(rng: random.Random, size: Size, light: Light, *, leaves: tuple[Colour, ...] = _SPRING) -> Image.Image:
    """A pagoda and trees before the evening or morning sky."""
    width, height = size
    picture = sky(
        rng,
        size,
        light,
        horizon=height * 0.85,
        cover=rng.uniform(0.25, 0.55),
        sun_at=width * rng.uniform(0.2, 0.8) if light.elevation < 12 else None,
    )
    for layer in range(2):
        line = [v * 0.8 + w * 0.2 for v, w in zip(waves(rng, 129, 1.4), ridge(rng, 128), strict=True)]
        picture.paste(
            rgb(mix(light.shaded((60, 76, 76)), light.horizon, 0.66 - 0.3 * layer)),
            mask=under(size, line, height * (0.56 + 0.1 * layer), height * (0.74 + 0.1 * layer)),
        )
    big = Image.new("RGBA", (width * 2, height * 2))
    draw = ImageDraw.Draw(big)
    x, foot = width * 2 * rng.uniform(0.28, 0.72), height * 1.9
    wood, roof = light.lit((150, 64, 44), 0.3), light.shaded((62, 60, 66))
    tiers = rng.choice((3, 5))
    storey = height * 1.32 / (tiers + 1.2)
    for tier in range(tiers):
        half = width * 0.2 * (1 - 0.11 * tier)
        y = foot - tier * storey
        draw.rectangle((x - half * 0.5, y - storey, x + half * 0.5, y), fill=(*rgb(wood), 255))
        draw.rectangle((x + half * 0.2, y - storey, x + half * 0.5, y), fill=(*rgb(mix(wood, BLACK, 0.35)), 255))
        for post in (-0.5, -0.18, 0.18, 0.5):
            draw.rectangle(
                (x + half * post - 4, y - storey, x + half * post + 4, y), fill=(*rgb(mix(wood, BLACK, 0.55)), 255)
            )
        eave = y - storey * 0.62
        curve = [(x + s * half, eave + 14 - 22 * abs(s) ** 3) for s in (i / 8 - 1 for i in range(17))]
        draw.polygon(
            [*curve, (x + half * 0.5, eave - storey * 0.36), (x - half * 0.5, eave - storey * 0.36)],
            fill=(*rgb(roof), 255),
        )
        draw.line(curve, fill=(*rgb(mix(roof, light.horizon, 0.25)), 255), width=5)
    top = foot - tiers * storey
    draw.polygon(
        [(x - width * 0.11, top + storey * 0.35), (x + width * 0.11, top + storey * 0.35), (x, top - storey * 0.2)],
        fill=(*rgb(roof), 255),
    )
    draw.line((x, top - storey * 0.9, x, top), fill=(*rgb(mix(roof, BLACK, 0.3)), 255), width=8)
    tile = big.reduce(2)
    picture.paste(tile, mask=tile.getchannel("A"))
    leaf = rng.choice(leaves)
    crowns = noise(rng, size, 14, 4, gain=0.8)
    mass = ImageChops.add(noise(rng, size, 120, 4), fade(size, 0, 255, 0.5, 1.0), 2)
    picture.paste(
        palette(crowns, [(60, mix(light.shaded(leaf), BLACK, 0.35)), (200, light.lit(leaf, 0.55))]),
        mask=ImageChops.multiply(above(mass, 148, 18), above(crowns, 60, 50)),
    )
    return picture
