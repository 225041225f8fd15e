"""The scenes of the demo library. Each scene is a list of layers, from back to front."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from PIL import Image

from exifinator.demo.landscape import (  # isort: skip
    coast, fields, galaxy, gradient, ground, mist, moon, northern_lights, rain, ridge, road, sky, water,
)  # fmt: skip
from exifinator.demo.objects import blur, city, discs, leaves, plant, twig
from exifinator.demo.painter import Canvas, Layer
from exifinator.demo.palettes import Light

# Smooth land without rock, with a wavy skyline.
land = partial(ridge, form="waves", folds=0.5)
fir = partial(plant, "fir", wide=(0.8, 1.3))


def far_to_near(describe: Callable[..., Layer], /, **parameters: Any) -> Callable[[float], Layer]:
    """Return a function that makes a layer at a distance, from 0 (far) to 1 (near).

    A parameter that is a list has the value for the farthest layer and the value for the nearest. Each value is a
    number or a range.
    """

    def between(value: Any, nearness: float) -> Any:
        far, near = value if isinstance(value, list) else (value, value)
        if isinstance(far, tuple):
            return between([far[0], near[0]], nearness), between([far[1], near[1]], nearness)
        return far if far == near else far + (near - far) * nearness

    return lambda nearness: describe(**{name: between(value, nearness) for name, value in parameters.items()})


def at_distances(steps: int, *series: Callable[[float], Layer]) -> list[Layer]:
    """Return layers of each series at several distances: the farthest of each, then the next ones."""
    return [make(step / (steps - 1)) for step in range(steps) for make in series]


def _pagoda(foliage: str) -> list[Layer]:
    return [
        sky(horizon=0.8, cover=(0.2, 0.5), sun_below=12),
        *at_distances(2, far_to_near(land, top=[0.52, 0.62], bottom=[0.74, 0.84], rough=[1.4, 2.0],
                                     surface="wooded land", haze=[0.66, 0.36])),
        leaves(foliage, top=0.5, bottom=1.0),
        plant("pagoda", tall=(0.62, 0.78), row=0.97, column=(0.3, 0.7)),
        leaves(foliage, top=0.56, bottom=1.05),
    ]  # fmt: skip


SCENES: dict[str, list[Layer]] = {
    "mountains": [
        sky(horizon=(0.5, 0.6), cover=(0.15, 0.5), sun_below=10),
        ridge(top=(0.1, 0.2), bottom=0.62, surface="rock", snow=(0.3, 0.9), haze=0.42),
        ridge(top=(0.3, 0.38), bottom=0.74, surface="rock", snow=(0.0, 0.25), low="grass", haze=0.28),
        ridge(top=(0.52, 0.58), bottom=0.9, rough=0.45, surface="woods", haze=0.14, cell=0.04),
        land(top=0.82, bottom=1.0, rough=1.0, surface="fir land", folds=0),
        fir(count=90, tall=(0.08, 0.17), sink=(0.01, 0.09)),
    ],
    "winter_mountains": [
        sky(horizon=(0.5, 0.6), cover=(0.15, 0.5)),
        ridge(top=(0.12, 0.2), bottom=0.66, surface="rock", snow=1.2, haze=0.3),
        ridge(top=(0.36, 0.42), bottom=0.84, surface="rock", snow=(0.8, 1.2), haze=0.16),
        land(top=0.74, bottom=0.94, rough=0.8, surface="drift", relief=0.3, cell=0.2),
        fir(count=70, tall=(0.06, 0.14), sink=(0.0, 0.16), groups=5),
    ],
    "snow": [
        sky(horizon=(0.42, 0.52), cover=(0.1, 0.6), sun_below=9),
        ridge(top=(0.24, 0.34), bottom=0.58, surface="rock", snow=1.2, haze=0.45),
        land(top=0.46, bottom=0.58, rough=1.0, surface="drift", haze=0.25, relief=0.4, cell=0.2, stretch=3),
        plant("fir", "snowy fir", count=44, tall=(0.05, 0.1), sink=(0.0, 0.04), haze=0.25, groups=6),
        land(top=0.62, bottom=0.78, rough=0.8, surface="drift", relief=0.4, cell=0.3, stretch=3),
        plant("fir", "snowy fir", count=12, tall=(0.16, 0.3), sink=(0.0, 0.12), groups=3, shadow=1.1),
    ],
    "hills": [
        sky(horizon=0.46, cover=(0.2, 0.5), sun_below=9),
        *at_distances(
            4,
            far_to_near(land, top=[0.36, 0.6], bottom=[0.5, 0.82], rough=[1.6, 0.7], surface="crops",
                        haze=[0.6, 0.08], cell=0.025, stretch=[1.0, 10.0], relief=0.5),
            far_to_near(plant, sprite="tree", count=[60, 20], tall=[(0.01, 0.02), (0.03, 0.06)], haze=[0.5, 0.0],
                        sink=(0.0, 0.06), groups=4, shadow=0.9),
            far_to_near(plant, sprite="cypress", count=[18, 8], tall=[(0.02, 0.03), (0.12, 0.18)], haze=[0.5, 0.0],
                        sink=(0.0, 0.03), groups=2, shadow=0.8)),
    ],
    "dunes": [
        sky(horizon=0.48, cover=(0.05, 0.35), sun_below=7),
        *at_distances(4, far_to_near(land, top=[0.38, 0.66], bottom=[0.52, 1.05], rough=[1.6, 0.45], surface="sand",
                                     haze=[0.4, 0.0], folds=1.2, relief=[0.15, 0.35], cell=0.022, stretch=[2, 8])),
    ],
    "buttes": [
        sky(horizon=0.64, cover=(0.1, 0.4), sun_below=4),
        ridge(form="mesas", top=0.46, bottom=0.65, rough=2.4, surface="red rock", haze=0.5, folds=0, cell=0.05),
        ridge(form="mesas", top=(0.14, 0.28), bottom=0.66, rough=1.6, surface="red rock", haze=0.06, folds=0.2,
              cell=0.09, stretch=0.4, relief=1.2),
        ground("red desert", "scrub"),
        plant("tree", "shrub", count=50, tall=(0.01, 0.03), row=(0.68, 0.98), shadow=0.9),
    ],
    "road": [
        sky(horizon=(0.42, 0.5), cover=(0.2, 0.55), sun_below=8),
        ridge(top=(0.26, 0.32), bottom=0.54, surface="rock", snow=0.3, haze=0.5),
        ridge(top=(0.36, 0.4), bottom=0.56, surface="brown rock", haze=0.3),
        ground("desert", "scrub"),
        road("tar"),
    ],
    "forest": [
        sky(horizon=0.6, cover=0.4, sun_below=90, overcast=0.5),
        *at_distances(
            4,
            far_to_near(land, top=[0.26, 0.72], bottom=[0.56, 1.08], rough=1.2, folds=0, surface="fir land",
                        haze=[0.8, 0.0]),
            far_to_near(fir, count=[80, 30], tall=[(0.06, 0.1), (0.21, 0.42)], haze=[0.8, 0.0],
                        sink=[(0.0, 0.1), (0.0, 0.2)]),
            far_to_near(mist, top=[0.28, 0.74], bottom=[0.52, 1.02], level=[0.95, 0.55])),
    ],
    "bamboo": [
        gradient("grove"),
        leaves("bamboo leaves", top=1.4, bottom=-0.4, cell=0.08),
        blur(0.006),
        road("gravel", row=0.6, half=0.03),
        *at_distances(5, far_to_near(plant, sprite="bamboo", count=[34, 12], tall=[(0.9, 1.1), (1.2, 1.4)],
                                     wide=[(0.006, 0.009), (0.022, 0.045)], row=[(0.64, 0.68), (1.0, 1.12)],
                                     turn=0.04, haze=[0.5, 0.0], gap=[0.04, 0.2])),
        leaves("bamboo leaves", top=0.5, bottom=-0.2, cell=0.06),
    ],
    "blossom": [
        gradient("garden"),
        discs("garden lights", count=40, size=(0.03, 0.12), level=(0.08, 0.3), row=(0.5, 0.3)),
        twig(),
        plant("flower", "petals", count=24, tall=(0.05, 0.1), sink=(-0.14, 0.16), turn=0.7),
        blur(0.025),
        twig(),
        plant("flower", "petals", count=(20, 34), tall=(0.05, 0.1), sink=(-0.1, 0.12), turn=0.7, wide=(0.6, 1.0)),
    ],
    "pagoda": _pagoda("spring"),
    "autumn_pagoda": _pagoda("autumn"),
    "sea": [
        sky(horizon=(0.42, 0.52), cover=(0.2, 0.6), sun_below=14),
        ridge(top=(0.28, 0.38), bottom=0.56, rough=0.45, surface="chalk", low="grass", haze=0.3, taper=True),
        water(waves=(0.8, 1.4), drawn_out=1.0, ripple=0.01),
        plant("bird", count=(-4, 8), tall=(0.006, 0.014), groups=1, row=(0.1, 0.3)),
        plant("boat", count=(0, 1.4), tall=(0.05, 0.1), row=(0.54, 0.62)),
    ],
    "storm": [
        sky(horizon=(0.36, 0.48), cover=(0.55, 0.75), overcast=0.85),
        rain(),
        water(waves=(2.6, 4.0), drawn_out=1.0, foam=0.34),
    ],
    "lake": [
        sky(horizon=0.55, cover=(0.15, 0.5), sun_below=5),
        ridge(top=(0.12, 0.2), bottom=0.62, surface="rock", snow=(0.2, 0.8), haze=0.32),
        ridge(top=(0.34, 0.4), bottom=0.62, surface="woods", haze=0.16, cell=0.03),
        fir(count=100, tall=(0.03, 0.07), row=(0.575, 0.585)),
        water(shore=0.58),
    ],
    "aerial_coast": [coast()],
    "aerial_fields": [fields()],
    "balloons": [
        sky(horizon=0.66, cover=(0.1, 0.4), sun_below=8),
        ridge(top=0.56, bottom=0.74, rough=0.45, surface="tuff", haze=0.55),
        plant("balloon", count=(4, 9), tall=(0.06, 0.1), row=(0.2, 0.6), haze=0.3),
        ridge(top=0.64, bottom=0.88, rough=0.6, surface="tuff", haze=0.3),
        plant("balloon", count=(2, 5), tall=(0.14, 0.28), row=(0.3, 0.62)),
        ridge(top=0.78, bottom=1.02, rough=0.6, surface="tuff", low="dry grass", haze=0.06),
    ],
    "milky_way": [
        gradient("Milky Way", stars=150),
        galaxy(),
        ridge(top=0.76, bottom=0.94, rough=0.5, surface="dark rock", haze=0.2),
        ridge(top=0.86, bottom=1.0, rough=0.45, surface="black rock"),
        plant("tent", count=(0, 1), tall=0.036, row=0.96, glow=(190, 112, 40)),
    ],
    "aurora": [
        gradient("aurora", stars=60),
        northern_lights("green lights"), northern_lights("northern lights"),
        ridge(top=(0.4, 0.5), bottom=0.78, surface="rock", snow=1.0, haze=0.25),
        ridge(top=(0.58, 0.64), bottom=0.78, surface="rock", snow=0.9),
        plant("cabin", count=(0, 6), tall=(0.03, 0.05), row=0.745, glow=(150, 88, 34)),
        water(shore=0.745),
    ],
    "skyline": [
        sky(horizon=0.68, cover=(0.1, 0.4), darkest=-7.5),
        city(0.68),
        water(shore=0.68, ripple=0.006, drawn_out=0.7),
    ],
    "bokeh": [
        gradient("street"),
        discs("lamps", count=80, size=(0.02, 0.075), level=(0.25, 0.75), row=(0.38, 0.16)),
        water(shore=0.66, ripple=0.012, drawn_out=0.85),
    ],
    "moon": [
        sky(horizon=0.95, cover=0.1),
        moon(),
        land(top=0.84, bottom=0.98, rough=1.2, surface="dark land", folds=0),
        plant("fir", "dark fir", count=90, tall=(0.1, 0.24), sink=(0.0, 0.12), wide=(0.8, 1.3)),
    ],
}  # fmt: skip


def paint(scene: str, rng: random.Random, size: tuple[int, int], light: Light) -> Image.Image:
    """Return a picture of the scene in this light."""
    canvas = Canvas(rng, size, light)
    for layer in SCENES[scene]:
        layer(canvas)
    return canvas.picture
