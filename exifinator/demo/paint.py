"""The brushes of the demo library: light, noise, ridges, skies, and the look of a lens and a sensor.

Everything is made of a few cheap Pillow operations and of the randomness passed in, so the same seed paints the same
pixels. Points and sizes are pixels, colours are RGB from 0 to 255, masks are images of mode L.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

Colour = tuple[float, float, float]
Size = tuple[int, int]

_BICUBIC = Image.Resampling.BICUBIC
_BILINEAR = Image.Resampling.BILINEAR

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
ROCK: Colour = (128, 118, 108)
SNOW: Colour = (236, 242, 250)
GRASS: Colour = (118, 136, 70)
SAND: Colour = (226, 178, 120)
RED_ROCK: Colour = (196, 112, 76)
PINE: Colour = (50, 72, 56)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`a` where share is 0, `b` where it is 1."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def times(a: Colour, b: Colour) -> Colour:
    """The colour of a surface `a` under light `b`."""
    return (a[0] * b[0] / 255, a[1] * b[1] / 255, a[2] * b[2] / 255)


def plus(a: Colour, b: Colour, share: float = 1.0) -> Colour:
    """Light added to light."""
    return (a[0] + b[0] * share, a[1] + b[1] * share, a[2] + b[2] * share)


def rgb(colour: Colour) -> tuple[int, int, int]:
    """The colour as Pillow takes it."""
    red, green, blue = (max(0, min(255, round(part))) for part in colour)
    return red, green, blue


@dataclass(frozen=True)
class Light:
    """What the sun, `elevation` degrees above the horizon, makes of a sky and of what lies under it."""

    elevation: float
    zenith: Colour
    horizon: Colour
    sun: Colour
    ambient: Colour

    def lit(self, surface: Colour, share: float = 1.0) -> Colour:
        """The surface in the sun."""
        return times(surface, plus(self.ambient, self.sun, 0.8 * share))

    def shaded(self, surface: Colour) -> Colour:
        """The surface in the shade."""
        return times(surface, self.ambient)


_SKIES: tuple[tuple[float, Colour, Colour, Colour, Colour], ...] = (
    # elevation, zenith, horizon, sun, ambient
    (-18, (5, 8, 22), (18, 25, 48), (4, 5, 10), (20, 26, 46)),
    (-9, (16, 26, 66), (62, 64, 106), (10, 12, 26), (44, 52, 86)),
    (-4, (36, 56, 120), (216, 140, 108), (60, 40, 46), (84, 84, 120)),
    (-0.5, (66, 92, 156), (250, 172, 106), (190, 104, 60), (106, 98, 122)),
    (4, (84, 130, 196), (253, 206, 150), (235, 158, 92), (112, 112, 138)),
    (12, (74, 132, 204), (218, 224, 226), (235, 208, 168), (112, 128, 152)),
    (35, (46, 104, 186), (188, 212, 234), (220, 212, 198), (112, 128, 152)),
)


def light_at(elevation: float) -> Light:
    """The light of a clear day with the sun `elevation` degrees above the horizon; below 0: twilight, then night."""
    first, *rest = _SKIES
    if elevation <= first[0]:
        return Light(elevation, *first[1:])
    for low, high in pairwise(_SKIES):
        if elevation <= high[0]:
            share = (elevation - low[0]) / (high[0] - low[0])
            return Light(elevation, *(mix(a, b, share) for a, b in zip(low[1:], high[1:], strict=True)))
    return Light(elevation, *rest[-1][1:])


def overcast(light: Light, share: float, tint: Colour = (150, 160, 172)) -> Light:
    """The same hour under clouds: less sun, greyer sky."""
    level = sum(light.horizon) / 3 / 220
    grey = mix(BLACK, tint, min(1.0, level))
    return Light(
        light.elevation,
        mix(light.zenith, mix(grey, BLACK, 0.25), share),
        mix(light.horizon, mix(grey, WHITE, 0.2 * level), share),
        mix(light.sun, BLACK, share * 0.8),
        mix(light.ambient, grey, share * 0.6),
    )


def ramp(values: Sequence[tuple[float, float]]) -> list[int]:
    """A table for Image.point through (input, output) points, straight between them."""
    first, last = values[0], values[-1]
    table = [first[1]] * max(0, min(256, math.ceil(first[0])))
    for (x0, y0), (x1, y1) in pairwise(values):
        slope = (y1 - y0) / (x1 - x0)
        table += [y0 + (x - x0) * slope for x in range(len(table), max(len(table), min(256, math.ceil(x1))))]
    table += [last[1]] * (256 - len(table))
    return [0 if value < 0 else 255 if value > 255 else int(value + 0.5) for value in table]


def above(mask: Image.Image, threshold: float, softness: float = 40) -> Image.Image:
    """White where the mask is above the threshold, with a soft edge."""
    return mask.point(ramp([(threshold - softness / 2, 0), (threshold + softness / 2, 255)]))


def palette(mask: Image.Image, stops: Sequence[tuple[float, Colour]]) -> Image.Image:
    """The mask's greys as colours, through (grey, colour) points."""
    return Image.merge("RGB", [mask.point(ramp([(x, c[i]) for x, c in stops])) for i in range(3)])


