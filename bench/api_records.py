"""Generate realistic records for the benchmark of the API. The same seed generates the same records."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from exifinator.search_keys.folders import folders_of
from exifinator.search_keys.geo_cells import cells_of_photo
from exifinator.search_keys.kinds import kinds_of
from exifinator.search_keys.place_names import place_names
from exifinator.search_keys.search_text import search_terms

# Make, model, lenses, (shortest, longest) focal length in mm, and relative frequency.
CAMERAS = [
    ("SONY", "ILCE-7M3", ("FE 24-70mm F2.8 GM", "FE 55mm F1.8 ZA", "FE 70-200mm F4 G OSS"), (24, 70), 16),
    ("SONY", "ILCE-7RM4", ("FE 16-35mm F2.8 GM", "FE 85mm F1.8", "FE 200-600mm F5.6-6.3 G OSS"), (16, 600), 8),
    ("Canon", "Canon EOS R5", ("RF50mm F1.2 L USM", "RF24-105mm F4 L IS USM", "RF100-500mm F4.5-7.1 L"), (24, 500), 10),
    ("Canon", "Canon EOS 80D", ("EF-S18-135mm f/3.5-5.6 IS USM", "EF50mm f/1.8 STM"), (18, 135), 9),
    ("NIKON CORPORATION", "NIKON D850", ("24.0-70.0 mm f/2.8", "70.0-200.0 mm f/2.8", "35.0 mm f/1.8"), (24, 200), 9),
    ("NIKON CORPORATION", "NIKON Z 6_2", ("NIKKOR Z 24-120mm f/4 S", "NIKKOR Z 50mm f/1.8 S"), (24, 120), 6),
    ("FUJIFILM", "X-T4", ("XF16-55mmF2.8 R LM WR", "XF35mmF1.4 R", "XF56mmF1.2 R"), (16, 56), 8),
    ("Apple", "iPhone 14 Pro", ("iPhone 14 Pro back triple camera 6.86mm f/1.78",), (6.86, 6.86), 20),
    ("Apple", "iPhone 12", ("iPhone 12 back dual wide camera 4.2mm f/1.6",), (4.2, 4.2), 14),
    ("samsung", "SM-S918B", (None,), (5.4, 5.4), 9),
    ("Panasonic", "DC-GH5", ("LUMIX G VARIO 12-60mm/F2.8-4.0",), (12, 60), 4),
    ("OLYMPUS CORPORATION", "E-M1MarkII", ("OLYMPUS M.12-40mm F2.8",), (12, 40), 3),
]
F_NUMBERS = [1.2, 1.4, 1.8, 2.0, 2.8, 3.5, 4.0, 5.6, 6.3, 8.0, 11.0, 16.0]
SHUTTER_SPEEDS = [
    1 / 8000,
    1 / 4000,
    1 / 2000,
    1 / 1000,
    1 / 500,
    1 / 250,
    1 / 125,
    1 / 60,
    1 / 30,
    1 / 15,
    1 / 4,
    1.0,
    10.0,
]
ISOS = [50, 64, 100, 125, 160, 200, 250, 320, 400, 500, 640, 800, 1000, 1600, 2000, 3200, 6400, 12800, 25600]
PLACES = [
    (2.35, 48.86), (-0.13, 51.51), (-74.0, 40.71), (-122.42, 37.77), (139.69, 35.69), (151.21, -33.87), (18.42, -33.92),
    (-43.17, -22.91), (12.5, 41.9), (13.4, 52.52), (103.82, 1.35), (100.5, 13.75), (77.21, 28.61), (-19.0, 64.96),
]  # fmt: skip
SUBJECTS = [
    "beach", "mountain", "harbour", "wedding", "dinner", "street", "market", "forest", "snow", "concert", "garden",
    "bridge", "cat", "dog", "sunset",
]  # fmt: skip
COUNTRIES = ("France", "United Kingdom", "United States", "Japan", "Australia", "South Africa", "Brazil", "Italy")
BUCKETS = ("family", "work-2020", "work-2024", "archive", "phones")
# Number of numeric EXIF tags in each record.
NUMERIC_TAGS = 24
# Size of the thumbnails. Scans have none.
THUMBNAIL_BYTES = 6000


def make_records(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Yield `count` records."""
    rng = random.Random(seed)
    weights = [camera[4] for camera in CAMERAS]
    start = datetime(2016, 1, 1, tzinfo=UTC)
    for index in range(count):
        yield _make_record(rng, index, start, rng.choices(CAMERAS, weights)[0])


