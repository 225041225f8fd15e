"""The colours of the sky, of sunlight and of shade, by the elevation of the sun.

Colours are RGB values from 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

Colour = tuple[float, float, float]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
SNOW: Colour = (240, 245, 252)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Blend two colours. The result is `a` if `share` is 0, and `b` if `share` is 1."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def rgb(colour: Colour) -> tuple[int, int, int]:
    """Return the colour in the form that Pillow takes: integers from 0 to 255."""
    red, green, blue = [0 if part < 0 else 255 if part > 255 else int(part + 0.5) for part in colour]
    return red, green, blue


@dataclass(frozen=True)
class Light:
    """The colours of sky, sunlight and shade.

    Attributes:
        elevation: The elevation of the sun above the horizon, in degrees.
        zenith: The colour of the top of the sky.
        horizon: The colour of the sky at the horizon.
        sun: The colour of the sunlight.
        ambient: The colour of the light in the shade.
    """

    elevation: float
    zenith: Colour
    horizon: Colour
    sun: Colour
    ambient: Colour

    def on(self, surface: Colour, share: float = 1.0) -> Colour:
        """Return the colour of a surface that gets this share of the sunlight; 0 is full shade."""
        red, green, blue = (
            s * (a + x * 0.8 * share) / 255 for s, a, x in zip(surface, self.ambient, self.sun, strict=True)
        )
        return red, green, blue


_LIGHTS: tuple[tuple[float, Colour, Colour, Colour, Colour], ...] = (
    # elevation, zenith, horizon, sun, ambient
    (-18, (5, 8, 22), (18, 25, 48), (4, 5, 10), (20, 26, 46)),
    (-9, (16, 26, 66), (62, 64, 106), (10, 12, 26), (44, 52, 86)),
    (-4, (36, 56, 120), (216, 140, 108), (60, 40, 46), (84, 84, 120)),
    (-0.5, (66, 92, 156), (250, 172, 106), (190, 104, 60), (106, 98, 122)),
    (4, (84, 130, 196), (253, 206, 150), (235, 158, 92), (112, 112, 138)),
    (12, (74, 132, 204), (218, 224, 226), (235, 208, 168), (112, 128, 152)),
    (35, (46, 104, 186), (188, 212, 234), (220, 212, 198), (112, 128, 152)),
)  # fmt: skip


def light_at(elevation: float) -> Light:
    """Return the light under a clear sky with the sun `elevation` degrees above the horizon; below 0 is twilight."""
    at = max(_LIGHTS[0][0], min(_LIGHTS[-1][0], elevation))
    low, high = next((low, high) for low, high in pairwise(_LIGHTS) if at <= high[0])
    share = (at - low[0]) / (high[0] - low[0])
    return Light(elevation, *(mix(a, b, share) for a, b in zip(low[1:], high[1:], strict=True)))
