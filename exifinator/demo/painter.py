"""The canvas of the demo library, with noise, skylines and drawing tools.

Both horizontal and vertical lengths are fractions of the picture's height, so that a scene looks the same at any size.
(0, 0) is the top left corner. A pair of numbers is a range to choose from at random. All random numbers come from the
canvas, so the same seed paints the same pixels.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Concatenate, Literal, ParamSpec

from PIL import Image, ImageChops, ImageDraw, ImageOps

from exifinator.demo.palettes import BLACK, PALETTES, Colour, Light, rgb

Point = tuple[float, float]
Range = float | tuple[float, float]
Stops = Sequence[tuple[float, Colour]]
Form = Literal["peaks", "waves", "mesas"]
Mask = Image.Image  # grey: black hides, white shows
Parameters = ParamSpec("Parameters")

BILINEAR, NEAREST = Image.Resampling.BILINEAR, Image.Resampling.NEAREST
STEPS = 128  # number of segments of a skyline
_COLUMN = Image.linear_gradient("L").resize((1, 256))
_SHEET = 1024  # side of a sheet of noise, in pixels


class Canvas:
    """A picture being painted, and the state that its layers share.

    Attributes:
        aspect: Width of the picture, as a fraction of its height.
        sun_x: Horizontal position of the sun; None if it is not in the picture.
        sun_left: Whether the sun is on the left.
        skyline: Rows of the last skyline, at STEPS + 1 positions from left to right.
    """

    def __init__(self, rng: random.Random, size: tuple[int, int], light: Light) -> None:
        self.rng, self.size, self.light = rng, size, light
        self.aspect = size[0] / size[1]
        self.picture = Image.new("RGB", size, rgb(light.horizon))
        self.horizon = 0.5
        self.sun_x: float | None = None
        self.sun_left = rng.random() < 0.5
        self.skyline = [0.5] * (STEPS + 1)

    def pick(self, values: Range) -> float:
        """Return a number, or choose one from a range."""
        return self.rng.uniform(*values) if isinstance(values, tuple) else values

    def colour(self, palette: str) -> Colour:
        """Choose a colour from a palette."""
        return self.rng.choice(PALETTES[palette])[0]

    def pixel_row(self, y: float) -> int:
        """Return a row in pixels, within the picture."""
        return max(0, min(self.size[1] - 8, round(y * self.size[1])))

    def draw(self, shapes: Iterable[tuple[Colour, Iterable[Point]]]) -> None:
        """Fill outlines with colours, in order."""
        # Draw at double size and halve the result, because ImageDraw does not smooth edges.
        big = self.picture.resize((self.size[0] * 2, self.size[1] * 2), NEAREST)
        pen = ImageDraw.Draw(big)
        for colour, outline in shapes:
            pen.polygon([(x * big.height, y * big.height) for x, y in outline], rgb(colour))
        self.picture = big.reduce(2)

    def mask(self, *outlines: Iterable[Point]) -> Mask:
        """Return a mask with these polygons in white, with smooth edges."""
        big = Image.new("L", (self.size[0] * 2, self.size[1] * 2))
        pen = ImageDraw.Draw(big)
        for outline in outlines:
            pen.polygon([(x * big.height, y * big.height) for x, y in outline], fill=255)
        return big.reduce(2)

    def noise(self, cell: float, stretch: float = 1, *, rows: int = 0, lit: bool = False) -> Mask:
        """Return fractal noise from black to white, in the size of the canvas.

        Args:
            cell: Height of its blobs.
            stretch: Ratio of width to height of its blobs.
            rows: Number of rows from which the noise is stretched to the full height; 0 for no stretching.
            lit: Whether to return a relief lit from one side, with 128 for level ground.
        """
        width, height = self.size[0], rows or self.size[1]
        # Use the sheet whose blobs are nearest in size, because cropping without resizing costs next to nothing.
        sheet = _sheet(max(2, min(6, round(math.log2(max(4.0, cell * self.size[1]))))), lit)
        across, down = min(_SHEET, math.ceil(width / stretch)), min(_SHEET, height)
        x, y = self.rng.randint(0, _SHEET - across), self.rng.randint(0, _SHEET - down)
        part = sheet.crop((x, y, x + across, y + down)).resize((width, height), BILINEAR)
        part = part if lit or cell < 0.1 else ImageOps.autocontrast(part, cutoff=0.5)
        return part.resize(self.size, BILINEAR) if rows else part

    def plane(self, row: float, cell: float, stretch: float = 1, *, near: float = 6, lit: bool = False) -> Mask:
        """Return noise laid on the ground in perspective below a row. At the viewer it is `near` times as large."""
        texture, (width, height) = self.noise(cell, stretch, lit=lit), self.size
        start = self.pixel_row(row)
        # Depth is proportional to 1 / (1 + g * row). Pillow divides both coordinates by the denominator.
        g = (near - 1) / (height - start)
        matrix = (1.0, width / 2 * g, 0.0, 0.0, height * g * near / (near - 1), 0.0, 0.0, g)
        ground = texture.transform((width, height - start), Image.Transform.PERSPECTIVE, matrix, BILINEAR)
        field = Image.new("L", self.size)
        field.paste(ground, (0, start))
        return field

    def fade(self, top: float, bottom: float, start: float = 0.0, stop: float = 1.0) -> Mask:
        """Return a vertical gradient from the grey `top` to the grey `bottom` (0 to 255) between two rows."""
        table = ramp([(start * 255, top), (max(start + 0.004, stop) * 255, bottom)])
        # Resize in two steps, because only the first one needs interpolation.
        return _COLUMN.point(table).resize((1, self.size[1]), BILINEAR).resize(self.size, NEAREST)

    def paste(self, paint: Colour | Image.Image, *masks: Mask) -> None:
        """Paint a colour or a picture where all masks are white."""
        mask = functools.reduce(ImageChops.multiply, masks)
        self.picture.paste(paint if isinstance(paint, Image.Image) else flat(self.size, paint), mask=mask)

    def shine(self, mask: Mask, *stops: tuple[float, Colour]) -> None:
        """Add light to the picture: the greys of the mask as colours (see colourise). Black adds no light."""
        self.picture = ImageChops.screen(self.picture, colourise(mask, [(0, BLACK), *stops]))

    def glow(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Add a round glow of light."""
        left, top, side = (round(v * self.size[1]) for v in (x - radius, y - radius, 2 * radius))
        box = (left, top, left + side, top + side)
        light = colourise(_falloff().resize((side, side), BILINEAR), [(0, BLACK), (255, colour)])
        self.picture.paste(ImageChops.screen(self.picture.crop(box), light), box)