def _make_record(rng: random.Random, index: int, start: datetime, camera: tuple[Any, ...]) -> dict[str, Any]:
    make, model, lenses, (low, high), _ = camera
    taken = start + timedelta(seconds=rng.randrange(8 * 365 * 86_400))
    bucket = BUCKETS[index % len(BUCKETS)]
    subject, second_subject = rng.choice(SUBJECTS), rng.choice(SUBJECTS)
    key = f"{taken:%Y/%m}/{subject}/IMG_{index:07}.jpg"
    photo: dict[str, Any] = {
        "taken_at": taken,
        "taken_local": taken + timedelta(hours=2 * (index % 2)),
        "camera_make": make,
        "camera_model": model,
        "iso": rng.choice(ISOS),
        "f_number": rng.choice(F_NUMBERS),
        "exposure_seconds": rng.choice(SHUTTER_SPEEDS),
        "focal_length_mm": float(round(rng.uniform(low, high))) if high > low else low,
        "flash_fired": rng.random() < 0.1,
        "orientation": rng.choice((1, 1, 1, 6, 8)),
        "width_pixels": 6000,
        "height_pixels": 4000,
        "software": f"{model} v1.{index % 9}",
    }
    if lens := rng.choice(lenses):
        photo["lens_model"] = lens
    if index % 2:
        photo["taken_offset"] = "+02:00"
    if index % 3 == 0:
        photo["keywords"] = sorted({subject, second_subject})
        photo["description"] = f"A {subject} by the {second_subject}"
    if index % 5 == 0:
        photo["rating"] = rng.randrange(6)
    if rng.random() < 0.6:
        lng, lat = rng.choice(PLACES)
        distance, angle = rng.expovariate(8), rng.uniform(0, 2 * math.pi)
        coordinates = [round(lng + distance * math.cos(angle), 6), round(lat + distance * math.sin(angle) / 2, 6)]
        photo["location"] = {"type": "Point", "coordinates": coordinates}
    _add_rare_fields(photo, index)
    record: dict[str, Any] = {
        "_id": f"{bucket}/{key}",
        "bucket": bucket,
        "key": key,
        "etag": f"{rng.getrandbits(128):032x}" if index % 50 else f"{index // 200:032x}",
        "size": rng.randrange(1_000_000, 12_000_000),
        "last_modified": taken + timedelta(days=30),
        "format": "jpeg" if index % 12 else "heic",
        "status": "ok",
        "extracted_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=index),
        "extractor_version": 1,
        "folders": folders_of(f"{bucket}/{key}"),
        "photo": photo,
        **search_terms(key, photo),
    }
    if index % 40 == 0:  # a scan without EXIF
        record |= {"status": "no_exif", "format": "png", "photo": {"width_pixels": 800, "height_pixels": 600}}
        return record
    record["thumbnail_bytes"] = THUMBNAIL_BYTES
    record |= place_names(photo)
    if kinds := kinds_of("dng" if index % 6 == 0 else "jpeg", photo):
        record["kinds"] = kinds
    if cells := cells_of_photo(photo):
        record["cells"] = cells
    for name, value in (
        ("Image Make", make),
        ("Image Model", model),
        ("EXIF DateTimeOriginal", f"{taken:%Y:%m:%d %H:%M:%S}"),
    ):
        record[name] = {"printable": value, "tag": 271, "field_type": 2, "field_length": len(value), "values": value}
    for tag in range(NUMERIC_TAGS):
        value = rng.randrange(65_536)
        record[f"EXIF Tag 0x{0x9000 + tag:04X}"] = {
            "printable": str(value), "tag": 0x9000 + tag, "field_type": 3, "field_length": 1, "values": value,
        }  # fmt: skip
    return record


def _add_rare_fields(photo: dict[str, Any], index: int) -> None:
    """Add the fields that many photos lack. They depend on `index` alone, so that they do not use up random numbers."""
    photo["color_space"] = "Adobe RGB" if index % 9 == 0 else "sRGB"
    photo["white_balance"] = ("auto", "auto", "auto", "daylight", "cloudy")[index % 5]
    if "location" in photo:
        number = index % 500
        photo["place"] = {
            "name": f"Village {number}", "city": f"City {number // 5}", "region": f"Region {number // 20}",
            "country": COUNTRIES[number % len(COUNTRIES)], "country_code": "XX", "distance_km": number / 100,
        }  # fmt: skip
    if index % 2:
        photo["camera_serial"] = f"{3_070_000 + index % 40}"
        photo["creators"] = [f"Photographer {index % 12}"]
    if index % 3 == 1:
        photo["lens_serial"] = f"{index % 60:010x}"
        photo["people"] = [f"Person {index % 70}", f"Person {index % 11}"]
    if index % 10 == 0:
        photo |= {"label": ("Red", "Yellow", "Green")[index % 3], "owner": "Photographer 1"}
    if index % 100 == 0:
        photo |= {"date_suspect": "midnight", "is_panorama": True}
    photo["media_type"] = "video" if index % 8 == 0 else "image"
    if index % 8 == 0:
        photo |= {
            "duration_seconds": round(1 + index * 7919 % 300_000 / 1000, 3),
            "frame_rate": (29.97, 25.0, 59.94)[index % 3],
            "video_codec": ("H.264", "HEVC")[index % 2], "audio_codec": "AAC", "bit_rate": 17_000_000 + index % 999,
        }  # fmt: skip
