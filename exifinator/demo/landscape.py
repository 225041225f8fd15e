"""Layers of landscapes: sky, weather, land and water. Rows and lengths are fractions of the picture's height."""

from __future__ import annotations

import math
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from exifinator.demo.painter import (  # isort: skip
    BILINEAR, STEPS, Canvas, Form, Range, colourise, flat, layer, make_skyline, oval, scaled, threshold,
)  # fmt: skip
from exifinator.demo.palettes import BLACK, GRADIENTS, SNOW, WHITE, Colour, Light, light_at, mix, rgb


@layer
def gradient(c: Canvas, name: str, *, stars: int = 0) -> None:
    """Fill the canvas with a gradient of GRADIENTS, and with stars whose brightness is from `stars` to 255, if any."""
    stops = GRADIENTS[name]
    c.picture = colourise(c.fade(0, 255), stops)
    if stars:
        c.light = Light(-18, stops[0][1], stops[-1][1], (48, 96, 74), (44, 64, 80))
        specks = Image.frombytes("L", c.size, c.rng.randbytes(c.size[0] * c.size[1])).point([0] * 254 + [stars, 255])
        c.shine(ImageChops.multiply(specks, c.noise(0.1)), (255, (236, 240, 255)))


@layer
def sky(
    c: Canvas, *, horizon: Range, cover: Range = 0.4, sun_below: float = -90, overcast: float = 0.0,
    darkest: float = -90,
) -> None:  # fmt: skip
    """Paint the sky down to the horizon, and set the light of the layers that follow.

    Args:
        c: The canvas.
        horizon: Row of the horizon.
        cover: Share of the sky that clouds cover.
        sun_below: Paint the sun if its elevation is below this, in degrees.
        overcast: See Light.overcast.
        darkest: Elevation of the sun below which the sky gets no darker, as over a city.
    """
    c.light = light = light_at(max(c.light.elevation, darkest)).overcast(overcast)
    c.horizon = c.pick(horizon)
    end, middle = 255 * c.horizon, mix(light.zenith, light.horizon, 0.45)
    c.picture = colourise(c.fade(0, 255), [(0, light.zenith), (0.55 * end, middle), (end, light.horizon)])
    if light.elevation < sun_below:
        c.sun_x, row = c.aspect * c.rng.uniform(0.18, 0.82), c.horizon - light.elevation / 48
        c.glow(c.sun_x, row, 0.95, mix(light.sun, light.horizon, 0.3))
        if light.elevation > -1:
            c.glow(c.sun_x, row, 0.14, (255, 246, 225))
            c.paste((255, 252, 240), c.mask(oval(c.sun_x, row, 0.021, 0.021)))
    # Clouds near the horizon are far away, so they need the same perspective as the ground, upside down.
    near, cell, stretch = (c.rng.uniform(*values) for values in ((1.8, 3.0), (0.16, 0.3), (1.2, 2.2)))
    field, edge = ImageOps.flip(c.plane(1 - c.horizon, cell, stretch, near=near)), 255 * (1 - c.pick(cover))
    bright = mix(light.horizon, WHITE, 0.5 if sum(light.horizon) > 450 else 0.1)
    bright = mix(bright, light.sun, 0.4 if light.elevation < 6 else 0.0)
    shade = mix(bright, mix(mix(light.zenith, light.ambient, 0.6), light.horizon, 0.3), 0.85)
    # Clouds are dark where they are thick, and bright at the thin edges.
    clouds = colourise(field, [(edge, bright), (255, shade)])
    c.paste(clouds, threshold(field, edge, 110), c.fade(230, 80, c.horizon * 0.5, c.horizon))


def _square(c: Canvas) -> Canvas:
    """Return a canvas that is large enough to cover this one after a rotation."""
    side = round(math.hypot(*c.size)) + 4
    return Canvas(c.rng, (side, side), c.light)


