"""The scenes of the demo library. Each scene is a list of layers, from back to front."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from PIL import Image

from exifinator.demo.landscape_layers import (  # isort: skip  # fmt: skip
    coast, curtain, fields, galaxy, ground, mirror, mist, moon, night, rain, ridge, road, sky, water, weather,
)  # fmt: skip
from exifinator.demo.object_layers import blur, city, city_light, discs, leaves, path, plant, twig
from exifinator.demo.painter import Canvas
from exifinator.demo.palettes import Colour, Light

Layer = Callable[[Canvas], None]

ROCK = ((136, 124, 116),)
SAND = ((228, 178, 118),)
RED_ROCK = ((200, 106, 66),)
TUFF = ((202, 160, 122),)
GRASS: Colour = (112, 134, 66)
DRIFT = ((214, 226, 246),)
FIR, SNOWY_FIR = (((40, 60, 46), (70, 96, 66)),), (((44, 64, 52), (226, 234, 246)),)
DARK_FIR = (((24, 32, 36), (26, 34, 38)),)
TREE, SHRUB = (((64, 86, 44), (98, 122, 58)),), (((78, 90, 54), (112, 118, 70)),)
CYPRESS = (((36, 54, 34), (64, 86, 46)),)
WOODS = ((104, 128, 66), (92, 112, 62), (120, 134, 72))
CROPS = (
    (150, 162, 70), (184, 172, 92), (110, 144, 62), (202, 180, 108), (140, 120, 74), (92, 126, 58), (206, 152, 82),
)  # fmt: skip
SPRING, AUTUMN = ((236, 178, 198), (244, 206, 218), (236, 190, 206)), ((186, 84, 46), (198, 58, 46), (216, 144, 50))
STEMS = tuple(
    ((g[0] * 0.55, g[1] * 0.55, g[2] * 0.5), g, (g[0] * 1.25, g[1] * 1.2, g[2] * 1.3))
    for g in ((126, 160, 76), (104, 146, 70), (152, 166, 92), (92, 128, 62))
)
PAGODA = (((66, 64, 72), (178, 66, 44), (96, 36, 28), (52, 48, 52)),)
BLOSSOMS = tuple(
    (petal, (240, 150, 182), (246, 206, 90)) for petal in ((255, 214, 228), (255, 232, 238), (250, 196, 216))
)
BALLOONS = tuple(
    (*pair, (92, 64, 44))
    for pair in (
        ((206, 56, 48), (244, 200, 72)), ((34, 92, 150), (240, 236, 226)), ((236, 132, 44), (120, 40, 60)),
        ((52, 132, 108), (240, 206, 96)), ((108, 62, 134), (232, 120, 140)), ((224, 186, 60), (196, 60, 44)),
    )
)  # fmt: skip
BOAT = (((84, 60, 54), (250, 246, 238), (214, 210, 206)),)
BIRD = (((40, 42, 50),),)
TENT, CABIN = (((0, 0, 0), (252, 192, 104)),), (((104, 32, 26), (255, 220, 140)),)
STONES = ((92, 98, 116), (128, 114, 106), (74, 88, 112), (150, 142, 138))
LAMPS = ((255, 190, 96), (255, 226, 170), (255, 84, 60), (96, 190, 255), (120, 255, 190), (255, 120, 190))
AURORA = ((70, 255, 150), (90, 255, 170), (60, 240, 190), (110, 240, 190))
AURORA_SKY = ((0.0, (5, 10, 26)), (0.5, (10, 28, 46)), (0.8, (28, 56, 62)), (1.0, (22, 40, 48)))
MILKY_SKY = ((0.0, (6, 9, 24)), (0.6, (20, 26, 54)), (0.9, (64, 56, 70)), (1.0, (84, 66, 64)))
STREET = ((0.0, (8, 10, 22)), (0.5, (38, 26, 34)), (0.66, (30, 22, 28)), (1.0, (10, 10, 16)))
GARDEN = ((0.0, (108, 142, 128)), (0.5, (156, 176, 166)), (1.0, (120, 142, 112)))
GROVE = ((0.0, (110, 146, 66)), (0.4, (190, 214, 124)), (0.62, (150, 180, 90)), (1.0, (54, 84, 40)))
COAST = (
    (20, (8, 56, 112)), (84, (16, 108, 164)), (112, (64, 192, 200)), (122, (150, 226, 214)), (126, (250, 252, 250)),
    (131, (236, 220, 178)), (142, (222, 196, 144)), (150, (96, 120, 62)), (190, (44, 82, 42)), (255, (66, 102, 50)),
)  # fmt: skip

# Smooth land without rock, with a wavy skyline.
land = partial(ridge, form="waves", folds=0.5)
firs = partial(plant, sprite="fir", colours=FIR, wide=(0.8, 1.3))
birds = partial(plant, sprite="bird", colours=BIRD, count=(-4, 8), tall=(0.006, 0.014), groups=1, row=(0.1, 0.3))
boat = partial(plant, sprite="boat", colours=BOAT, count=(0, 1.4), tall=(0.05, 0.1))


def _pagoda(tints: tuple[Colour, ...], sprite: str) -> list[Layer]:
    return [
        partial(sky, horizon=0.8, cover=(0.2, 0.5), sun_below=12),
        partial(land, top=0.52, bottom=0.74, rough=1.4, surfaces=((70, 86, 84),), haze=0.66),
        partial(land, top=0.62, bottom=0.84, rough=2.0, surfaces=((62, 80, 72),), haze=0.36),
        partial(leaves, tints=tints, top=0.5, bottom=1.0),
        partial(plant, sprite=sprite, colours=PAGODA, tall=(0.62, 0.78), row=0.97, column=(0.3, 0.7)),
        partial(leaves, tints=tints, top=0.56, bottom=1.05),
    ]


def _forest(near: float) -> list[Layer]:
    return [
        partial(land, top=0.26 + 0.46 * near, bottom=0.56 + 0.52 * near, rough=1.2, folds=0, surfaces=((44, 64, 52),),
                haze=0.8 * (1 - near)),
        partial(firs, sprite="fir" if near > 0.5 else "small fir", count=80 - 50 * near, tall=(0.06 + 0.15 * near,
                0.1 + 0.32 * near), haze=0.8 * (1 - near),
                sink=(0.0, 0.1 + 0.1 * near)),
        partial(mist, top=0.28 + 0.46 * near, bottom=0.52 + 0.5 * near, level=0.95 - 0.4 * near),
    ]  # fmt: skip


def _bamboo(near: float) -> Layer:
    wide = (0.006 + 0.016 * near**2, 0.009 + 0.036 * near**2)
    return partial(
        plant, sprite="bamboo", colours=STEMS, tall=(0.9 + 0.3 * near, 1.1 + 0.3 * near), wide=wide,
        count=34 - 22 * near, row=(0.64 + 0.36 * near, 0.68 + 0.44 * near), turn=0.04, haze=0.5 * (1 - near),
                gap=0.04 + 0.16 * near,
    )  # fmt: skip


SCENES: dict[str, list[Layer]] = {
    "mountains": [
        partial(sky, horizon=(0.5, 0.6), cover=(0.15, 0.5), sun_below=10),
        partial(ridge, top=(0.1, 0.2), bottom=0.62, surfaces=ROCK, cap=(0.3, 0.9), haze=0.42, folds=1.4),
        partial(ridge, top=(0.3, 0.38), bottom=0.74, surfaces=ROCK, cap=(0.0, 0.25), low=GRASS, haze=0.28, folds=1.2),
        partial(ridge, top=(0.52, 0.58), bottom=0.9, rough=0.45, surfaces=WOODS, haze=0.14, cell=0.04),
        partial(land, top=0.82, bottom=1.0, rough=1.0, surfaces=((44, 60, 44),), folds=0),
        partial(firs, count=90, tall=(0.08, 0.17), sink=(0.01, 0.09)),
    ],
    "winter_mountains": [
        partial(sky, horizon=(0.5, 0.6), cover=(0.15, 0.5)),
        partial(ridge, top=(0.12, 0.2), bottom=0.66, surfaces=ROCK, cap=1.2, haze=0.3, folds=1.4),
        partial(ridge, top=(0.36, 0.42), bottom=0.84, surfaces=ROCK, cap=(0.8, 1.2), haze=0.16, folds=1.3),
        partial(land, top=0.74, bottom=0.94, rough=0.8, surfaces=DRIFT, relief=0.3, cell=0.2),
        partial(firs, count=70, tall=(0.06, 0.14), sink=(0.0, 0.16), groups=5),
    ],
    "snow": [
        partial(sky, horizon=(0.42, 0.52), cover=(0.1, 0.6), sun_below=9),
        partial(ridge, top=(0.24, 0.34), bottom=0.58, surfaces=ROCK, cap=1.2, haze=0.45, folds=1.4),
        partial(land, top=0.46, bottom=0.58, rough=1.0, surfaces=DRIFT, haze=0.25, relief=0.4, cell=0.2, stretch=3),
        partial(firs, sprite="small fir", colours=SNOWY_FIR, count=44, tall=(0.05, 0.1), sink=(0.0, 0.04), haze=0.25,
                groups=6),
        partial(land, top=0.62, bottom=0.78, rough=0.8, surfaces=DRIFT, relief=0.4, cell=0.3, stretch=3),
        partial(firs, colours=SNOWY_FIR, count=12, tall=(0.16, 0.3), sink=(0.0, 0.12), groups=3, shadow=1.1),
    ],
    "hills": [
        partial(sky, horizon=0.46, cover=(0.2, 0.5), sun_below=9),
        partial(land, top=0.36, bottom=0.5, rough=1.6, surfaces=CROPS, haze=0.6, cell=0.03),
        partial(land, top=0.44, bottom=0.58, rough=1.3, surfaces=CROPS, haze=0.4, cell=0.04, relief=0.6),
        partial(plant, sprite="tree", colours=TREE, count=50, tall=(0.012, 0.03), haze=0.3, sink=(0.0, 0.06), groups=6),
        partial(land, top=0.5, bottom=0.68, rough=1.0, surfaces=CROPS, haze=0.2, cell=0.02, stretch=6, relief=0.4),
        partial(plant, sprite="cypress", colours=CYPRESS, count=14, tall=(0.05, 0.08), haze=0.15, sink=(0, 0.02),
                groups=2, shadow=0.9),
        partial(land, top=0.6, bottom=0.8, rough=0.7, surfaces=CROPS, haze=0.08, cell=0.02, stretch=9, relief=0.4),
        partial(plant, sprite="tree", colours=TREE, count=22, tall=(0.03, 0.06), sink=(0.0, 0.06), groups=3,
                shadow=0.9),
        partial(plant, sprite="cypress", colours=CYPRESS, count=9, tall=(0.12, 0.18), sink=(0, 0.03), groups=1,
                shadow=0.8),
        partial(land, top=0.78, bottom=0.98, rough=0.5, surfaces=CROPS, cell=0.025, stretch=12, relief=0.5),
    ],
    "dunes": [
        partial(sky, horizon=0.48, cover=(0.05, 0.35), sun_below=7),
        partial(land, top=0.38, bottom=0.52, rough=1.6, surfaces=SAND, haze=0.4, folds=1.2, relief=0.15, cell=0.04),
        partial(land, top=0.42, bottom=0.64, rough=1.0, surfaces=SAND, haze=0.2, folds=1.2, relief=0.15, cell=0.02,
                stretch=6),
        partial(land, top=0.5, bottom=0.82, rough=0.7, surfaces=SAND, haze=0.06, folds=1.2, relief=0.2, cell=0.02,
                stretch=7),
        partial(land, top=(0.62, 0.72), bottom=1.05, rough=0.45, surfaces=SAND, folds=1.2, relief=0.35, cell=0.025,
                stretch=7),
    ],
    "buttes": [
        partial(sky, horizon=0.64, cover=(0.1, 0.4), sun_below=4),
        partial(ridge, form="mesas", top=0.46, bottom=0.65, rough=4, surfaces=RED_ROCK, haze=0.5, folds=0, cell=0.05),
        partial(ridge, form="mesas", top=(0.14, 0.28), bottom=0.66, rough=3, surfaces=RED_ROCK, haze=0.06, folds=0.2,
                cell=0.09, stretch=0.4, relief=1.2),
        partial(ground, surface=(206, 128, 84), bushes=(112, 118, 70)),
        partial(plant, sprite="tree", colours=SHRUB, count=50, tall=(0.01, 0.03), row=(0.68, 0.98), shadow=0.9),
    ],
    "road": [
        partial(sky, horizon=(0.42, 0.5), cover=(0.2, 0.55), sun_below=8),
        partial(ridge, top=(0.26, 0.32), bottom=0.54, surfaces=ROCK, cap=0.3, haze=0.5, folds=1.2),
        partial(ridge, top=(0.36, 0.4), bottom=0.56, surfaces=((150, 124, 96),), haze=0.3, folds=1.2),
        partial(ground, surface=(190, 164, 116), bushes=(108, 114, 70)),
        road,
    ],
    "forest": [
        partial(weather, share=0.5),
        partial(sky, horizon=0.6, cover=0.4, sun_below=90),
        *(layer for near in (0.0, 0.3, 0.6, 1.0) for layer in _forest(near)),
    ],
    "bamboo": [
        partial(Canvas.backdrop, stops=GROVE),
        partial(leaves, tints=((150, 180, 90), (120, 156, 76)), top=1.4, bottom=-0.4, cell=0.08),
        partial(blur, radius=0.006),
        partial(path, row=0.6, surface=(190, 168, 126)),
        *(_bamboo(near) for near in (0.0, 0.25, 0.5, 0.75, 1.0)),
        partial(leaves, tints=((150, 186, 80), (120, 166, 70)), top=0.5, bottom=-0.2, cell=0.06),
    ],
    "blossom": [
        partial(Canvas.backdrop, stops=GARDEN),
        partial(discs, count=40, size=(0.03, 0.12), tints=(*SPRING, (250, 244, 220)), level=(0.08, 0.3), row=(0.5,
                0.3)),
        twig,
        partial(plant, sprite="flower", colours=BLOSSOMS, count=24, tall=(0.05, 0.1), sink=(-0.14, 0.16), turn=0.7),
        partial(blur, radius=0.025),
        twig,
        partial(plant, sprite="flower", colours=BLOSSOMS, count=(20, 34), tall=(0.05, 0.1), sink=(-0.1, 0.12),
                turn=0.7, wide=(0.6, 1.0)),
    ],
    "pagoda": _pagoda(SPRING, "pagoda"),
    "autumn_pagoda": _pagoda(AUTUMN, "small pagoda"),
    "sea": [
        partial(sky, horizon=(0.42, 0.52), cover=(0.2, 0.6), sun_below=14),
        partial(ridge, top=(0.28, 0.38), bottom=0.56, rough=0.45, surfaces=((150, 138, 112),), low=GRASS, haze=0.3,
                taper=True),
        water, birds, partial(boat, row=(0.54, 0.62)),
    ],
    "storm": [
        partial(weather, share=0.85, dark=0.5),
        partial(sky, horizon=(0.36, 0.48), cover=(0.55, 0.75)),
        rain,
        partial(water, rough=(2.6, 4.0), deep=(48, 78, 84), foam=0.34),
        birds, partial(boat, row=(0.5, 0.56)),
    ],
    "lake": [
        partial(sky, horizon=0.55, cover=(0.15, 0.5), sun_below=5),
        partial(ridge, top=(0.12, 0.2), bottom=0.62, surfaces=ROCK, cap=(0.2, 0.8), haze=0.32, folds=1.4),
        partial(ridge, top=(0.34, 0.4), bottom=0.62, surfaces=WOODS, haze=0.16, cell=0.03),
        partial(firs, sprite="small fir", count=100, tall=(0.03, 0.07), row=(0.575, 0.585)),
        partial(mirror, shore=0.58),
    ],
    "aerial_coast": [partial(coast, stops=COAST)],
    "aerial_fields": [partial(fields, crops=CROPS)],
    "balloons": [
        partial(sky, horizon=0.66, cover=(0.1, 0.4), sun_below=8),
        partial(ridge, top=0.56, bottom=0.74, rough=0.45, surfaces=TUFF, haze=0.55),
        partial(plant, sprite="balloon", colours=BALLOONS, count=(4, 9), tall=(0.06, 0.1), row=(0.2, 0.6), haze=0.3),
        partial(ridge, top=0.64, bottom=0.88, rough=0.6, surfaces=TUFF, haze=0.3, folds=1.6),
        partial(plant, sprite="balloon", colours=BALLOONS, count=(2, 5), tall=(0.14, 0.28), row=(0.3, 0.62)),
        partial(ridge, top=0.78, bottom=1.02, rough=0.6, surfaces=TUFF, low=(140, 132, 84), haze=0.06, folds=1.6),
    ],
    "milky_way": [
        partial(night, stops=MILKY_SKY, stars=150),
        galaxy,
        partial(ridge, top=0.76, bottom=0.94, rough=0.5, surfaces=((70, 60, 62),), haze=0.2),
        partial(ridge, top=0.86, bottom=1.0, rough=0.45, surfaces=((26, 24, 26),)),
        partial(plant, sprite="tent", colours=TENT, count=(0, 1), tall=0.036, row=0.96,
                glow=(190, 112, 40)),
    ],
    "aurora": [
        partial(night, stops=AURORA_SKY, stars=60),
        partial(curtain, tints=AURORA),
        partial(curtain, tints=(*AURORA, (140, 120, 240))),
        partial(ridge, top=(0.4, 0.5), bottom=0.78, surfaces=ROCK, cap=1.0, haze=0.25, folds=1.4),
        partial(ridge, top=(0.58, 0.64), bottom=0.78, surfaces=ROCK, cap=0.9, folds=1.3),
        partial(plant, sprite="cabin", colours=CABIN, count=(0, 6), tall=(0.03, 0.05),
                row=0.745, glow=(150, 88, 34)),
        partial(mirror, shore=0.745),
    ],
    "skyline": [
        city_light,
        partial(sky, horizon=0.68, cover=(0.1, 0.4)),
        partial(city, shore=0.68, stones=STONES),
        partial(mirror, shore=0.68, ripple=0.006, drawn_out=0.7),
    ],
    "bokeh": [
        partial(Canvas.backdrop, stops=STREET),
        partial(discs, count=80, size=(0.02, 0.075), tints=LAMPS, level=(0.25, 0.75), row=(0.38, 0.16)),
        partial(mirror, shore=0.66, ripple=0.012, drawn_out=0.85),
    ],
    "moon": [
        partial(sky, horizon=0.95, cover=0.1),
        moon,
        partial(land, top=0.84, bottom=0.98, rough=1.2, surfaces=((30, 36, 44),), folds=0),
        partial(firs, colours=DARK_FIR, count=90, tall=(0.1, 0.24), sink=(0.0, 0.12)),
    ],
}  # fmt: skip


def paint(scene: str, rng: random.Random, size: tuple[int, int], light: Light) -> Image.Image:
    """Return a picture of the scene in this light."""
    canvas = Canvas(rng, size, light)
    for layer in SCENES[scene]:
        layer(canvas)
    return canvas.picture
