"""The trips of the demo library, and the shots taken on them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from exifinator.demo.cameras import CAMERAS, Camera, Exposure, Lens, expose, exposure_value

Kind = Literal["jpeg", "bare", "png", "webp", "tiff"]


@dataclass(frozen=True)
class Style:
    """How a scene is photographed.

    Attributes:
        ev_offset: How much brighter the scene is than usual for the elevation of the sun, in EV.
        min_level: Minimum brightness of a scene with artificial light, as an exposure value at ISO 100.
        zoom: Typical position in the lens's zoom range: 0 is the shortest focal length, 0.5 the middle, 1 the longest.
            The positions of the shots vary from 0 to twice this value, but not past 1.
    """

    ev_offset: float = 0.0
    min_level: float = -9.0
    f_number: float = 8.0
    tripod: bool = False
    zoom: float = 0.0
    keywords: tuple[str, ...] = ()


STYLES = {
    "mountains": Style(zoom=0.3, keywords=("mountains", "landscape")),
    "winter_mountains": Style(ev_offset=0.5, zoom=0.3, keywords=("mountains", "winter", "snow")),
    "hills": Style(f_number=9.0, zoom=0.4, keywords=("fields", "cypress", "landscape")),
    "dunes": Style(ev_offset=0.3, f_number=9.0, zoom=0.4, keywords=("desert", "dunes", "sand")),
    "buttes": Style(zoom=0.3, keywords=("desert", "rock", "landscape")),
    "road": Style(zoom=0.2, keywords=("road", "travel")),
    "forest": Style(ev_offset=-3.0, f_number=5.6, zoom=0.5, keywords=("forest", "fog", "trees")),
    "bamboo": Style(ev_offset=-4.0, f_number=4.0, zoom=0.1, keywords=("bamboo", "forest", "path")),
    "snow": Style(ev_offset=0.7, zoom=0.3, keywords=("snow", "winter")),
    "blossom": Style(ev_offset=-1.0, f_number=2.0, zoom=1.0, keywords=("cherry blossom", "spring", "macro")),
    "pagoda": Style(ev_offset=-0.5, f_number=5.6, zoom=0.3, keywords=("pagoda", "temple")),
    "autumn_pagoda": Style(ev_offset=-0.5, f_number=5.6, zoom=0.3, keywords=("pagoda", "temple", "autumn")),
    "balloons": Style(f_number=7.1, zoom=0.5, keywords=("balloon", "morning", "sky")),
    "sea": Style(zoom=0.3, keywords=("sea", "horizon")),
    "storm": Style(ev_offset=-2.5, f_number=5.6, zoom=0.6, keywords=("storm", "sea", "waves")),
    "lake": Style(f_number=9.0, zoom=0.2, keywords=("lake", "reflection")),
    "aerial_coast": Style(keywords=("aerial", "coast", "beach")),
    "aerial_fields": Style(keywords=("aerial", "fields")),
    "milky_way": Style(ev_offset=-1.5, f_number=2.8, tripod=True, keywords=("night", "stars", "Milky Way")),
    "aurora": Style(ev_offset=1.5, f_number=2.8, tripod=True, keywords=("night", "aurora", "northern lights")),
    "skyline": Style(min_level=2.5, tripod=True, zoom=0.5, keywords=("city", "skyline", "architecture")),
    "bokeh": Style(min_level=4.5, f_number=1.8, zoom=1.0, keywords=("city", "night", "lights")),
    "moon": Style(min_level=5.0, f_number=5.6, zoom=1.0, keywords=("moon", "night")),
}


@dataclass(frozen=True)
class Trip:
    """A day at a place.

    Attributes:
        altitude: The altitude in metres.
        offset: Local time minus UTC, in hours.
        walks: The walks of the day, as "scene hour count camera; ...". On a walk, the camera takes `count` photos of
            the scene, starting at `hour` (local time).
    """

    folder: str
    place: str
    country: str
    latitude: float
    longitude: float
    altitude: float
    day: str
    offset: float
    walks: str


TRIPS = (
    Trip("2017/Toscana", "Val d'Orcia", "Italy", 43.0663, 11.6030, 390, "2017-06-10", 2,
         "hills 6.0 4 em1; hills 12.2 2 iphone7; hills 20.2 4 em1"),
    Trip("2017/New York", "New York", "United States", 40.7033, -73.9894, 6, "2017-10-21", -4,
         "skyline 9.4 3 iphone7; skyline 18.4 5 80d; skyline 20.3 3 80d; bokeh 21.6 2 80d"),
    Trip("2018/Rügen – Kreideküste", "Rügen", "Germany", 54.5730, 13.6620, 35, "2018-05-05", 2,
         "sea 5.7 4 a7; forest 8.4 4 gx80; sea 14.1 3 a7"),
    Trip("2018/Dolomiti", "Lago di Braies", "Italy", 46.6946, 12.0853, 1496, "2018-09-15", 2,
         "lake 6.9 4 a7; mountains 11.2 5 a7; mountains 18.8 3 a7"),
    Trip("2019/Lofoten", "Reine, Lofoten", "Norway", 67.9324, 13.0888, 8, "2019-03-02", 1,
         "winter_mountains 7.5 4 a7; snow 12.3 4 a7; aurora 22.4 5 a7"),
    Trip("2019/Sahara", "Erg Chebbi, Merzouga", "Morocco", 31.0990, -4.0120, 740, "2019-04-14", 1,
         "milky_way 3.4 4 z6; dunes 7.3 5 z6; dunes 18.9 4 a6400"),
    Trip("2019/Monument Valley & Route 163", "Monument Valley", "United States", 36.9833, -110.1124, 1580, "2019-10-08",
         -6, "buttes 7.5 4 z6; road 11.1 4 z6; buttes 18.3 4 z6"),
    Trip("2020/Kappadokien", "Göreme", "Türkiye", 38.6431, 34.8289, 1105, "2020-09-19", 3,
         "balloons 6.6 7 r6; balloons 7.9 2 r6"),
    Trip("2020/Schwarzwald – Nebelwälder", "Feldberg", "Germany", 47.8746, 8.0046, 1240, "2020-10-31", 1,
         "forest 7.6 6 xt4; forest 13.9 2 xt4; moon 17.4 2 xt4"),
    Trip("2020/Winter am Zürichsee", "Rapperswil", "Switzerland", 47.2256, 8.8155, 408, "2020-12-28", 1,
         "snow 9.1 4 xt4; lake 16.2 3 xt4"),
    Trip("2021/Kyoto", "Kyoto", "Japan", 35.0170, 135.6716, 52, "2021-04-01", 9,
         "bamboo 7.4 5 a7; blossom 11.2 5 a7; pagoda 17.8 4 q2; bokeh 20.1 3 q2"),
    Trip("2021/Algarve", "Lagos", "Portugal", 37.0806, -8.6694, 24, "2021-10-23", 1,
         "sea 10.2 2 iphone13; aerial_coast 11.3 4 mavic; sea 18.3 5 a6400"),
    Trip("2021/Nazaré", "Nazaré", "Portugal", 39.6047, -9.0853, 31, "2021-10-30", 1,
         "storm 10.4 5 a6400"),
    Trip("2022/Ísland", "Vík í Mýrdal", "Iceland", 63.4044, -19.0450, 12, "2022-03-05", 0,
         "winter_mountains 8.8 3 r6; storm 12.2 4 r6; road 15.1 2 r6; aurora 22.6 4 r6"),
    Trip("2022/Sommer am See 🏖️", "Chiemsee", "Germany", 47.8720, 12.4530, 518, "2022-07-16", 2,
         "lake 5.7 3 iphone13; aerial_fields 11.0 4 mini3; lake 20.6 4 iphone13"),
    Trip("2022/Hong Kong", "Tsim Sha Tsui, Hong Kong", "Hong Kong", 22.2936, 114.1716, 4, "2022-11-12", 8,
         "skyline 17.9 4 pixel7; skyline 21.0 3 pixel7; bokeh 22.2 3 pixel7"),
    Trip("2023/Patagonia", "Torres del Paine", "Chile", -50.9742, -72.9650, 140, "2023-02-18", -3,
         "mountains 7.2 5 z6; lake 10.3 4 z6; mountains 20.6 3 z6"),
    Trip("2023/Zanzibar", "Nungwi, Zanzibar", "Tanzania", -5.7264, 39.2942, 3, "2023-08-09", 3,
         "aerial_coast 10.1 6 mini3; sea 18.1 4 iphone13"),
    Trip("2023/Route 50", "Austin, Nevada", "United States", 39.4932, -117.0690, 1990, "2023-09-16", -7,
         "road 9.0 4 r6; road 18.3 2 r6; milky_way 21.2 3 r6"),
    Trip("2024/Queenstown", "Queenstown", "New Zealand", -45.0312, 168.6626, 312, "2024-05-11", 12,
         "lake 8.4 4 xt4; mountains 12.1 4 xt4; aurora 20.4 3 xt4"),
    Trip("2024/Normandie", "Étretat", "France", 49.7070, 0.2056, 70, "2024-06-08", 2,
         "aerial_fields 9.2 4 mini3; aerial_coast 10.4 2 mini3; sea 21.5 3 q2"),
    Trip("2024/京都の秋", "Kyoto", "Japan", 34.9949, 135.7850, 110, "2024-11-23", 9,
         "autumn_pagoda 7.9 2 a7; bamboo 9.4 3 a7; autumn_pagoda 16.5 4 a7"),
)  # fmt: skip

# Maps a camera to the artist and the copyright notice in its photos.
PEOPLE = {
    "a7": ("Mira Lindqvist", "(c) Mira Lindqvist"),
    "r6": ("Jonas Weber", "Copyright Jonas Weber, all rights reserved"),
    "z6": ("Zoë Brandão", "© Zoë Brandão"),
    "q2": ("Mira Lindqvist", "CC BY 4.0"),
    "80d": ("Jonas Weber", ""),
}


@dataclass(frozen=True)
class Shot:
    """One photo of the library, before it is painted.

    Attributes:
        path: The path of the file, relative to the library's folder.
        kind: How the file was made; see _kind.
        seed: The seed of the random numbers with which the photo is painted.
        elevation: Elevation of the sun, in degrees.
        direction: Compass direction of the camera, in degrees.
        described: Whether the photo has a caption and keywords.
        thumbnail: Whether the file has an embedded thumbnail.
        monochrome: Whether the photo is black and white.
    """

    path: str
    kind: Kind
    scene: str
    seed: str
    taken: datetime
    elevation: float
    camera: Camera
    exposure: Exposure
    latitude: float
    longitude: float
    altitude: float
    direction: float
    orientation: int
    trip: Trip
    rating: int
    artist: str
    copyright: str
    described: bool
    thumbnail: bool
    monochrome: bool

    @property
    def keywords(self) -> tuple[str, ...]:
        """Keywords for what the photo shows, and where."""
        return (*STYLES[self.scene].keywords, self.trip.place, self.trip.country)


def sun_elevation(at: datetime, latitude: float, longitude: float) -> float:
    """Return the elevation of the sun above the horizon in degrees, accurate to half a degree.

    Source: the low-accuracy formulas of NOAA's solar calculator (declination and equation of time by day of the year).
    """
    utc = at.astimezone(UTC)
    year_angle = math.tau / 365 * (utc.timetuple().tm_yday - 1 + (utc.hour - 12) / 24)
    equation_minutes = 229.18 * (
        0.000075 + 0.001868 * math.cos(year_angle) - 0.032077 * math.sin(year_angle)
        - 0.014615 * math.cos(2 * year_angle) - 0.040849 * math.sin(2 * year_angle)
    )  # fmt: skip
    declination = (
        0.006918 - 0.399912 * math.cos(year_angle) + 0.070257 * math.sin(year_angle)
        - 0.006758 * math.cos(2 * year_angle) + 0.000907 * math.sin(2 * year_angle)
    )  # fmt: skip
    minutes = utc.hour * 60 + utc.minute + utc.second / 60 + equation_minutes + 4 * longitude
    hour_angle = math.radians(minutes / 4 - 180)
    phi = math.radians(latitude)
    sin_elevation = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(hour_angle)
    return math.degrees(math.asin(sin_elevation))


def plan_shots() -> list[Shot]:
    """Return every photo of the library, trip by trip. The result is always the same."""
    last_numbers = {camera_key: camera.first_number for camera_key, camera in CAMERAS.items()}
    shots: list[Shot] = []
    for trip in TRIPS:
        for part, walk in enumerate(trip.walks.split(";")):
            rng = random.Random(f"walk {trip.folder} {part}")  # noqa: S311
            scene, hour, count, camera_key = walk.split()
            shots += _walk(rng, trip, scene, float(hour), int(count), camera_key, last_numbers, len(shots))
    return shots


def _walk(
    rng: random.Random,
    trip: Trip,
    scene: str,
    hour: float,
    count: int,
    camera_key: str,
    last_numbers: dict[str, int],
    first_index: int,
) -> Iterator[Shot]:
    """Yield the shots of one walk. Update `last_numbers`, the file number that each camera used last."""
    camera, style = CAMERAS[camera_key], STYLES[scene]
    zone = timezone(timedelta(hours=trip.offset))
    taken = datetime.fromisoformat(trip.day).replace(tzinfo=zone) + timedelta(hours=hour)
    north, east = rng.uniform(-300, 300), rng.uniform(-300, 300)
    heading = rng.uniform(0, 360)
    altitude = trip.altitude + (rng.uniform(60, 118) if camera.is_drone else rng.uniform(0, 6))
    direction = rng.uniform(0, 360)
    for step in range(count):
        taken += timedelta(seconds=rng.uniform(40, 400), milliseconds=rng.randrange(1000))
        heading += rng.gauss(0, 25)
        metres = rng.uniform(25, 140) * (3 if camera.is_drone else 1)
        north, east = north + metres * math.cos(math.radians(heading)), east + metres * math.sin(math.radians(heading))
        altitude += rng.gauss(0, 2)
        direction = (direction + rng.gauss(0, 20)) % 360
        latitude = trip.latitude + north / 111_320
        longitude = trip.longitude + east / (111_320 * math.cos(math.radians(trip.latitude)))
        elevation = sun_elevation(taken, latitude, longitude)
        last_numbers[camera_key] += rng.choice((1, 1, 1, 2, 3, 5))
        lens = _choose_lens(rng, camera, style)
        focal = _round_focal(lens.short_mm + (lens.long_mm - lens.short_mm) * min(1.0, style.zoom * rng.uniform(0, 2)))
        level = max(style.min_level, exposure_value(elevation) + style.ev_offset) + rng.uniform(-0.4, 0.4)
        exposure = expose(rng, camera, lens, focal, level, f_number=style.f_number, tripod=style.tripod)
        kind = _kind(first_index + step)
        artist, rights = PEOPLE.get(camera_key, ("", ""))
        yield Shot(
            path=f"{trip.folder}/{_name(camera, last_numbers[camera_key], taken, kind)}",
            kind=kind,
            scene=scene,
            seed=f"photo {trip.folder} {scene} {hour} {step}",
            taken=taken,
            elevation=elevation,
            camera=camera,
            exposure=exposure,
            latitude=latitude,
            longitude=longitude,
            altitude=altitude,
            direction=direction,
            orientation=1 if camera.is_drone else rng.choices((1, 6, 8, 3), (80, 13, 4, 3))[0],
            trip=trip,
            rating=rng.choices((0, 1, 2, 3, 4, 5), (55, 2, 5, 16, 14, 8))[0],
            artist=artist,
            copyright=rights,
            described=rng.random() < 0.4,
            thumbnail=rng.random() < 0.88,
            monochrome=camera_key == "q2" and scene in ("sea", "bokeh", "storm") and rng.random() < 0.5,
        )


def _choose_lens(rng: random.Random, camera: Camera, style: Style) -> Lens:
    if camera.fixed_iris:
        return rng.choices(camera.lenses, (8, 3, 3)[: len(camera.lenses)])[0]
    if style.tripod and style.f_number < 4:
        return min(camera.lenses, key=lambda lens: (lens.short_mm * camera.crop > 24, lens.min_f_short))
    if style.f_number < 3:
        return min(camera.lenses, key=lambda lens: lens.min_f_long)
    if style.zoom >= 1:
        return max(camera.lenses, key=lambda lens: lens.long_mm)
    return rng.choices(camera.lenses, (6, 3, 1)[: len(camera.lenses)])[0]


def _round_focal(focal_mm: float) -> float:
    return focal_mm if focal_mm < 10 else float(round(focal_mm))


def _kind(index: int) -> Kind:
    """Return the kind of the file with this index.

    Most files are JPEGs from a camera. The others were exported from an editor (PNG, WebP, TIFF), or are JPEGs without
    EXIF from a messenger ("bare").
    """
    kinds: dict[int, Kind] = {13: "png", 27: "webp", 33: "bare"}
    return "tiff" if index % 60 == 45 else kinds.get(index % 40, "jpeg")


def _name(camera: Camera, number: int, taken: datetime, kind: Kind) -> str:
    name = camera.file_name(number, taken)
    stem = name.rpartition(".")[0]
    return {
        "jpeg": name,
        "bare": f"IMG-{taken:%Y%m%d}-WA{number % 100:04}.jpg",
        "png": f"{stem} edit.png",
        "webp": f"{stem}.webp",
        "tiff": f"{stem}.tif",
    }[kind]