def _turned(c: Canvas, picture: Image.Image, degrees: float) -> Image.Image:
    """Rotate a picture of the size of _square(c), and cut out the canvas."""
    x, y = (picture.width - c.size[0]) // 2, (picture.height - c.size[1]) // 2
    return picture.rotate(degrees, BILINEAR).crop((x, y, x + c.size[0], y + c.size[1]))


@layer
def galaxy(c: Canvas) -> None:
    """Paint the Milky Way with its dark lanes across the sky."""
    wide = _square(c)
    band = ImageChops.multiply(wide.fade(0, 255, 0.3, 0.5), wide.fade(255, 0, 0.5, 0.7))
    core = threshold(band, 195, 120)
    lanes = ImageChops.multiply(threshold(wide.noise(0.08, 4), 150, 80), core)
    band = ImageChops.multiply(ImageChops.add(band, scaled(core, 0, 0.4)), scaled(wide.noise(0.12, 2.2), -0.2, 1.1))
    slope = c.rng.choice((-1, 1)) * c.rng.uniform(35, 65)
    band = _turned(c, ImageChops.subtract(band, scaled(lanes, 0, 0.75)), slope)
    band = ImageChops.add(band, ImageChops.multiply(threshold(c.noise(0.012), 226, 24), band))
    c.shine(band, (110, (80, 76, 112)), (190, (178, 152, 156)), (255, (255, 238, 220)))