_COLUMN = Image.linear_gradient("L").resize((1, 256))


def gradient(size: Size, stops: Sequence[tuple[float, Colour]]) -> Image.Image:
    """From top to bottom through (share of the height, colour) points."""
    return _widen(palette(_COLUMN, [(at * 255, colour) for at, colour in stops]), size)


def fade(size: Size, top: float, bottom: float, start: float = 0.0, stop: float = 1.0) -> Image.Image:
    """A mask that runs from `top` to `bottom` (0 to 255) between two shares of the height."""
    return _widen(_COLUMN.point(ramp([(start * 255, top), (stop * 255, bottom)])), size)


def _widen(column: Image.Image, size: Size) -> Image.Image:
    # Two steps, because only the first of them has anything to interpolate.
    return column.resize((1, size[1]), _BILINEAR).resize(size, Image.Resampling.NEAREST)


def noise(
    rng: random.Random, size: Size, cell: float, octaves: int = 4, *, stretch: float = 1.0, gain: float = 0.5
) -> Image.Image:
    """Fractal noise over all greys: blobs of `cell` pixels (`stretch` times as wide), each octave half as large."""
    columns, rows = max(2, round(size[0] / cell / stretch)), max(2, round(size[1] / cell))
    total = Image.frombytes("L", (columns, rows), rng.randbytes(columns * rows))
    amplitude, weight = 1.0, 1.0
    # Each octave is added at its own size, so that only the last one costs anything.
    for _ in range(octaves - 1):
        columns, rows = min(columns * 2, size[0]), min(rows * 2, size[1])
        amplitude *= gain
        weight += amplitude
        layer = Image.frombytes("L", (columns, rows), rng.randbytes(columns * rows))
        total = Image.blend(total.resize((columns, rows), _BICUBIC), layer, amplitude / weight)
    return ImageOps.autocontrast(total, cutoff=0.5).resize(size, _BICUBIC)


def shifted(mask: Image.Image, right: int, down: int) -> Image.Image:
    """The mask moved by some pixels; its old edge stays where nothing moved in."""
    moved = mask.copy()
    moved.paste(mask, (right, down))
    return moved


def grey(mask: Image.Image) -> Image.Image:
    """The mask as a picture."""
    return Image.merge("RGB", (mask, mask, mask))


def from_slope(size: Size, line: Sequence[float], *, sun_left: bool, strength: float) -> Image.Image:
    """How the slopes under a soft skyline catch the light: 128 on level ground, bright towards the sun."""
    side = 1 if sun_left else -1
    steps = [128 + side * (b - a) * len(line) * strength for a, b in pairwise(line)]
    row = Image.frombytes("L", (len(steps), 1), bytes(max(0, min(255, round(v))) for v in steps))
    return row.resize(size, _BICUBIC)


def relief(height: Image.Image, strength: float = 1.0, *, sun_left: bool = True) -> Image.Image:
    """The height map lit from one side: 128 on level ground, bright where it faces the sun."""
    dx = 2 if sun_left else -2
    return ImageChops.subtract(height, shifted(height, dx, 2), 1 / (2.2 * strength), 128)


def tilt(texture: Image.Image, size: Size, near: float = 3.0) -> Image.Image:
    """A texture laid on the ground: its top at the horizon, its bottom `near` times as large."""
    (wide, deep), (width, height) = texture.size, size
    # Depth goes with 1 / (1 + g * row); Pillow divides both coordinates by that.
    g = (near - 1) / height
    scale = wide / width
    plane = (scale, wide / 2 * g, wide / 2 - scale * width / 2, 0.0, deep * near / height, 0.0, 0.0, g)
    return texture.transform(size, Image.Transform.PERSPECTIVE, plane, _BILINEAR)