Layer = Callable[[Canvas], None]


def layer(paint: Callable[Concatenate[Canvas, Parameters], None]) -> Callable[Parameters, Layer]:
    """Turn a function that paints on a canvas into one that takes all but the canvas, and returns a layer of a scene.

    `sky(horizon=0.5)` is then a layer, a function that paints this sky on a canvas.
    """

    @functools.wraps(paint)
    def describe(*args: Parameters.args, **parameters: Parameters.kwargs) -> Layer:
        return lambda canvas: paint(canvas, *args, **parameters)

    return describe


@functools.cache
def _sheet(size: int, lit: bool) -> Mask:
    """Return a sheet of fractal noise. Its largest blobs are 2 ** `size` pixels wide. All photos use crops of it."""
    if lit:
        heights = _sheet(size, False)
        return ImageChops.subtract(heights, ImageChops.offset(heights, max(1, 2**size // 16), 2), 0.5, 128)
    rng, side, weight = random.Random(f"sheet {size}"), _SHEET // 2**size, 1.0  # noqa: S311
    total, amplitude = Image.frombytes("L", (side, side), rng.randbytes(side * side)), 1.0
    # Add each octave at its own resolution, so that only the last one takes noticeable time.
    while side < _SHEET // 2:
        side, amplitude = side * 2, amplitude * 0.64
        weight += amplitude
        octave = Image.frombytes("L", (side, side), rng.randbytes(side * side))
        total = Image.blend(total.resize((side, side), Image.Resampling.BICUBIC), octave, amplitude / weight)
    return ImageOps.autocontrast(total.resize((_SHEET, _SHEET), Image.Resampling.BICUBIC), cutoff=0.5)


@functools.cache
def _falloff() -> Mask:
    return Image.radial_gradient("L").point([round(255 * max(0.0, 1 - v / 181) ** 2.2) for v in range(256)])


def flat(size: tuple[int, int], colour: Colour) -> Image.Image:
    """Return a picture of one colour. Pasting it through a mask takes half as long as pasting a colour."""
    return Image.new("RGB", size, rgb(colour))


def ramp(values: Sequence[tuple[float, float]]) -> list[int]:
    """Return a table for Image.point that interpolates linearly between (input, output) points."""
    table = [values[0][1] + 0.5] * max(0, math.ceil(values[0][0]))
    for (x0, y0), (x1, y1) in pairwise(values):
        slope = (y1 - y0) / (x1 - x0)
        table += [y0 + slope * (x - x0) + 0.5 for x in range(len(table), math.ceil(x1))]
    table += [values[-1][1] + 0.5] * (256 - len(table))
    return [0 if value < 0 else 255 if value > 255 else int(value) for value in table[:256]]


def colourise(mask: Mask, stops: Stops) -> Image.Image:
    """Return the mask with its greys replaced by colours, interpolated between (grey, colour) points."""
    table = bytearray(768)
    for channel in range(3):
        table[channel::3] = bytes(ramp([(at, colour[channel]) for at, colour in stops]))
    indexed = mask.copy()
    indexed.putpalette(table)
    return indexed.convert("RGB")


def threshold(mask: Mask, level: float, softness: float = 40) -> Mask:
    """Return a mask that is white where this one is above the level, with a soft edge."""
    return mask.point(_line(level - softness / 2, 0, level + softness / 2, 255))


def scaled(mask: Mask, low: float, high: float) -> Mask:
    """Return the mask with its greys scaled to the range from `low` (for black) to `high` (for white), 0 to 1."""
    return mask.point(_line(0, 255 * low, 255, 255 * high))


@functools.lru_cache(512)
def _line(x0: float, y0: float, x1: float, y1: float) -> list[int]:
    return ramp([(x0, y0), (x1, y1)])


def oval(x: float, y: float, across: float, down: float) -> list[Point]:
    """Return the outline of an ellipse around (x, y) with the radii `across` and `down`."""
    return [(x + across * math.sin(a), y - down * math.cos(a)) for a in (i / 24 * math.tau for i in range(24))]


def box(left: float, top: float, right: float, bottom: float) -> list[Point]:
    """Return the outline of a rectangle."""
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def make_skyline(rng: random.Random, form: Form, rough: float) -> list[float]:
    """Return random heights at STEPS + 1 positions from left to right. The lowest is 0, and the highest is 1.

    Args:
        rng: The random numbers.
        form: Peaks, soft waves, or mesas with flat tops and slopes of debris.
        rough: Roughness of peaks, or frequency of waves and mesas.
    """
    if form == "peaks":
        # Displace the midpoints of a line again and again, each time by less.
        line, swing = [rng.random() for _ in range(3)], 0.6
        while len(line) <= STEPS:
            between = [(a, (a + b) / 2 + rng.uniform(-swing, swing)) for a, b in pairwise(line)]
            line = [height for pair in between for height in pair] + line[-1:]
            swing *= rough
    else:
        # Add up four sines, each higher in frequency and lower in amplitude than the one before.
        parts = [(rough * rng.uniform(0.5, 1.5) * 1.8**i, rng.uniform(0, math.tau), 0.5**i) for i in range(4)]
        line = [sum(a * math.sin(f * i / STEPS * math.tau + p) for f, p, a in parts) for i in range(STEPS + 1)]
    low, high = min(line), max(line)
    heights = [(height - low) / (high - low) for height in line]
    if form != "mesas":
        return heights
    cliff = ramp([(0, 0), (110, 8), (140, 90), (144, 225), (255, 255)])
    return [cliff[round(height * 255)] / 255 for height in heights]
