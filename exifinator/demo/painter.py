"""The canvas of the demo library, with noise and drawing tools.

Both horizontal and vertical lengths are fractions of the picture's height, so that a scene looks the same at any size.
(0, 0) is the top left corner. A pair of numbers is a range to choose from at random. All random numbers come from the
canvas, so the same seed paints the same pixels.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageOps

from exifinator.demo.palettes import BLACK, Colour, Light, rgb
from exifinator.demo.skylines import STEPS

Point = tuple[float, float]
Range = float | tuple[float, float]
Pen = Callable[..., None]
Stops = Sequence[tuple[float, Colour]]

_BILINEAR = Image.Resampling.BILINEAR
_COLUMN = Image.linear_gradient("L").resize((1, 256))
_SHEET = 1024


class Canvas:
    """A picture being painted, and the state that its layers share: light, horizon, sun and last skyline.

    Attributes:
        aspect: Width of the picture, as a fraction of its height.
        sun_x: Horizontal position of the sun; None if it is not in the picture.
        sun_left: Whether the sun is on the left.
        skyline_rows: Rows of the last skyline, at STEPS + 1 positions from left to right.
    """

    def __init__(self, rng: random.Random, size: tuple[int, int], light: Light) -> None:
        self.rng, self.size, self.light = rng, size, light
        self.aspect = size[0] / size[1]
        self.picture = Image.new("RGB", size, rgb(light.horizon))
        self.horizon = 0.5
        self.sun_x: float | None = None
        self.sun_left = rng.random() < 0.5
        self.skyline_rows = [0.5] * (STEPS + 1)

    def pick(self, values: Range) -> float:
        """Return a number, or choose one from a range."""
        return self.rng.uniform(*values) if isinstance(values, tuple) else values

    def pixel_row(self, y: float) -> int:
        """Return a row in pixels, within the picture."""
        return max(0, min(self.size[1] - 8, round(y * self.size[1])))

    @contextmanager
    def pen(self, top: float = 0.0, bottom: float = 1.0) -> Iterator[Pen]:
        """Yield a function that fills outlines between two rows.

        The function takes a colour, an outline, a position (x, y) and a scale (across, down).
        """
        rows = self.pixel_row(top - 0.01), self.pixel_row(bottom + 0.01) + 8
        box = (0, rows[0], self.size[0], rows[1])
        # Draw at double size and halve the result, because ImageDraw does not smooth edges.
        big = self.picture.crop(box).resize((self.size[0] * 2, (rows[1] - rows[0]) * 2), Image.Resampling.NEAREST)
        draw, scale, shift = ImageDraw.Draw(big), self.size[1] * 2, rows[0] * 2

        def fill(
            colour: Colour, outline: Sequence[Point], x: float = 0, y: float = 0, across: float = 1, down: float = 1
        ) -> None:
            x, y, across, down = x * scale, y * scale - shift, across * scale, down * scale
            draw.polygon([(x + across * px, y + down * py) for px, py in outline], rgb(colour))

        yield fill
        self.picture.paste(big.reduce(2), box)

    def mask(self, outlines: Iterable[Sequence[Point]]) -> Image.Image:
        """Return a mask with these polygons in white, with smooth edges."""
        big = Image.new("L", (self.size[0] * 2, self.size[1] * 2))
        for points in outlines:
            ImageDraw.Draw(big).polygon([(x * big.height, y * big.height) for x, y in points], fill=255)
        return big.reduce(2)

    def noise(
        self, cell: float, stretch: float = 1.0, *, size: tuple[int, int] | None = None, embossed: bool = False
    ) -> Image.Image:
        """Return fractal noise from black to white.

        Args:
            cell: Height of its blobs.
            stretch: Ratio of width to height of its blobs.
            size: Width and height in pixels. The default is the size of the canvas.
            embossed: Whether to return noise lit from one side, with 128 for level ground.
        """
        width, height = size or self.size
        # Use the sheet whose blobs are nearest in size, because cropping without resizing costs next to nothing.
        sheet = _sheet(max(2, min(6, round(math.log2(max(4.0, cell * self.size[1]))))), embossed)
        across, down = min(_SHEET, math.ceil(width / stretch)), min(_SHEET, height)
        x, y = self.rng.randint(0, _SHEET - across), self.rng.randint(0, _SHEET - down)
        part = sheet.crop((x, y, x + across, y + down))
        if part.size != (width, height):
            part = part.resize((width, height), _BILINEAR)
        return part if embossed or cell < 0.1 else ImageOps.autocontrast(part, cutoff=0.5)

    def columns(self, cell: float) -> Image.Image:
        """Return noise that varies only horizontally, for curtains of light or rain."""
        return self.noise(cell, size=(self.size[0], 8)).resize(self.size, _BILINEAR)

    def fade(self, top: float, bottom: float, start: float = 0.0, stop: float = 1.0) -> Image.Image:
        """Return a vertical gradient from the grey `top` to the grey `bottom` (0 to 255) between two rows."""
        table = ramp([(start * 255, top), (max(start + 0.004, stop) * 255, bottom)])
        # Resize in two steps, because only the first one needs interpolation.
        return _COLUMN.point(table).resize((1, self.size[1]), _BILINEAR).resize(self.size, Image.Resampling.NEAREST)

    def backdrop(self, stops: Stops) -> None:
        """Fill the canvas with a vertical gradient that interpolates between (row, colour) points."""
        self.picture = colourise(self.fade(0, 255), [(at * 255, colour) for at, colour in stops])

    def paste(self, paint: Colour | Image.Image, *masks: Image.Image) -> None:
        """Paint a colour or a picture where all masks are white."""
        mask = functools.reduce(ImageChops.multiply, masks)
        self.picture.paste(paint if isinstance(paint, Image.Image) else flat(self.size, paint), mask=mask)

    def shine(self, mask: Image.Image, *stops: tuple[float, Colour]) -> None:
        """Add light to the picture. The greys of the mask become colours, interpolated between (grey, colour) points.

        Black adds no light.
        """
        self.picture = ImageChops.screen(self.picture, colourise(mask, [(0, BLACK), *stops]))

    def glow(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Add a round glow of light."""
        side = round(2 * radius * self.size[1])
        left, top = round((x - radius) * self.size[1]), round((y - radius) * self.size[1])
        # Draw only the part within the picture. The gradient of _falloff is 256 pixels wide.
        visible = (max(0, left), max(0, top), min(self.size[0], left + side), min(self.size[1], top + side))
        width, height = visible[2] - visible[0], visible[3] - visible[1]
        if width > 0 and height > 0:
            grid = 256 / side
            x0, y0, x1, y1 = visible[0] - left, visible[1] - top, visible[2] - left, visible[3] - top
            mask = _falloff().resize((width, height), _BILINEAR, box=(x0 * grid, y0 * grid, x1 * grid, y1 * grid))
            light = colourise(mask, [(0, BLACK), (255, colour)])
            self.picture.paste(ImageChops.screen(self.picture.crop(visible), light), visible[:2])

    def rotate_and_crop(self, mask: Image.Image, degrees: float) -> Image.Image:
        """Rotate a mask that is larger than the canvas, and return its middle part in the size of the canvas."""
        x, y = (mask.width - self.size[0]) // 2, (mask.height - self.size[1]) // 2
        return mask.rotate(degrees, _BILINEAR).crop((x, y, x + self.size[0], y + self.size[1]))


