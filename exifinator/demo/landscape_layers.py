"""Layers of landscapes: sky, weather, land and water.

Each function paints one layer on the canvas `c`. Rows and lengths are fractions of the picture's height.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from exifinator.demo.painter import Canvas, Point, Range, Stops, colourise, flat, oval, scaled, threshold, tilt
from exifinator.demo.palettes import BLACK, SNOW, WHITE, Colour, Light, mix, rgb
from exifinator.demo.skylines import STEPS, Form, make_skyline

_BILINEAR = Image.Resampling.BILINEAR


def weather(c: Canvas, *, share: float, tint: Colour = (172, 180, 188), dark: float = 0.0) -> None:
    """Make the light of the layers that follow cloudy: less sunlight, and a greyer sky. Paint nothing.

    Args:
        c: The canvas.
        share: How cloudy the weather is, from 0 to 1.
        tint: Colour of the clouds in bright light.
        dark: How much the top of the sky is darkened, from 0 to 0.8.
    """
    light = c.light
    grey = mix(BLACK, tint, min(1.0, sum(light.horizon) / 660))
    zenith, horizon = mix(light.zenith, mix(grey, BLACK, 0.2 + dark), share), mix(light.horizon, grey, share)
    sun, ambient = mix(light.sun, BLACK, share * 0.8), mix(light.ambient, mix(grey, BLACK, dark / 2), share * 0.6)
    c.light = Light(light.elevation, zenith, horizon, sun, ambient)


def sky(c: Canvas, *, horizon: Range = 0.5, cover: Range = (0.2, 0.5), sun_below: float = -90) -> None:
    """Paint the sky down to the horizon.

    Args:
        c: The canvas.
        horizon: Row of the horizon.
        cover: Share of the sky that clouds cover.
        sun_below: Paint the sun if its elevation is below this, in degrees.
    """
    light, c.horizon, cover = c.light, c.pick(horizon), c.pick(cover)
    c.backdrop(
        [(0, light.zenith), (0.55 * c.horizon, mix(light.zenith, light.horizon, 0.45)), (c.horizon, light.horizon)]
    )
    low = light.elevation < 6
    if light.elevation < sun_below:
        c.sun_x = c.aspect * c.rng.uniform(0.18, 0.82)
        row = c.horizon - light.elevation / 48
        c.glow(c.sun_x, row, 0.95, mix(light.sun, light.horizon, 0.3))
        if light.elevation > -1:
            c.glow(c.sun_x, row, 0.14, (255, 246, 225))
            with c.pen(row - 0.03, row + 0.03) as fill:
                fill((255, 252, 240), oval(c.sun_x, row, 0.021, 0.021))
    # Clouds near the horizon are far away, so they need the same perspective as the ground, upside down.
    size = (c.size[0], c.pixel_row(c.horizon))
    field = c.noise(c.rng.uniform(0.16, 0.3), c.rng.uniform(1.2, 2.2), size=(size[0] // 2, size[1] // 2))
    field = ImageOps.flip(tilt(field, field.size, near=c.rng.uniform(1.8, 3.0))).resize(size, _BILINEAR)
    edge = 255 * (1 - cover)
    bright = mix(mix(light.horizon, WHITE, 0.5 if sum(light.horizon) > 450 else 0.1), light.sun, 0.4 if low else 0.0)
    dark = mix(mix(light.zenith, light.ambient, 0.6), light.horizon, 0.3)
    # Clouds are dark where they are thick, and bright at the thin edges.
    body = colourise(field, [(edge, bright), (255, mix(bright, dark, 0.85))])
    thin = c.fade(230, 80, c.horizon * 0.5, c.horizon).crop((0, 0, *size))
    c.picture.paste(body, (0, 0), ImageChops.multiply(threshold(field, edge, 110), thin))


def night(c: Canvas, *, stops: Stops, stars: int) -> None:
    """Paint a starry sky.

    Args:
        c: The canvas.
        stops: Colours of the sky, by row.
        stars: Brightness of the faintest stars, from 0 to 255.
    """
    c.backdrop(stops)
    c.light = Light(-18, stops[0][1], stops[-1][1], (48, 96, 74), (44, 64, 80))
    specks = Image.frombytes("L", c.size, c.rng.randbytes(c.size[0] * c.size[1])).point([0] * 254 + [stars, 255])
    c.shine(ImageChops.multiply(specks, c.noise(0.1)), (255, (236, 240, 255)))


def galaxy(c: Canvas) -> None:
    """Paint the Milky Way with its dark lanes across the sky."""
    side = round(math.hypot(*c.size)) + 4
    wide = Canvas(c.rng, (side, side), c.light)
    band = ImageChops.multiply(wide.fade(0, 255, 0.3, 0.5), wide.fade(255, 0, 0.5, 0.7))
    core = ImageChops.multiply(wide.fade(0, 255, 0.43, 0.5), wide.fade(255, 0, 0.5, 0.57))
    lanes = ImageChops.multiply(threshold(wide.noise(0.08, 4), 150, 80), core)
    band = ImageChops.multiply(ImageChops.add(band, scaled(core, 0, 0.4)), scaled(wide.noise(0.12, 2.2), -0.2, 1.1))
    band = c.rotate_and_crop(
        ImageChops.subtract(band, scaled(lanes, 0, 0.75)), c.rng.choice((-1, 1)) * c.rng.uniform(35, 65)
    )
    band = ImageChops.add(band, ImageChops.multiply(threshold(c.noise(0.012), 226, 24), band))
    c.shine(band, (110, (80, 76, 112)), (190, (178, 152, 156)), (255, (255, 238, 220)))


def curtain(c: Canvas, *, tints: Sequence[Colour]) -> None:
    """Paint a curtain of northern lights: rays that rise from a winding band."""
    width, height = c.size
    rays = ImageChops.multiply(scaled(c.columns(0.035), 0.2, 1), scaled(c.columns(0.4), 0.3, 1))
    body = ImageChops.multiply(rays, ImageChops.multiply(c.fade(0, 255, 0.02, 0.84), c.fade(255, 0, 0.84, 0.93)))
    path = make_skyline(c.rng, "waves", c.rng.uniform(0.7, 1.5))
    base, swing = c.rng.uniform(0.3, 0.45), c.rng.uniform(0.1, 0.28)
    strips = []
    for x in range(0, width, 3):
        down = height / (base + swing * path[x * STEPS // width])
        strips.append(((x, 0, min(width, x + 3), height), (x, 0, x, down, x + 3, down, x + 3, 0)))
    layer = body.transform(c.size, Image.Transform.MESH, strips, _BILINEAR)
    soft = layer.reduce(4).filter(ImageFilter.BoxBlur(5)).resize(c.size, _BILINEAR)
    tint = c.rng.choice(tints)
    c.shine(
        ImageChops.add(layer, scaled(soft, 0, 0.6)), (70, mix(BLACK, mix(tint, (130, 60, 190), 0.6), 0.36)), (255, tint)
    )


def moon(c: Canvas) -> None:
    """Paint the full moon with its seas, a halo, and thin clouds in front of it."""
    r, x, y = c.rng.uniform(0.12, 0.19), c.aspect * c.rng.uniform(0.3, 0.7), c.rng.uniform(0.28, 0.45)
    c.glow(x, y, r * 4.5, (112, 104, 100))
    seas = ImageChops.add(c.noise(r * 0.8), scaled(c.noise(0.03, embossed=True), 0.35, 0.65), 1, -128)
    c.paste(
        colourise(seas, [(40, (166, 158, 146)), (130, (238, 228, 208)), (255, (255, 252, 240))]),
        c.mask([oval(x, y, r, r)]),
    )
    c.paste(mix(c.light.zenith, c.light.horizon, 0.5), scaled(threshold(c.noise(0.12, 6), 170, 150), 0, 0.6))


def rain(c: Canvas) -> None:
    """Paint rain, with lightning in half of the pictures."""
    veils = threshold(c.columns(0.14), 140, 160).rotate(c.rng.uniform(-9, 9), _BILINEAR)
    c.paste(mix(c.light.horizon, c.light.zenith, 0.5), veils, c.fade(0, 190, 0.12, c.horizon))
    if c.rng.random() < 0.5:
        x = c.aspect * c.rng.uniform(0.2, 0.8)
        rows = [c.horizon * 0.1 + i * c.horizon * 0.045 for i in range(21)]
        points = [(x := x + c.rng.uniform(-0.03, 0.03), y) for y in rows]
        c.glow(points[4][0], points[4][1], 0.8, (120, 112, 160))
        with c.pen() as fill:
            fill((240, 236, 255), [*points, *((x + 0.004, y) for x, y in reversed(points))])


def mist(c: Canvas, *, top: float, bottom: float, level: float) -> None:
    """Paint mist between the rows `top` and `bottom`. The mist is densest at `bottom`."""
    clouds = scaled(c.noise(0.2, 3), 0.3, level)
    c.paste(
        mix(c.light.horizon, WHITE, 0.12), clouds, c.fade(0, 255, top, bottom), c.fade(255, 0, bottom, bottom + 0.16)
    )


def ridge(
    c: Canvas, *, top: Range, bottom: float, surfaces: Sequence[Colour], form: Form = "peaks", rough: float = 0.55,
    cap: Range = 0.0, low: Colour | None = None, haze: float = 0.0, cell: float = 0.1, stretch: float = 1.0,
    relief: float = 1.0, folds: float = 1.0, taper: bool = False,
) -> None:  # fmt: skip
    """Create a skyline, and paint the land below it.

    Args:
        c: The canvas.
        top, bottom: Rows of the highest and of the lowest point of the skyline.
        surfaces: Colours of the land. One of them is chosen.
        form, rough: See make_skyline.
        cap: Share of the land's height that is covered with snow.
        low: Colour of the vegetation at the foot of the land; None for no vegetation.
        haze: Share of haze; more for distant land.
        cell, stretch: See Canvas.noise.
        relief: Contrast of the land's texture.
        folds: How far spurs run down from the peaks.
        taper: Whether to paint a headland that ends within the picture.
    """
    peak, light, heights = c.pick(top), c.light, make_skyline(c.rng, form, rough)
    if taper:
        heights = [v * max(0.0, 1 - i / STEPS * 1.6) ** 0.7 for i, v in enumerate(heights)][:: c.rng.choice((1, -1))]
    c.skyline_rows = [bottom + (peak - bottom) * v for v in heights]
    # Paint only the rows below the highest point of the skyline.
    band = (0, c.pixel_row(min(c.skyline_rows)), *c.size)
    size = (c.size[0], c.size[1] - band[1])
    texture = c.noise(cell, stretch, size=size, embossed=True)
    if not c.sun_left:
        texture = ImageOps.mirror(texture)
    shade = ImageChops.add(
        _spurs(c, folds, smooth=form == "waves").crop(band),
        scaled(texture, 0.5 - relief / 2, 0.5 + relief / 2),
        1,
        -128,
    )
    # If the sun is in the picture, the visible slopes face away from it, so they get less sunlight.
    sun = 0.55 if c.sun_x is not None else 1.0

    def face(colour: Colour) -> Image.Image:
        # Snow is bright and bluish even in the shade.
        dark = mix(light.on(colour, 0), *((light.zenith, 0.15) if min(colour) > 200 else (BLACK, 0.25)))
        lit = light.on(colour, sun)
        return colourise(shade, [(30, dark), (110, mix(dark, lit, 0.4)), (200, lit), (255, mix(lit, WHITE, 0.15))])

    picture, share = face(c.rng.choice(surfaces)), c.pick(cap)
    if low is not None:
        reach = ImageChops.add(scaled(texture, 0, 0.6), c.fade(0, 255, peak, bottom).crop(band), 1, -40)
        picture.paste(face(low), mask=threshold(reach, 120, 60))
    if share > 0:
        snow_fade = c.fade(255, 0, peak, peak + (bottom - peak) * share * 1.6).crop(band)
        picture.paste(face(SNOW), mask=threshold(ImageChops.add(snow_fade, scaled(shade, 0, 0.7), 1, -80), 100, 50))
    if haze > 0:
        picture = Image.blend(picture, flat(size, light.horizon), haze)
        picture.paste(
            flat(size, light.horizon), mask=c.fade(0, 230 * haze, peak + (bottom - peak) * 0.4, bottom).crop(band)
        )
    below = [*((i / STEPS * c.aspect, y) for i, y in enumerate(c.skyline_rows)), (c.aspect, 1.1), (0, 1.1)]
    c.picture.paste(picture, band[:2], c.mask([below]).crop(band))


def _spurs(c: Canvas, folds: float, *, smooth: bool) -> Image.Image:
    """Return a mask of the light on the slopes. Crests wind down from the peaks, and one side of each is shaded."""
    if not folds:
        return Image.new("L", c.size, 160)
    line = c.skyline_rows if c.sun_left else c.skyline_rows[::-1]
    slopes = bytes(max(90, min(220, round(160 + (a - b) * 2200 * min(folds, 1)))) for a, b in pairwise(line))
    row = Image.frombytes("L", (STEPS, 1), slopes).resize((STEPS // 4, 1), Image.Resampling.BOX)
    # Paint at half size, because enlarging the result smooths the edges.
    size = (c.size[0] // 2, c.size[1] // 2)
    shade = row.resize((size[0], 1), _BILINEAR).resize(size, Image.Resampling.NEAREST)
    pen, across, at = ImageDraw.Draw(shade), c.aspect / STEPS, 0
    while at < STEPS:
        foot = at
        while foot < STEPS and line[foot + 1] > line[foot]:
            foot += 1
        if foot == at:
            at += 1
            continue
        drop = line[foot] - line[at]
        step, turn = folds * drop * 0.25, c.rng.uniform(0, math.tau)
        crest = [(at * across, line[at])]
        for i in range(12):
            sway = 0.9 * math.sin(turn + i * 0.5) if smooth else c.rng.uniform(-0.7, 0.9)
            crest.append((crest[-1][0] + step * sway, crest[-1][1] + step))
        slope = [(i * across, line[i]) for i in range(at, foot + 1)]
        outline = [*slope, (foot * across + drop * folds, crest[-1][1]), *reversed(crest)]
        pen.polygon([(x * size[1], y * size[1]) for x, y in outline], fill=round(150 - min(90.0, drop * 900)))
        at = foot
    if smooth:
        shade = shade.filter(ImageFilter.BoxBlur(size[1] / 110))
    return (shade if c.sun_left else ImageOps.mirror(shade)).resize(c.size, _BILINEAR)


def ground(c: Canvas, *, surface: Colour, bushes: Colour, near: float = 6.0) -> None:
    """Paint flat ground from the horizon to the viewer's feet.

    Args:
        c: The canvas.
        surface: Colour of the ground.
        bushes: Colour of the bushes on the ground.
        near: See tilt().
    """
    light, at = c.light, (0, c.pixel_row(c.horizon))
    size = (c.size[0], c.size[1] - at[1])
    field, scrub = (tilt(c.noise(*cell), size, near) for cell in ((0.14, 2.0), (0.05, 1.0)))
    bright = light.on(mix(surface, WHITE, 0.2))
    face = colourise(field, [(30, light.on(surface, 0.15)), (150, light.on(surface, 0.8)), (255, bright)])
    face.paste(flat(size, light.on(bushes, 0)), mask=threshold(ImageChops.offset(scrub, 0, 2), 176, 24))
    face.paste(flat(size, light.on(bushes, 0.7)), mask=threshold(scrub, 182, 24))
    c.picture.paste(face, at)
    _fade_distance(c, 0.2)


def road(c: Canvas) -> None:
    """Paint a straight road from the viewer to the horizon."""
    far, near = (c.aspect * c.rng.uniform(0.42, 0.58) for _ in range(2))

    def strip(left: float, right: float, start: float, end: float) -> list[Point]:
        """Return the outline of a part of the road.

        Args:
            left, right: Sides of the part: -1 is the left edge of the road, and 1 the right edge.
            start, end: Ends of the part, as distances from the viewer.
        """
        corners = [(left, 1 / end), (right, 1 / end), (right, 1 / start), (left, 1 / start)]
        return [(far + (near - far) * t + x * 0.62 * t, c.horizon + (1 - c.horizon) * t) for x, t in corners]

    on = c.light.on
    tar = colourise(c.noise(0.014), [(0, on((66, 64, 66), 0.7)), (255, on((112, 108, 106), 0.9))])
    c.paste(tar, c.mask([strip(-1, 1, 1, 900)]))
    c.paste(on((222, 218, 206)), c.mask([strip(-0.9, -0.86, 1, 90), strip(0.86, 0.9, 1, 90)]))
    c.paste(on((240, 200, 84)), c.mask(strip(-0.025, 0.025, at, at * 1.45) for at in (1.05 * 1.9**i for i in range(8))))
    _fade_distance(c, 0.14)


def water(c: Canvas, *, rough: Range = (0.8, 1.4), deep: Colour = (34, 70, 92), foam: float = 0.0) -> None:
    """Paint open water below the horizon, with reflections of the sky, and of the sun if it is in the picture.

    Args:
        c: The canvas.
        rough: Size of the waves.
        deep: Colour of deep water.
        foam: Share of the water that is covered with foam.
    """
    light, scale, at = c.light, c.pick(rough), (0, c.pixel_row(c.horizon))
    size = (c.size[0], c.size[1] - at[1])
    swell = tilt(c.noise(0.07 * scale, 3.5), size, 7)
    slope = ImageChops.subtract(swell, ImageChops.offset(swell, 0, max(1, round(c.size[1] / 200))), 0.7 / scale, 128)
    bright, dark = mix(light.horizon, light.zenith, 0.3), mix(light.on(deep, 0.5), light.zenith, 0.3)
    tone = ImageChops.add(slope, c.fade(70, 0, c.horizon, 0.9).crop((*at, *c.size)), 1, -40)
    face = colourise(tone, [(20, mix(dark, BLACK, 0.35)), (120, mix(dark, bright, 0.25)), (230, bright)])
    if foam:
        crests = ImageChops.multiply(threshold(swell, 255 * (1 - foam), 40), c.noise(0.02, 2, size=size))
        face.paste(flat(size, light.on((236, 242, 244))), mask=crests)
    if c.sun_x is not None and light.elevation > -3:
        spread = 0.1 + 0.02 * max(0.0, light.elevation)
        corners = [(-0.05, c.horizon - 0.1), (0.05, c.horizon - 0.1), (spread, 1.2), (-spread, 1.2)]
        path = c.mask([[(c.sun_x + x, y) for x, y in corners]]).crop((*at, *c.size))
        path = path.filter(ImageFilter.BoxBlur((c.size[1] * 0.09, 1)))
        spark = ImageChops.add(ImageChops.multiply(path, threshold(slope, 140, 70)), scaled(path, 0, 0.2))
        shine = mix(light.sun, (255, 240, 215), 0.45 if light.elevation > 0 else 0.05)
        face = ImageChops.screen(face, colourise(spark, [(0, BLACK), (255, shine)]))
    c.picture.paste(face, at)
    _fade_distance(c, 0.07)


def mirror(c: Canvas, *, shore: float, ripple: float = 0.004, drawn_out: float = 0.0) -> None:
    """Paint still water below the row `shore`, which mirrors the picture above it.

    Args:
        c: The canvas.
        shore: Row of the shore.
        ripple: Strength of the waves that distort the reflection.
        drawn_out: How much reflections are stretched vertically, from 0 to 1.
    """
    row, width = c.pixel_row(shore), c.size[0]
    depth = c.size[1] - row
    source = ImageOps.flip(c.picture.crop((0, max(0, row - depth), width, row))).resize((width, depth), _BILINEAR)
    if drawn_out:
        long = source.resize((width, max(2, depth // 12)), Image.Resampling.BOX).resize((width, depth), _BILINEAR)
        source = Image.blend(source, long, drawn_out)
    strips, y, phase = [], 0, c.rng.uniform(0, math.tau)
    while y < depth:
        tall = max(1, round(depth / 160 * (1 + 3 * y / depth)))
        bend = ripple * c.size[1] * (0.3 + 1.8 * y / depth)
        x = bend * (math.sin(phase + y * 0.9 / (1 + y / 90)) + c.rng.uniform(-0.5, 0.5))
        low, high = max(0.0, y - abs(x)), min(float(depth), y + tall - abs(x))
        strips.append(((0, y, width, min(depth, y + tall)), (x, low, x, high, width + x, high, width + x, low)))
        y += tall
    # Keep the undistorted water at the sides, where strips are shifted past the picture's edge.
    edge = math.ceil(ripple * c.size[1] * 4)
    moved = source.transform(source.size, Image.Transform.MESH, strips, _BILINEAR)
    source.paste(moved.crop((edge, 0, width - edge, depth)), (edge, 0))
    swell = tilt(c.noise(0.05, 5, embossed=True), source.size, 5)
    c.picture.paste(
        ImageChops.multiply(source, colourise(swell, [(0, (120, 128, 138)), (255, (250, 252, 252))])), (0, row)
    )


def _fade_distance(c: Canvas, depth: float) -> None:
    """Fade flat land or water towards the horizon."""
    c.paste(c.light.horizon, c.fade(150, 0, c.horizon, c.horizon + depth), c.fade(0, 255, c.horizon - 0.004, c.horizon))


def coast(c: Canvas, *, stops: Stops) -> None:
    """Paint a coast seen from above, with reefs, surf, a beach and a wood.

    Args:
        c: The canvas.
        stops: Colours of sea and land, by height from 0 to 255.
    """
    side = round(math.hypot(*c.size)) + 4
    slope = c.rotate_and_crop(Canvas(c.rng, (side, side), c.light).fade(0, 255, 0.2, 0.8), c.rng.uniform(0, 360))
    land = ImageChops.add(c.noise(c.rng.uniform(0.5, 0.8)), slope, 2)
    picture = colourise(land, [(at, c.light.on(colour)) for at, colour in stops])
    swell = scaled(c.noise(0.03, 2, embossed=True), 0.4, 0.6)
    shade = Image.composite(c.noise(0.035, embossed=True), swell, threshold(land, 148, 6))
    c.picture = ImageChops.add(picture, colourise(shade, [(0, BLACK), (255, (150, 150, 130))]), 1, -66)


def fields(c: Canvas, *, crops: Sequence[Colour]) -> None:
    """Paint fields seen from above, with furrows, hedges, woods and a track."""
    side, tile, turn = round(math.hypot(*c.size)) + 4, round(c.size[1] * c.rng.uniform(0.2, 0.3)), c.rng.uniform(0, 180)
    plan, furrows = Image.new("RGB", (side, side)), Canvas(c.rng, (side, side), c.light).noise(0.008, 60)
    pen = ImageDraw.Draw(plan)
    for y in range(0, side, tile):
        x = -c.rng.randrange(tile)
        while x < side:
            wide = round(tile * c.rng.uniform(0.5, 1.8))
            pen.rectangle(
                (x, y, x + wide, y + tile),
                rgb(c.light.on(c.rng.choice(crops), 0.85)),
                rgb(c.light.on((58, 82, 40), 0.5)),
                2,
            )
            x += wide
    c.picture = c.rotate_and_crop(
        ImageChops.multiply(plan, colourise(furrows, [(0, (190, 190, 190)), (200, WHITE)])), turn
    )
    track = [(c.aspect * (0.2 + 0.6 * v), i / STEPS) for i, v in enumerate(make_skyline(c.rng, "waves", 0.4))]
    with c.pen() as fill:
        fill(c.light.on((226, 210, 174), 0.9), [*track, *((x + 0.014, y) for x, y in reversed(track))])
    woods = threshold(c.noise(0.4), 170, 6)
    c.paste(c.light.on((20, 34, 22), 0.2), ImageChops.offset(woods, 3, 3))
    crowns = c.noise(0.035, embossed=True)
    c.paste(colourise(crowns, [(40, c.light.on((30, 58, 28), 0.2)), (220, c.light.on((96, 126, 54)))]), woods)
