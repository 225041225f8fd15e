"""The cameras of the demo library, with their lenses and file names, and the exposures that they choose."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Literal

ByteOrder = Literal["little", "big"]

_F_STOPS = (1.4, 1.7, 1.8, 2.0, 2.2, 2.5, 2.8, 3.2, 3.5, 4.0, 4.5, 5.0, 5.6, 6.3, 7.1, 8.0, 9.0, 10.0, 11.0, 13.0, 16.0)
# Denominators of the exposure times below 0.4 seconds.
_SHUTTERS = (
    8000, 6400, 5000, 4000, 3200, 2500, 2000, 1600, 1250, 1000, 800, 640, 500, 400, 320, 250, 200, 160, 125, 100, 80,
    60, 50, 40, 30, 25, 20, 15, 13, 10, 8, 6, 5, 4, 3,
)  # fmt: skip
# Exposure times from 0.4 seconds on.
_LONG_SECONDS = (0.5, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.0, 8.0, 10.0, 13.0, 15.0, 20.0, 25.0, 30.0)


@dataclass(frozen=True)
class Lens:
    """A lens, named as in EXIF.

    Attributes:
        short_mm: The shortest focal length.
        long_mm: The longest focal length.
        min_f_short: The smallest f-number at the shortest focal length.
        min_f_long: The smallest f-number at the longest focal length.
    """

    model: str
    short_mm: float
    long_mm: float
    min_f_short: float
    min_f_long: float
    make: str = ""

    def min_f_number(self, focal_mm: float) -> float:
        """Return the smallest f-number at a focal length."""
        if self.short_mm == self.long_mm:
            return self.min_f_short
        share = (focal_mm - self.short_mm) / (self.long_mm - self.short_mm)
        minimum = self.min_f_short + (self.min_f_long - self.min_f_short) * share
        return min((f for f in {*_F_STOPS, self.min_f_short, self.min_f_long} if f >= minimum - 0.05), default=minimum)


@dataclass(frozen=True)
class Camera:
    """A camera, as its files describe it.

    Attributes:
        name_pattern: str.format pattern for file names, with the fields `number`, `taken`, `utc` and `month`.
        first_number: The number of the first file.
        software: The value of the tag Software.
        crop: Crop factor, which converts focal lengths to their 35 mm equivalents.
        size: Width and height in pixels, in landscape orientation.
        gps: Whether its files have a location.
        writes_offset: Whether its files have the offset from UTC.
        subsecond_digits: Number of digits of the fraction of a second; 0 for none.
        fixed_iris: Whether the aperture is fixed, as in phones and drones. Such a camera varies only exposure time and
            ISO, and is not limited to the standard steps.
        warmth: White balance, from -1 (cool) to 1 (warm).
    """

    make: str
    model: str
    released: date
    name_pattern: str
    first_number: int
    software: str
    lenses: tuple[Lens, ...]
    crop: float = 1.0
    size: tuple[int, int] = (864, 576)
    base_iso: int = 100
    top_iso: int = 12800
    byte_order: ByteOrder = "little"
    gps: bool = True
    writes_offset: bool = True
    subsecond_digits: int = 0
    fixed_iris: bool = False
    is_drone: bool = False
    serial: str = ""
    exif_version: bytes = b"0231"
    warmth: float = 0.0

    def file_name(self, number: int, taken: datetime) -> str:
        """Return the name that the camera gives to a file."""
        utc = taken.astimezone(UTC)
        letter = "123456789ABC"[taken.month - 1]
        return self.name_pattern.format(number=number, utc=utc, taken=taken, month=letter)


def _phone(model: str, *lenses: tuple[float, float]) -> tuple[Lens, ...]:
    return tuple(Lens(f"{model} {mm}mm f/{f}", mm, mm, f, f, make="Apple") for mm, f in lenses)


CAMERAS = {
    "a7": Camera(
        "SONY", "ILCE-7M3", date(2018, 4, 10), "DSC{number:05}.JPG", 1204, "ILCE-7M3 v3.10",
        (
            Lens("FE 24-105mm F4 G OSS", 24, 105, 4, 4), Lens("FE 16-35mm F2.8 GM", 16, 35, 2.8, 2.8),
            Lens("FE 55mm F1.8 ZA", 55, 55, 1.8, 1.8),
        ),
        top_iso=25600, warmth=0.1,
    ),
    "a6400": Camera(
        "SONY", "ILCE-6400", date(2019, 2, 22), "DSC{number:05}.JPG", 4310, "ILCE-6400 v2.00",
        (Lens("E 18-135mm F3.5-5.6 OSS", 18, 135, 3.5, 5.6), Lens("E 70-350mm F4.5-6.3 G OSS", 70, 350, 4.5, 6.3)),
        crop=1.5,
    ),
    "r6": Camera(
        "Canon", "Canon EOS R6", date(2020, 8, 27), "IMG_{number:04}.JPG", 412,
        "Adobe Photoshop Lightroom Classic 12.2 (Macintosh)",
        (Lens("RF24-105mm F4 L IS USM", 24, 105, 4, 4), Lens("RF15-35mm F2.8 L IS USM", 15, 35, 2.8, 2.8)),
        top_iso=25600, subsecond_digits=2, serial="053021001874", warmth=0.3,
    ),
    "80d": Camera(
        "Canon", "Canon EOS 80D", date(2016, 3, 25), "IMG_{number:04}.JPG", 7421, "",
        (Lens("EF-S18-135mm f/3.5-5.6 IS USM", 18, 135, 3.5, 5.6),),
        crop=1.6, gps=False, writes_offset=False, subsecond_digits=2, serial="172024003251", exif_version=b"0230",
        warmth=0.25,
    ),
    "z6": Camera(
        "NIKON CORPORATION", "NIKON Z 6", date(2018, 11, 23), "DSC_{number:04}.JPG", 821, "Ver.03.30",
        (
            Lens("NIKKOR Z 24-70mm f/4 S", 24, 70, 4, 4), Lens("NIKKOR Z 14-30mm f/4 S", 14, 30, 4, 4),
            Lens("NIKKOR Z 20mm f/1.8 S", 20, 20, 1.8, 1.8),
        ),
        top_iso=25600, byte_order="big", subsecond_digits=2, serial="6038127", warmth=-0.1,
    ),
    "xt4": Camera(
        "FUJIFILM", "X-T4", date(2020, 4, 28), "DSCF{number:04}.JPG", 1102, "Digital Camera X-T4 Ver1.23",
        (
            Lens("XF16-80mmF4 R OIS WR", 16, 80, 4, 4, "FUJIFILM"),
            Lens("XF50-140mmF2.8 R LM OIS WR", 50, 140, 2.8, 2.8, "FUJIFILM"),
        ),
        crop=1.5, base_iso=160, subsecond_digits=2, serial="0BQ01933", exif_version=b"0232", warmth=0.15,
    ),
    "iphone13": Camera(
        "Apple", "iPhone 13 Pro", date(2021, 9, 24), "IMG_{number:04}.JPG", 2204, "15.6.1",
        _phone("iPhone 13 Pro back triple camera", (5.7, 1.5), (1.57, 1.8), (9.0, 2.8)),
        crop=4.56, size=(800, 600), base_iso=50, top_iso=5000, byte_order="big", subsecond_digits=3, fixed_iris=True,
        exif_version=b"0232",
    ),
    "iphone7": Camera(
        "Apple", "iPhone 7", date(2016, 9, 16), "IMG_{number:04}.JPG", 318, "11.0.3",
        _phone("iPhone 7 back camera", (3.99, 1.8)),
        crop=7.0, size=(800, 600), base_iso=20, top_iso=1600, byte_order="big", writes_offset=False, subsecond_digits=3,
        fixed_iris=True, exif_version=b"0221",
    ),
    "pixel7": Camera(
        "Google", "Pixel 7", date(2022, 10, 13), "PXL_{utc:%Y%m%d_%H%M%S}{number:03}.jpg", 104, "HDR+ 1.0.475128401zd",
        (
            Lens("Pixel 7 back camera 6.81mm f/1.85", 6.81, 6.81, 1.85, 1.85, "Google"),
            Lens("Pixel 7 back camera 2.35mm f/2.2", 2.35, 2.35, 2.2, 2.2, "Google"),
        ),
        crop=3.67, size=(800, 600), base_iso=50, top_iso=6400, subsecond_digits=3, fixed_iris=True,
        exif_version=b"0232",
    ),
    "gx80": Camera(
        "Panasonic", "DMC-GX80", date(2016, 5, 20), "P1{number:06}.JPG", 10722, "Ver.1.2",
        (Lens("LUMIX G VARIO 12-60/F3.5-5.6", 12, 60, 3.5, 5.6),),
        crop=2.0, size=(800, 600), base_iso=200, gps=False, writes_offset=False, exif_version=b"0230", warmth=-0.15,
    ),
    "em1": Camera(
        "OLYMPUS CORPORATION", "E-M1MarkII", date(2016, 12, 22), "P{month}{taken:%d}{number:04}.JPG", 611,
        "Version 2.1",
        (
            Lens("OLYMPUS M.12-40mm F2.8", 12, 40, 2.8, 2.8, "OLYMPUS CORPORATION"),
            Lens("OLYMPUS M.40-150mm F2.8", 40, 150, 2.8, 2.8, "OLYMPUS CORPORATION"),
        ),
        crop=2.0, size=(800, 600), base_iso=200, writes_offset=False, serial="BHU201417", exif_version=b"0230",
        warmth=0.2,
    ),
    "mavic": Camera(
        "DJI", "FC220", date(2016, 10, 15), "DJI_{number:04}.JPG", 37, "v03.02.35.05",
        (Lens("26.0 mm f/2.2", 4.73, 4.73, 2.2, 2.2, "DJI"),),
        crop=5.5, size=(800, 600), top_iso=1600, writes_offset=False, fixed_iris=True, is_drone=True,
        exif_version=b"0230",
    ),
    "mini3": Camera(
        "DJI", "FC3582", date(2022, 5, 10), "DJI_{number:04}.JPG", 211, "10.16.02.59",
        (Lens("24.0 mm f/1.7", 6.72, 6.72, 1.7, 1.7, "DJI"),),
        crop=3.57, size=(800, 600), top_iso=3200, writes_offset=False, fixed_iris=True, is_drone=True,
        exif_version=b"0230",
    ),
    "q2": Camera(
        "LEICA CAMERA AG", "LEICA Q2", date(2019, 3, 7), "L{number:07}.JPG", 1000412, "2.1",
        (Lens("SUMMILUX 1:1.7/28 ASPH.", 28, 28, 1.7, 1.7, "LEICA CAMERA AG"),),
        top_iso=12500, gps=False, serial="5412207", warmth=0.05,
    ),
}  # fmt: skip

# Brightness under a clear sky: (elevation of the sun in degrees, exposure value at ISO 100).
_LEVELS = ((-18.0, -4.0), (-12.0, -2.0), (-6.0, 3.5), (-3.0, 6.5), (0.0, 9.5), (5.0, 12.0), (15.0, 14.0), (35.0, 15.0))


def exposure_value(elevation: float) -> float:
    """Return the brightness under a clear sky, as an exposure value at ISO 100.

    Args:
        elevation: The elevation of the sun, in degrees.
    """
    if elevation <= _LEVELS[0][0]:
        return _LEVELS[0][1]
    for low, high in pairwise(_LEVELS):
        if elevation <= high[0]:
            return low[1] + (high[1] - low[1]) * (elevation - low[0]) / (high[0] - low[0])
    return _LEVELS[-1][1]


@dataclass(frozen=True)
class Exposure:
    """The camera settings of a photo.

    Attributes:
        seconds: The exposure time, as (numerator, denominator).
    """

    lens: Lens
    focal_mm: float
    f_number: float
    seconds: tuple[int, int]
    iso: int


def expose(
    rng: random.Random, camera: Camera, lens: Lens, focal_mm: float, level: float, *, f_number: float, tripod: bool
) -> Exposure:
    """Choose the f-number, exposure time and ISO. Without a tripod, avoid exposure times that would show camera shake.

    Args:
        level: The brightness of the scene, as an exposure value at ISO 100.
        f_number: The preferred f-number.
    """
    widest = lens.min_f_number(focal_mm)
    aperture = widest if camera.fixed_iris else max(widest, f_number)
    longest = (20.0 if not camera.fixed_iris else 3.0) if tripod else 1 / max(30.0, focal_mm * camera.crop)
    stops = [camera.base_iso * 2**k for k in range(12) if camera.base_iso * 2**k <= camera.top_iso]
    for opened in dict.fromkeys((aperture, widest)):
        for iso in stops:
            seconds = opened**2 / 2**level * 100 / iso
            if seconds <= longest or (iso == stops[-1] and opened == widest):
                if camera.fixed_iris:
                    iso = round(iso * rng.uniform(1.0, 1.4) / 4) * 4 if iso > camera.base_iso else iso
                return Exposure(lens, focal_mm, opened, _shutter(min(seconds, 30.0), exact=camera.fixed_iris), iso)
            # Without a tripod, open the iris before going above ISO 1600.
            if not tripod and opened != widest and iso >= 1600:
                break
    raise AssertionError("the last ISO always matches")


def _shutter(seconds: float, *, exact: bool) -> tuple[int, int]:
    if seconds < 0.4:
        if exact:
            return 1, max(4, min(8000, round(1 / seconds)))
        return 1, min(_SHUTTERS, key=lambda n: abs(math.log(n * seconds)))
    nearest = min(_LONG_SECONDS, key=lambda s: abs(math.log(s / seconds)))
    return round(nearest * 10), 10