@functools.cache
def _sheet(size: int, embossed: bool) -> Image.Image:
    """Return a sheet of fractal noise. Its largest blobs are 2 ** `size` pixels wide. All photos use crops of it."""
    if embossed:
        heights = _sheet(size, False)
        return ImageChops.subtract(heights, ImageChops.offset(heights, max(1, 2**size // 16), 2), 0.5, 128)
    rng = random.Random(f"sheet {size}")  # noqa: S311
    side = _SHEET // 2**size
    total, amplitude, weight = Image.frombytes("L", (side, side), rng.randbytes(side * side)), 1.0, 1.0
    # Add each octave at its own size, so that only the last one takes noticeable time.
    while side < _SHEET // 2:
        side *= 2
        amplitude *= 0.64
        weight += amplitude
        layer = Image.frombytes("L", (side, side), rng.randbytes(side * side))
        total = Image.blend(total.resize((side, side), Image.Resampling.BICUBIC), layer, amplitude / weight)
    return ImageOps.autocontrast(total.resize((_SHEET, _SHEET), Image.Resampling.BICUBIC), cutoff=0.5)


@functools.cache
def _falloff() -> Image.Image:
    return Image.radial_gradient("L").point([round(255 * max(0.0, 1 - v / 181) ** 2.2) for v in range(256)])


def flat(size: tuple[int, int], colour: Colour) -> Image.Image:
    """Return a picture of one colour. Pasting it through a mask takes half as long as pasting a colour."""
    return Image.new("RGB", size, rgb(colour))


def ramp(values: Sequence[tuple[float, float]]) -> list[int]:
    """Return a table for Image.point that interpolates linearly between (input, output) points."""
    table = [values[0][1] + 0.5] * max(0, math.ceil(values[0][0]))
    for (x0, y0), (x1, y1) in pairwise(values):
        slope = (y1 - y0) / (x1 - x0)
        start = y0 - slope * x0 + 0.5
        table += [start + slope * x for x in range(len(table), math.ceil(x1))]
    table += [values[-1][1] + 0.5] * (256 - len(table))
    if min(y for _, y in values) >= 0 and max(y for _, y in values) <= 255:
        return list(map(int, table[:256]))
    return [0 if value < 0 else 255 if value > 255 else int(value) for value in table[:256]]


def colourise(mask: Image.Image, stops: Stops) -> Image.Image:
    """Return the mask with its greys replaced by colours, interpolated between (grey, colour) points."""
    points = [(at, rgb(colour)) for at, colour in stops]
    table = bytearray(768)
    for channel in range(3):
        table[channel::3] = bytes(ramp([(at, colour[channel]) for at, colour in points]))
    indexed = mask.copy()
    indexed.putpalette(table)
    return indexed.convert("RGB")


def threshold(mask: Image.Image, level: float, softness: float = 40) -> Image.Image:
    """Return a mask that is white where this one is above the level, with a soft edge."""
    return mask.point(_slope(level - softness / 2, 0, level + softness / 2, 255))


def scaled(mask: Image.Image, low: float, high: float) -> Image.Image:
    """Return the mask with its greys scaled to the range from `low` (for black) to `high` (for white), 0 to 1."""
    return mask.point(_slope(0, 255 * low, 255, 255 * high))


@functools.lru_cache(512)
def _slope(x0: float, y0: float, x1: float, y1: float) -> list[int]:
    return ramp([(x0, y0), (x1, y1)])


def tilt(texture: Image.Image, size: tuple[int, int], near: float) -> Image.Image:
    """Lay a texture on the ground in perspective: its top at the horizon, its bottom `near` times as large."""
    (wide, deep), (width, height) = texture.size, size
    # Depth is proportional to 1 / (1 + g * row). Pillow divides both coordinates by the denominator.
    g = (near - 1) / height
    plane = (wide / width, wide / 2 * g, 0.0, 0.0, deep * near / height, 0.0, 0.0, g)
    return texture.transform(size, Image.Transform.PERSPECTIVE, plane, _BILINEAR)


def oval(x: float, y: float, across: float, down: float) -> list[Point]:
    """Return the outline of an ellipse around (x, y) with the radii `across` and `down`."""
    return [(x + across * math.sin(a), y - down * math.cos(a)) for a in (i / 24 * math.tau for i in range(24))]


def box(left: float, top: float, right: float, bottom: float) -> list[Point]:
    """Return the outline of a rectangle."""
    return [(left, top), (right, top), (right, bottom), (left, bottom)]