def ridge(rng: random.Random, points: int, roughness: float = 0.55) -> list[float]:
    """A skyline of at least `points` heights between 0 and 1, by midpoint displacement."""
    line = [rng.random(), rng.random()]
    swing = 0.6
    while len(line) < points:
        line = [height for a, b in pairwise(line) for height in (a, (a + b) / 2 + rng.uniform(-swing, swing))] + line[
            -1:
        ]
        swing *= roughness
    low, high = min(line), max(line)
    return [(height - low) / (high - low) for height in line]


def waves(rng: random.Random, points: int, humps: float, count: int = 4) -> list[float]:
    """A soft skyline of heights between 0 and 1: a few sines."""
    parts = [(humps * rng.uniform(0.5, 1.5) * 1.7**i, rng.uniform(0, math.tau), 0.55**i) for i in range(count)]
    line = [sum(a * math.sin(f * x / points * math.tau + p) for f, p, a in parts) for x in range(points)]
    low, high = min(line), max(line)
    return [(height - low) / (high - low) for height in line]


def under(size: Size, line: Sequence[float], top: float, bottom: float) -> Image.Image:
    """The mask of all below a skyline whose heights 0 and 1 lie at the rows `bottom` and `top`."""
    width, height = size
    step = width * 2 / (len(line) - 1)
    points = [(i * step, 2 * (bottom + (top - bottom) * value)) for i, value in enumerate(line)]
    # Twice as large, then halved: ImageDraw draws hard edges.
    mask = Image.new("L", (width * 2, height * 2))
    ImageDraw.Draw(mask).polygon([*points, (width * 2, height * 2), (0, height * 2)], fill=255)
    return mask.reduce(2)


def glow(picture: Image.Image, at: tuple[float, float], radius: float, colour: Colour, power: float = 2.0) -> None:
    """Add a round glow of light to the picture, in place."""
    side = max(2, round(radius * 2))
    left, top = round(at[0] - radius), round(at[1] - radius)
    box = (max(0, left), max(0, top), min(picture.width, left + side), min(picture.height, top + side))
    if box[0] >= box[2] or box[1] >= box[3]:
        return
    layer = _falloff(power).resize((side, side), _BILINEAR)
    layer = layer.crop((box[0] - left, box[1] - top, box[2] - left, box[3] - top))
    picture.paste(ImageChops.screen(picture.crop(box), palette(layer, [(0, BLACK), (255, colour)])), box[:2])


@functools.cache
def _falloff(power: float) -> Image.Image:
    return Image.radial_gradient("L").point([round(255 * max(0.0, 1 - v / 181) ** power) for v in range(256)])


def sky(
    rng: random.Random,
    size: Size,
    light: Light,
    *,
    horizon: float,
    cover: float = 0.4,
    sun_at: float | None = None,
) -> Image.Image:
    """A sky down to the row `horizon`; `cover` is the share of clouds, `sun_at` the sun's column if it is in view."""
    height = size[1]
    edge = horizon / height
    middle = mix(light.zenith, light.horizon, 0.45)
    picture = gradient(size, [(0, light.zenith), (edge * 0.55, middle), (edge, light.horizon), (1, light.horizon)])
    if sun_at is not None:
        row = horizon - light.elevation * height / 48
        glow(picture, (sun_at, row), height * 0.9, mix(light.sun, light.horizon, 0.3), 2.4)
        if light.elevation > -1:
            glow(picture, (sun_at, row), height * 0.12, (255, 246, 225), 3)
            spot = height * 0.02
            ImageDraw.Draw(picture).ellipse(
                (sun_at - spot, row - spot, sun_at + spot, row + spot), fill=(255, 252, 240)
            )
    if cover > 0:
        _clouds(rng, picture, light, horizon, cover, low_sun=sun_at is not None or light.elevation < 2)
    return picture


