"""Scenes in the dark: stars, northern lights, a city, the moon."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from exifinator.demo.land import rock
from exifinator.demo.paint import (
    BLACK,
    WHITE,
    Colour,
    Light,
    Size,
    above,
    fade,
    glow,
    gradient,
    light_at,
    mirror,
    mix,
    noise,
    palette,
    ramp,
    relief,
    rgb,
    ridge,
    sky,
    under,
    waves,
)
from exifinator.demo.plants import woods
from exifinator.demo.water import heights_of_swell


def stars(rng: random.Random, picture: Image.Image, horizon: float, count: int = 420) -> None:
    """Stars above the row `horizon`."""
    layer = Image.new("RGB", picture.size)
    draw = ImageDraw.Draw(layer)
    for _ in range(count):
        x, y = rng.uniform(0, picture.size[0]), rng.uniform(0, horizon)
        bright = min(1.0, rng.expovariate(3.2) + 0.15) * (1 - 0.5 * y / horizon)
        tone = mix(BLACK, rng.choice(((255, 244, 230), (220, 230, 255), WHITE)), bright)
        if bright > 0.75:
            draw.ellipse((x - 1, y - 1, x + 1, y + 1), fill=rgb(tone))
        else:
            draw.point((x, y), fill=rgb(tone))
    picture.paste(ImageChops.screen(picture, layer))


def milky_way(rng: random.Random, size: Size, _light: Light) -> Image.Image:
    """The Milky Way over a dark ridge."""
    width, height = size
    horizon = height * 0.88
    picture = gradient(size, [(0, (6, 9, 24)), (0.6, (18, 24, 50)), (0.9, (58, 52, 66)), (1, (80, 64, 62))])
    side = round(math.hypot(width, height)) + 4
    band = fade((side, side), 0, 255, 0.34, 0.5)
    band = ImageChops.multiply(band, fade((side, side), 255, 0, 0.5, 0.68))
    dust = noise(rng, (side, side), 130, 6, stretch=2, gain=0.6)
    band = ImageChops.multiply(band, dust.point(ramp([(70, 20), (220, 255)])))
    lanes = ImageChops.multiply(
        above(noise(rng, (side, side), 60, 5, stretch=4, gain=0.6), 150, 70), fade((side, side), 0, 255, 0.44, 0.5)
    )
    band = ImageChops.subtract(
        band, ImageChops.multiply(lanes, fade((side, side), 255, 0, 0.5, 0.57)).point(lambda v: v * 0.75)
    )
    band = band.rotate(rng.choice((-1, 1)) * rng.uniform(35, 65), Image.Resampling.BILINEAR)
    x, y = (side - width) // 2, (side - height) // 2
    band = band.crop((x, y, x + width, y + height))
    picture = ImageChops.screen(picture, palette(band, [(0, BLACK), (110, (84, 80, 112)), (255, (255, 232, 214))]))
    spots = Image.frombytes("L", size, rng.randbytes(width * height)).point(lambda v: 255 if v > 252 else 0)
    picture = ImageChops.screen(
        picture,
        palette(
            ImageChops.multiply(spots, band.point(lambda v: min(255, v + 40))), [(0, BLACK), (255, (210, 214, 236))]
        ),
    )
    stars(rng, picture, horizon, 700)
    for layer in range(2):
        mask = under(size, ridge(rng, 200, 0.5), height * (0.76 + 0.1 * layer), height * (0.92 + 0.08 * layer))
        picture.paste(rgb(mix((26, 26, 36), (8, 8, 12), layer)), mask=mask)
    if rng.random() < 0.5:
        x0, y0 = width * rng.uniform(0.2, 0.8), height * 0.93
        glow(picture, (x0, y0), height * 0.1, (255, 170, 80), 2)
        ImageDraw.Draw(picture).polygon([(x0 - 22, y0 + 12), (x0, y0 - 14), (x0 + 22, y0 + 12)], fill=(250, 190, 104))
    return picture


def aurora(rng: random.Random, size: Size, _light: Light) -> Image.Image:
    """Northern lights over snowy mountains and a fjord."""
    width, height = size
    shore = height * 0.74
    picture = gradient(size, [(0, (5, 10, 26)), (0.5, (10, 26, 44)), (0.8, (26, 50, 58)), (1, (20, 36, 44))])
    stars(rng, picture, shore)
    for _ in range(rng.choice((2, 3))):
        _curtain(rng, picture, rng.choice(((70, 255, 150), (90, 255, 170), (60, 240, 190))))
    night = Light(-18, (20, 40, 50), (24, 52, 56), (40, 96, 70), (44, 66, 78))
    for layer in range(2):
        face, mask = rock(
            rng,
            size,
            night,
            ridge(rng, 200, 0.55),
            shore - height * (0.3 - 0.14 * layer),
            shore + 4,
            snow=0.9,
            haze=0.25 - 0.2 * layer,
        )
        picture.paste(face, mask=mask)
    row = round(shore)
    if rng.random() < 0.7:
        draw = ImageDraw.Draw(picture)
        for _ in range(rng.randint(2, 6)):
            x, s = rng.uniform(0.1, 0.9) * width, rng.uniform(8, 15)
            draw.polygon(
                [(x - s, row + 1), (x - s, row - s), (x, row - s * 1.7), (x + s, row - s), (x + s, row + 1)],
                fill=(74, 24, 22),
            )
            draw.rectangle((x - s * 0.4, row - s * 0.75, x + s * 0.1, row - s * 0.3), fill=(255, 214, 130))
            glow(picture, (x, row - s * 0.5), s * 3.2, (190, 120, 50), 2)
    reflection = Image.blend(
        mirror(picture, row, ripple=0.9, rng=rng), Image.new("RGB", (width, height - row), (4, 14, 20)), 0.3
    )
    picture.paste(reflection, (0, row))
    return picture


def _curtain(rng: random.Random, picture: Image.Image, colour: Colour) -> None:
    width, height = picture.size
    rays = noise(rng, (width, 2), 9, 2).resize((width, height)).point(ramp([(0, 60), (255, 255)]))
    rays = ImageChops.multiply(rays, noise(rng, (width, 2), 130, 2, stretch=2).resize((width, height)))
    body = ImageChops.multiply(rays, fade((width, height), 0, 255, 0.02, 0.82))
    body = ImageChops.multiply(body, fade((width, height), 255, 0, 0.84, 0.93))
    path = waves(rng, 241, rng.uniform(0.8, 1.8), 4)
    base, swing = rng.uniform(0.3, 0.48) * height, rng.uniform(0.1, 0.28) * height
    strips = []
    step = 4
    for x in range(0, width, step):
        foot = base + swing * path[int(x / width * 240)]
        tall = foot * 0.95
        top = -(foot - tall) / tall * height * 0.93
        bottom = top + height * height / tall * 0.93
        strips.append(((x, 0, x + step, height), (x, top, x, bottom, x + step, bottom, x + step, top)))
    layer = body.transform(picture.size, Image.Transform.MESH, strips, Image.Resampling.BILINEAR)
    soft = (
        layer.resize((width // 8, height // 8), Image.Resampling.BOX)
        .filter(ImageFilter.GaussianBlur(3))
        .resize(picture.size, Image.Resampling.BICUBIC)
    )
    both = ImageChops.add(layer.point(lambda v: v * 0.75), soft.point(lambda v: v * 0.6))
    picture.paste(
        ImageChops.screen(
            picture,
            palette(both, [(0, BLACK), (90, mix(BLACK, mix(colour, (120, 70, 190), 0.5), 0.36)), (255, colour)]),
        )
    )


def skyline(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """A city across the water at dusk or night, its windows lit."""
    # Its own lamps keep the sky over a city from turning black.
    light = light_at(max(light.elevation, -7.5))
    width, height = size
    shore = height * rng.uniform(0.62, 0.72)
    picture = sky(rng, size, light, horizon=shore, cover=rng.uniform(0.1, 0.4))
    dark = light.elevation < 3
    if light.elevation < -5:
        glow(picture, (width / 2, shore), width * 0.8, (176, 110, 66), 1.6)
    lights = Image.new("RGB", size)
    for layer in range(3):
        _towers(rng, picture, lights, light, shore, layer, dark)
    if dark:
        lamps = ImageDraw.Draw(lights)
        x = rng.uniform(0, 10)
        while x < width:
            lamps.ellipse(
                (x - 2, shore - 6, x + 2, shore - 2),
                fill=rng.choice(((255, 200, 120), (255, 220, 170), (190, 220, 255))),
            )
            x += rng.uniform(8, 26)
        halo = lights.reduce(8).filter(ImageFilter.GaussianBlur(3)).resize(size, Image.Resampling.BICUBIC)
        picture = ImageChops.add(ImageChops.screen(picture, lights), halo.point(lambda v: min(255, v * 1.8)))
    row = round(shore)
    flat = mirror(picture, row, ripple=1.6, rng=rng)
    # Lights on moving water are drawn out downwards.
    long = flat.resize((width, max(2, flat.size[1] // 14)), Image.Resampling.BOX).resize(
        flat.size, Image.Resampling.BICUBIC
    )
    flat = Image.blend(flat, long, 0.7)
    swell = relief(heights_of_swell(rng, flat.size, 12, 5), 0.7).point(ramp([(0, 120), (128, 205), (255, 255)]))
    flat = ImageChops.multiply(flat, Image.merge("RGB", (swell,) * 3))
    picture.paste(Image.blend(flat, Image.new("RGB", flat.size, rgb(mix(light.zenith, BLACK, 0.5))), 0.2), (0, row))
    return picture


def _towers(
    rng: random.Random, picture: Image.Image, lights: Image.Image, light: Light, shore: float, layer: int, dark: bool
) -> None:
    width, height = picture.size
    draw, lamps = ImageDraw.Draw(picture), ImageDraw.Draw(lights)
    x = rng.uniform(-30, 0)
    while x < width:
        wide = rng.uniform(22, 62) * (0.8 + 0.25 * layer)
        tall = height * (0.5 - 0.13 * layer) * rng.triangular(0.25, 1.0, 0.4)
        near = (layer + 1) / 3
        wall = mix(
            light.shaded(rng.choice(((92, 98, 116), (120, 112, 110), (74, 86, 108), (134, 130, 132)))),
            light.horizon,
            0.5 * (1 - near),
        )
        if not dark:
            wall = mix(wall, light.lit((190, 190, 196)), 0.35)
        top = shore - tall
        draw.rectangle((x, top, x + wide, shore), fill=rgb(wall))
        draw.rectangle((x + wide * 0.72, top, x + wide, shore), fill=rgb(mix(wall, BLACK, 0.28)))
        lamps.rectangle((x, top, x + wide, shore), fill=(0, 0, 0))
        if rng.random() < 0.3:
            draw.rectangle((x + wide * 0.25, top - tall * 0.08, x + wide * 0.7, top), fill=rgb(wall))
        if rng.random() < 0.22:
            draw.line((x + wide / 2, top, x + wide / 2, top - tall * 0.2), fill=rgb(wall), width=2)
            lamps.ellipse(
                (x + wide / 2 - 2, top - tall * 0.2 - 2, x + wide / 2 + 2, top - tall * 0.2 + 2), fill=(255, 60, 50)
            )
        gap = rng.choice((5, 6, 7))
        share = rng.uniform(0.25, 0.7)
        tone = rng.choice(((255, 214, 150), (255, 232, 196), (214, 230, 255), (255, 190, 110)))
        y = top + 5
        while y < shore - 6:
            row = share * rng.uniform(0.4, 1.4)
            for column in range(1, int(wide / gap)):
                wx = x + column * gap
                if dark:
                    if rng.random() < row:
                        lamps.rectangle(
                            (wx, y, wx + gap - 3, y + gap - 3),
                            fill=rgb(mix(BLACK, tone, rng.uniform(0.5, 1.0) * (0.6 + 0.4 * near))),
                        )
                else:
                    draw.rectangle(
                        (wx, y, wx + gap - 3, y + gap - 3), fill=rgb(mix(wall, light.zenith, rng.uniform(0.3, 0.7)))
                    )
            y += gap
        x += wide * rng.uniform(0.85, 1.5)


def bokeh(rng: random.Random, size: Size, _light: Light) -> Image.Image:
    """A street at night, out of focus: discs of light, and their reflection in wet asphalt."""
    width, height = size
    kerb = height * 0.64
    picture = gradient(size, [(0, (10, 12, 26)), (0.5, (38, 26, 34)), (0.66, (30, 22, 28)), (1, (10, 10, 16))])
    layer = Image.new("RGB", size)
    tints = ((255, 190, 96), (255, 226, 170), (255, 84, 60), (96, 190, 255), (120, 255, 190), (255, 120, 190))
    for _ in range(70):
        x, y = rng.uniform(-20, width + 20), rng.gauss(kerb * 0.6, kerb * 0.24)
        r = rng.uniform(10, 40)
        disc = Image.new("L", (round(r * 4), round(r * 4)))
        draw = ImageDraw.Draw(disc)
        level = rng.randint(60, 190)
        draw.ellipse((2, 2, r * 4 - 4, r * 4 - 4), fill=level, outline=min(255, level + 40), width=5)
        disc = disc.reduce(2)
        box = (round(x - r), round(y - r))
        layer.paste(
            ImageChops.screen(
                layer.crop((box[0], box[1], box[0] + disc.size[0], box[1] + disc.size[1])),
                palette(disc, [(0, BLACK), (255, rng.choice(tints))]),
            ),
            box,
        )
    wet = (
        layer.crop((0, 0, width, round(kerb)))
        .transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        .resize((width, height - round(kerb)))
    )
    wet = wet.resize((width, 16), Image.Resampling.BOX).resize(wet.size, Image.Resampling.BICUBIC)
    layer.paste(wet.point(lambda v: v * 0.6), (0, round(kerb)))
    soft = layer.reduce(4).filter(ImageFilter.GaussianBlur(10)).resize(size)
    return ImageChops.screen(ImageChops.screen(picture, layer), soft)


def moon(rng: random.Random, size: Size, light: Light) -> Image.Image:
    """The full moon behind a wooded ridge."""
    width, height = size
    picture = gradient(size, [(0, mix(light.zenith, BLACK, 0.2)), (1, mix(light.horizon, light.zenith, 0.3))])
    r = height * rng.uniform(0.12, 0.2)
    x, y = width * rng.uniform(0.3, 0.7), height * rng.uniform(0.3, 0.5)
    glow(picture, (x, y), r * 4.5, (110, 104, 104), 2.4)
    side = round(r * 2)
    maria = noise(rng, (side, side), r * 0.6, 5, gain=0.55)
    face = palette(ImageChops.add(relief(maria, 0.35), maria, 2), [(70, (176, 166, 150)), (170, (250, 242, 226))])
    disc = Image.new("L", (side * 2, side * 2))
    ImageDraw.Draw(disc).ellipse((2, 2, side * 2 - 3, side * 2 - 3), fill=255)
    picture.paste(face, (round(x - r), round(y - r)), disc.reduce(2))
    haze = noise(rng, (width // 4, height // 4), 20, 4, stretch=5).resize(size, Image.Resampling.BICUBIC)
    picture.paste(rgb(mix(light.zenith, light.horizon, 0.5)), mask=above(haze, 190, 120).point(lambda v: v * 0.7))
    night = Light(-12, light.zenith, light.horizon, (30, 30, 40), (40, 46, 66))
    woods(rng, picture, night, foot=1.0, tall=0.24, count=60)
    return picture