@layer
def northern_lights(c: Canvas, tints: str) -> None:
    """Paint a curtain of northern lights: rays that rise from a winding band."""
    rays = ImageChops.multiply(scaled(c.noise(0.035, rows=8), 0.2, 1), scaled(c.noise(0.4, rows=8), 0.3, 1))
    body = ImageChops.multiply(rays, ImageChops.multiply(c.fade(0, 255, 0.02, 0.84), c.fade(255, 0, 0.84, 0.93)))
    bend, base, swing = (c.rng.uniform(*values) for values in ((0.7, 1.5), (0.3, 0.45), (0.1, 0.28)))
    (width, height), path, strips = c.size, make_skyline(c.rng, "waves", bend), []
    for x in range(0, width, 3):
        down = height / (base + swing * path[x * STEPS // width])
        strips.append(((x, 0, min(width, x + 3), height), (x, 0, x, down, x + 3, down, x + 3, 0)))
    curtain = body.transform(c.size, Image.Transform.MESH, strips, BILINEAR)
    soft = curtain.reduce(4).filter(ImageFilter.BoxBlur(5)).resize(c.size, BILINEAR)
    tint = c.colour(tints)
    faint = mix(BLACK, mix(tint, (130, 60, 190), 0.6), 0.36)
    c.shine(ImageChops.add(curtain, scaled(soft, 0, 0.6)), (70, faint), (255, tint))


@layer
def moon(c: Canvas) -> None:
    """Paint the full moon with its seas, a halo, and thin clouds in front of it."""
    r, x, y = c.rng.uniform(0.12, 0.19), c.aspect * c.rng.uniform(0.3, 0.7), c.rng.uniform(0.28, 0.45)
    c.glow(x, y, r * 4.5, (112, 104, 100))
    seas = ImageChops.add(c.noise(r * 0.8), scaled(c.noise(0.03, lit=True), 0.35, 0.65), 1, -128)
    face = colourise(seas, [(40, (166, 158, 146)), (130, (238, 228, 208)), (255, (255, 252, 240))])
    c.paste(face, c.mask(oval(x, y, r, r)))
    c.paste(mix(c.light.zenith, c.light.horizon, 0.5), scaled(threshold(c.noise(0.12, 6), 170, 150), 0, 0.6))


@layer
def rain(c: Canvas) -> None:
    """Paint slanted veils of rain."""
    veils = threshold(c.noise(0.14, rows=8), 140, 160).rotate(c.rng.uniform(-9, 9), BILINEAR)
    c.paste(mix(c.light.horizon, c.light.zenith, 0.5), veils, c.fade(0, 190, 0.12, c.horizon))


@layer
def mist(c: Canvas, *, top: float, bottom: float, level: float) -> None:
    """Paint mist between the rows `top` and `bottom`. The mist is densest at `bottom`."""
    rise, end = c.fade(0, 255, top, bottom), c.fade(255, 0, bottom, bottom + 0.16)
    c.paste(mix(c.light.horizon, WHITE, 0.12), scaled(c.noise(0.2, 3), 0.3, level), rise, end)


@layer
def ridge(
    c: Canvas, *, top: Range, bottom: float, surface: str, form: Form = "peaks", rough: float = 0.55, snow: Range = 0.0,
    low: str = "", haze: float = 0.0, cell: float = 0.1, stretch: float = 1.0, relief: float = 1.0, folds: float = 1.0,
    taper: bool = False,
) -> None:  # fmt: skip
    """Create a skyline, and paint the land below it.

    Args:
        c: The canvas.
        top, bottom: Rows of the highest and of the lowest point of the skyline.
        surface: Palette of the land.
        form, rough: See make_skyline.
        snow: Share of the land's height that is covered with snow.
        low: Palette of the vegetation at the foot of the land; "" for no vegetation.
        haze: Share of haze; more for distant land.
        cell, stretch: See Canvas.noise.
        relief: Contrast of the land's texture.
        folds: Contrast of the lit and the shaded slopes of waves and mesas.
        taper: Whether to paint a headland that ends within the picture.
    """
    peak, light, heights = c.pick(top), c.light, make_skyline(c.rng, form, rough)
    if taper:
        heights = [v * max(0.0, 1 - i / STEPS * 1.6) ** 0.7 for i, v in enumerate(heights)][:: c.rng.choice((1, -1))]
    c.skyline = [bottom + (peak - bottom) * v for v in heights]
    texture = c.noise(cell, stretch, lit=True)
    if form == "peaks":
        slopes = ImageChops.add(c.noise(0.4, lit=True), c.noise(0.2, lit=True), 1, -110)
    else:
        # Shade the slopes by the steepness of the skyline above them. The shade of a crest winds to one side.
        line = c.skyline if c.sun_left else c.skyline[::-1]
        row = bytes(max(90, min(220, round(155 + (a - b) * 2600 * folds))) for a, b in pairwise(line))
        slopes = Image.frombytes("L", (STEPS, 1), row).reduce((STEPS // 16, 1)).resize(c.size, BILINEAR)
        drift = (1, -0.5 * folds, c.size[1] * 0.5 * folds * peak, 0, 1, 0)
        slopes = slopes.transform(c.size, Image.Transform.AFFINE, drift, BILINEAR, fillcolor=150)
    shade = ImageChops.add(slopes, scaled(texture, 0.5 - relief / 2, 0.5 + relief / 2), 1, -128)
    shade = shade if c.sun_left else ImageOps.mirror(shade)

    def face(colour: Colour) -> Image.Image:
        # Snow is bright and bluish even in the shade. If the sun is in the picture, the slopes face away from it.
        dark = mix(light.on(colour, 0), *((light.zenith, 0.15) if min(colour) > 200 else (BLACK, 0.25)))
        lit = light.on(colour, 0.55 if c.sun_x is not None else 1.0)
        return colourise(shade, [(30, dark), (110, mix(dark, lit, 0.4)), (200, lit), (255, mix(lit, WHITE, 0.15))])

    picture, share = face(c.colour(surface)), c.pick(snow)
    if low:
        reach = ImageChops.add(scaled(texture, 0, 0.6), c.fade(0, 255, peak, bottom), 1, -40)
        picture.paste(face(c.colour(low)), mask=threshold(reach, 120, 60))
    if share > 0:
        fall = c.fade(255, 0, peak, peak + (bottom - peak) * share * 1.6)
        picture.paste(face(SNOW), mask=threshold(ImageChops.add(fall, scaled(shade, 0, 0.7), 1, -80), 100, 50))
    if haze > 0:
        air = flat(c.size, light.horizon)
        picture = Image.blend(picture, air, haze)
        picture.paste(air, mask=c.fade(0, 230 * haze, peak + (bottom - peak) * 0.4, bottom))
    land = [*((i / STEPS * c.aspect, y) for i, y in enumerate(c.skyline)), (c.aspect, 1.1), (0, 1.1)]
    c.paste(picture, c.mask(land))


@layer
def ground(c: Canvas, surface: str, bushes: str) -> None:
    """Paint flat ground with bushes, from the horizon to the viewer's feet."""
    on, soil, leaf = c.light.on, c.colour(surface), c.colour(bushes)
    field, scrub = c.plane(c.horizon, 0.14, 2), c.plane(c.horizon, 0.05)
    below = c.fade(0, 255, c.horizon - 0.004, c.horizon)
    c.paste(colourise(field, [(30, on(soil, 0.15)), (150, on(soil, 0.8)), (255, on(mix(soil, WHITE, 0.2)))]), below)
    c.paste(on(leaf, 0), threshold(ImageChops.offset(scrub, 0, 2), 176, 24))
    c.paste(on(leaf, 0.7), threshold(scrub, 182, 24))
    c.paste(c.light.horizon, c.fade(150, 0, c.horizon, c.horizon + 0.2), below)


@layer
def road(c: Canvas, surface: str, *, row: float = 0.0, half: float = 0.0) -> None:
    """Paint a straight road to the horizon, or an unmarked path to `row`, where half of its width is `half`."""
    top, far, near = row or c.horizon, *(c.aspect * c.rng.uniform(0.44, 0.56) for _ in range(2))

    def strip(left: float, right: float, start: float = 1, end: float = 900) -> list[tuple[float, float]]:
        # The sides are -1 at the left edge of the road and 1 at the right; the ends are distances from the viewer.
        corners = [(left, 1 / end), (right, 1 / end), (right, 1 / start), (left, 1 / start)]
        return [(far + (near - far) * t + x * (half + 0.6 * t), top + (1 - top) * t) for x, t in corners]

    on, colour = c.light.on, c.colour(surface)
    c.paste(
        colourise(c.noise(0.02, 2), [(0, on(colour, 0.4)), (255, on(mix(colour, WHITE, 0.15), 0.9))]),
        c.mask(strip(-1, 1)),
    )
    if not row:
        dashes = (1.05 * 1.9**i for i in range(8))
        c.draw((on((222, 218, 206)), strip(x, x + 0.04)) for x in (-0.9, 0.86))
        c.draw((on((240, 200, 84)), strip(-0.025, 0.025, at, at * 1.45)) for at in dashes)


@layer
def water(
    c: Canvas, *, shore: float = 0.0, ripple: float = 0.004, drawn_out: float = 0.0, waves: Range = 0.0,
    foam: float = 0.0,
) -> None:  # fmt: skip
    """Paint water, which mirrors the picture above it.

    Args:
        c: The canvas.
        shore: Row at which the water starts. The default is the horizon.
        ripple: Strength of the small waves that distort the reflection.
        drawn_out: How much reflections are stretched vertically, from 0 to 1.
        waves: Size of the waves of open water, about 1; 0 for still water.
        foam: Share of the water that is covered with foam.
    """
    row, (width, height), scale, phase = c.pixel_row(shore or c.horizon), c.size, c.pick(waves), c.rng.uniform(0, 6)
    depth, start, below = height - row, row / height, c.fade(0, 255, row / height - 0.004, row / height)
    image = ImageOps.flip(c.picture.crop((0, max(0, row - depth), width, row))).resize((width, depth), BILINEAR)
    if drawn_out:
        long = image.resize((width, max(2, depth // 12)), Image.Resampling.BOX).resize((width, depth), BILINEAR)
        image = Image.blend(image, long, drawn_out)
    # Shift strips of the reflection sideways. `edge` is the largest shift, so that no strip leaves the picture.
    strips, edge = [], ripple * height * 3.2
    for y in range(0, depth, 2):
        bend = ripple * height * (0.3 + 1.8 * y / depth)
        left = edge + bend * (math.sin(phase + y * 0.9 / (1 + y / 90)) + c.rng.uniform(-0.5, 0.5))
        right, end = left + width - 2 * edge, min(depth, y + 2)
        strips.append(((0, y, width, end), (left, y, left, end, right, end, right, y)))
    c.picture.paste(image.transform(image.size, Image.Transform.MESH, strips, BILINEAR), (0, row))
    swell = c.plane(start, 0.05 * (scale or 1), 5, lit=True)
    if scale:
        deep = mix(c.light.on((38, 73, 90), 0.5), c.light.zenith, 0.3)
        c.paste(deep, scaled(ImageOps.invert(swell), -0.5, 1.9), c.fade(90, 235, start, 1), below)
    c.paste(ImageChops.multiply(c.picture, colourise(swell, [(0, (120, 128, 138)), (255, SNOW)])), below)
    if scale and c.sun_x is not None:
        # The sun glitters on the waves below it.
        path = c.mask([(c.sun_x + x, y) for x, y in ((-0.05, start), (0.05, start), (0.2, 1.2), (-0.2, 1.2))])
        path = ImageChops.multiply(path.filter(ImageFilter.BoxBlur((height * 0.09, 1))), below)
        spark = ImageChops.add(ImageChops.multiply(path, threshold(swell, 150, 60)), scaled(path, 0, 0.2))
        c.shine(spark, (255, mix(c.light.sun, (255, 240, 215), 0.45 if c.light.elevation > 0 else 0.05)))
    if foam:
        crests = threshold(c.plane(start, 0.07 * scale, 3.5), 255 * (1 - foam), 40)
        c.paste(c.light.on((236, 242, 244)), crests, c.noise(0.02, 2))


@layer
def coast(c: Canvas) -> None:
    """Paint a coast seen from above, with reefs, surf, a beach and a wood."""
    slope = _turned(c, _square(c).fade(0, 255, 0.2, 0.8), c.rng.uniform(0, 360))
    land = ImageChops.add(c.noise(c.rng.uniform(0.5, 0.8)), slope, 2)
    picture = colourise(land, [(at, c.light.on(colour)) for at, colour in GRADIENTS["coast"]])
    crowns, swell = c.noise(0.035, lit=True), scaled(c.noise(0.03, 2, lit=True), 0.4, 0.6)
    shade = Image.composite(crowns, swell, threshold(land, 148, 6))
    c.picture = ImageChops.add(picture, colourise(shade, [(0, BLACK), (255, (150, 150, 130))]), 1, -66)


@layer
def fields(c: Canvas) -> None:
    """Paint fields seen from above, with furrows, hedges and woods."""
    wide, tile, hedge = _square(c), round(c.size[1] * c.rng.uniform(0.2, 0.3)), rgb(c.light.on((58, 82, 40), 0.5))
    pen = ImageDraw.Draw(wide.picture)
    for y in range(0, wide.size[1], tile):
        right = -c.rng.randrange(tile)
        while (x := right) < wide.size[0]:
            right = x + round(tile * c.rng.uniform(0.5, 1.8))
            pen.rectangle((x, y, right, y + tile), rgb(c.light.on(c.colour("crops"), 0.85)), hedge, 2)
    furrows = colourise(wide.noise(0.008, 60), [(0, (190, 190, 190)), (200, WHITE)])
    c.picture = _turned(c, ImageChops.multiply(wide.picture, furrows), c.rng.uniform(0, 180))
    woods = threshold(c.noise(0.4), 170, 6)
    c.paste(c.light.on((20, 34, 22), 0.2), ImageChops.offset(woods, 3, 3))
    crowns = [(40.0, c.light.on((30, 58, 28), 0.2)), (220.0, c.light.on((96, 126, 54)))]
    c.paste(colourise(c.noise(0.035, lit=True), crowns), woods)