def _clouds(
    rng: random.Random, picture: Image.Image, light: Light, horizon: float, cover: float, *, low_sun: bool
) -> None:
    width = picture.width
    rows = max(8, round(horizon))
    half = (width // 2, rows // 2)
    field = noise(
        rng, (half[0], round(half[1] * 1.6)), rng.uniform(60, 110), 6, stretch=rng.uniform(1.0, 1.6), gain=0.52
    )
    # Clouds near the horizon are far away: the same field, upside down on the ground.
    field = ImageOps.flip(tilt(field, half, near=rng.uniform(1.8, 3.2)))
    mask = above(field, 255 * (1 - cover) - 8, 90)
    level = sum(light.horizon) / 3
    bright = mix(mix(light.horizon, WHITE, 0.5 if level > 150 else 0.1), light.sun, 0.35 if low_sun else 0.0)
    dark = mix(mix(light.zenith, light.ambient, 0.6), light.horizon, 0.3)
    if low_sun:
        bright, dark = mix(bright, light.horizon, 0.35), mix(dark, light.zenith, 0.3)
    shade = relief(field, 1.3, sun_left=rng.random() < 0.5).filter(ImageFilter.BoxBlur(1))
    body = palette(ImageChops.subtract(shade, mask.point(lambda v: v * 0.22)), [(50, dark), (150, bright)])
    mask = ImageChops.multiply(mask, fade(half, 255, 110, 0.6, 1.0)).point(lambda v: v * 0.92)
    full = (width, rows)
    picture.paste(body.resize(full, _BICUBIC), (0, 0), mask.resize(full, _BICUBIC))


def mirror(picture: Image.Image, row: int, *, ripple: float, rng: random.Random) -> Image.Image:
    """What still water below `row` shows of the picture above it, shaken by ripples that grow towards the viewer."""
    width, height = picture.size
    depth = height - row
    source = ImageOps.flip(picture.crop((0, max(0, row - depth), width, row))).resize((width, depth), _BILINEAR)
    strips = []
    y, phase = 0, rng.uniform(0, math.tau)
    while y < depth:
        tall = max(1, round(1 + y / 60))
        bend = ripple * (0.4 + 3.2 * y / depth)
        dx = bend * math.sin(phase + y * 0.9 / (1 + y / 90)) + rng.uniform(-bend, bend) * 0.5
        dy = min(0.0, rng.uniform(-1, 0) * bend)
        low, high = max(0.0, y + dy), min(float(depth), y + tall + dy)
        strips.append(((0, y, width, min(depth, y + tall)), (dx, low, dx, high, width + dx, high, width + dx, low)))
        y += tall
    # Beyond the picture's edges there is nothing to mirror, so the strips are taken from a slightly wider copy.
    margin = round(ripple * 6) + 2
    wide = Image.new(source.mode, (width + 2 * margin, depth))
    wide.paste(source.resize((width + 2 * margin, depth), _BILINEAR))
    wide.paste(source, (margin, 0))
    moved = [(box, tuple(q + margin if i % 2 == 0 else q for i, q in enumerate(quad))) for box, quad in strips]
    return wide.transform((width, depth), Image.Transform.MESH, moved, _BILINEAR)


@functools.cache
def _vignette(size: Size) -> Image.Image:
    return Image.radial_gradient("L").point(ramp([(0, 255), (95, 252), (181, 205), (255, 170)])).resize(size, _BILINEAR)


@functools.cache
def _grain() -> Image.Image:
    """Two sorts of sensor noise in one large sheet, brightness more than colour, of which each photo takes a part."""
    rng = random.Random("grain")  # noqa: S311
    side = 1280
    luma = Image.frombytes("L", (side, side), rng.randbytes(side * side))
    colour = [Image.frombytes("L", (side, side), rng.randbytes(side * side)) for _ in range(3)]
    return Image.merge("RGB", [Image.blend(luma, c, 0.35) for c in colour]).filter(ImageFilter.BoxBlur(0.45))


def develop(
    rng: random.Random, picture: Image.Image, *, grain: float, warmth: float = 0.0, curve: float = 0.12
) -> Image.Image:
    """What a lens and a sensor add: darker corners, a tone curve, a white balance, grain (0 to 1)."""
    size = picture.size
    x, y = rng.randrange(1280 - size[0] + 1), rng.randrange(1280 - size[1] + 1)
    sheet = _grain().crop((x, y, x + size[0], y + size[1]))
    vignette = _vignette(size)
    picture = ImageChops.multiply(picture, Image.merge("RGB", (vignette,) * 3))
    tables: list[int] = []
    for gain in (1 + warmth * 0.06, 1.0, 1 - warmth * 0.07):
        tables += [round(max(0, min(255, _tone(v / 255, curve) * gain * 255))) for v in range(256)]
    picture = picture.point(tables)
    amount = 6 / (grain * 0.9 + 0.06)
    return ImageChops.subtract(
        ImageChops.add(picture, sheet.point(lambda v: v / amount)), Image.new("RGB", size, (round(128 / amount),) * 3)
    )


def _tone(value: float, curve: float) -> float:
    return value + curve * value * (1 - value) * (2 * value - 1) * 2
