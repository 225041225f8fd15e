"""The colours of the demo library: the light by the elevation of the sun, and the palettes of scenes.

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
    """The light of a picture: the elevation of the sun in degrees, and the colours of sky, sunlight and shade."""

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

    def overcast(self, share: float) -> Light:
        """Return this light with clouds, from 0 to 1: less sunlight, a greyer sky, and a darker zenith."""
        grey, dark = mix(BLACK, (172, 180, 188), min(1.0, sum(self.horizon) / 660)), max(0.0, share - 0.5) * 1.4
        zenith, horizon = mix(self.zenith, mix(grey, BLACK, 0.2 + dark), share), mix(self.horizon, grey, share)
        shade = mix(self.ambient, mix(grey, BLACK, dark / 2), share * 0.6)
        return Light(self.elevation, zenith, horizon, mix(self.sun, BLACK, share * 0.8), shade)


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


def _colour(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text)
    return red, green, blue


# Palettes by name. A palette is a choice of colour sets, separated by spaces. A set has a colour for each part of a
# sprite, separated by slashes; sets for land and lights have one colour.
PALETTES: dict[str, list[list[Colour]]] = {
    name: [[_colour(part) for part in colours.split("/")] for colours in sets.split()]
    for name, sets in {
        "rock": "887c74", "brown rock": "967c60", "dark rock": "463c3e", "black rock": "1a181a", "chalk": "968a70",
        "red rock": "c86a42", "tuff": "caa07a", "sand": "e4b276", "desert": "bea474", "red desert": "ce8054",
        "drift": "d6e2f6", "grass": "708642", "scrub": "707646", "dry grass": "8c8454", "tar": "66625f",
        "gravel": "8c7856", "dark land": "1e242c", "wooded land": "46564e", "fir land": "2c4034",
        "woods": "688042 5c703e 788648",
        "crops": "96a246 b8ac5c 6e903e cab46c 8c784a 5c7e3a ce9852",
        "fir": "283c2e/466042", "snowy fir": "2c4034/e2eaf6", "dark fir": "182024/1a2226", "tree": "40562c/627a3a",
        "shrub": "4e5a36/707646", "cypress": "243622/40562e",
        "bamboo": "455826/7ea04c/9dc063 394f23/689246/82af5b 545b2e/98a65c/bec777 334620/5c803e/739a51",
        "bamboo leaves": "96b45a 789c4c 96ba50", "spring": "ecb2c6 f4ceda ecbece", "autumn": "ba542e c63a2e d89032",
        "petals": "ffd6e4/f096b6/f6ce5a ffe8ee/f096b6/f6ce5a fac4d8/f096b6/f6ce5a",
        "pagoda": "424048/b2422c/60241c/343034",
        "balloon": "ce3830/f4c848/5c402c 225c96/f0ece2/5c402c ec842c/78283c/5c402c 34846c/f0ce60/5c402c "
                   "6c3e86/e8788c/5c402c e0ba3c/c43c2c/5c402c",
        "boat": "543c36/faf6ee/d6d2ce", "bird": "282a32", "tent": "fcc068", "cabin": "68201a/ffdc8c",
        "stone": "5c6274 80726a 4a5870 968e8a", "lamps": "ffbe60 ffe2aa ff543c 60beff 78ffbe ff78be",
        "garden lights": "ecb2c6 f4ceda ecbece faf4dc", "green lights": "46ff96 5affaa 3cf0be 6ef0be",
        "northern lights": "46ff96 5affaa 3cf0be 6ef0be 8c78f0",
    }.items()
}  # fmt: skip

# Gradients by name: (position from 0 to 255, colour).
GRADIENTS: dict[str, list[tuple[float, Colour]]] = {
    name: [(float(at), _colour(colour)) for at, colour in (stop.split(":") for stop in stops.split())]
    for name, stops in {
        "aurora": "0:050a1a 128:0a1c2e 204:1c383e 255:162830", "Milky Way": "0:060918 153:141a36 230:403846 255:544240",
        "street": "0:080a16 128:261a22 168:1e161c 255:0a0a10", "garden": "0:6c8e80 128:9cb0a6 255:788e70",
        "grove": "0:6e9242 112:e2eeaa 158:a8c46c 255:365428",
        "coast": "20:083870 84:106ca4 112:40c0c8 122:96e2d6 126:fafcfa 131:ecdcb2 142:dec490 150:60783e 190:2c522a "
                 "255:426632",
    }.items()
}  # fmt: skip
