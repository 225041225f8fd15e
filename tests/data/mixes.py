"""Ten mixes of files, whose metadata takes one to several requests: for the forecasts of dry runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from tests.data import build

# The names of files in `bodies`, each with its share of a bucket and its storage class.
Mix = Sequence[tuple[str, float, str]]


@cache
def bodies() -> Mapping[str, bytes]:
    """Return the content of each file, by its name. The extension of a name is the usual one of the format."""
    exif = build.exif_segment(build.photo_tiff())
    padding = [build.segment(0xE2, b"MPF\0" + bytes(60_000)) for _ in range(3)]
    return {
        "small.jpg": build.jpeg(exif),
        "large.jpg": build.jpeg(exif, picture_bytes=200_000),
        "deep.jpg": build.jpeg(*padding, exif, picture_bytes=200_000),
        "note.txt": b"no photo at all\n" * 2000,
        "late.png": build.png(after=[build.itxt_xmp()], picture=[120_000]),
        "late.webp": build.webp(build.photo_tiff(), picture_bytes=300_000),
        "photo.heic": build.heic(build.photo_tiff()),
        "raw.cr3": build.every_format()["cr3"],
    }


MIXES: list[Mix] = [
    [("small.jpg", 1, "")],
    [("large.jpg", 0.9, ""), ("deep.jpg", 0.1, "")],
    [("large.jpg", 0.5, ""), ("deep.jpg", 0.5, "")],
    [("large.jpg", 0.97, ""), ("late.png", 0.02, ""), ("late.webp", 0.01, "")],
    [("photo.heic", 0.6, ""), ("large.jpg", 0.3, ""), ("raw.cr3", 0.1, "")],
    [("late.webp", 1, "STANDARD_IA")],
    [("large.jpg", 0.95, ""), ("large.jpg", 0.05, "GLACIER_IR")],
    [("deep.jpg", 0.3, "GLACIER_IR"), ("large.jpg", 0.3, ""), ("small.jpg", 0.4, "STANDARD_IA")],
    [("note.txt", 0.7, ""), ("large.jpg", 0.2, ""), ("deep.jpg", 0.1, "ONEZONE_IA")],
    [(name, 1 / 8, storage_class) for name, storage_class in zip(bodies(), ["", "STANDARD_IA"] * 4, strict=True)],
]
