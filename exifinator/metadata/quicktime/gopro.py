"""Read the position and the time in the first sample of GoPro's telemetry.

Source: GoPro, "GPMF Introduction", https://github.com/gopro/gpmf-parser: the structure of entries, and the streams GPS5
(HERO5 to HERO11) and GPS9 (from HERO11 on). The tags have the names of ExifTool 13.59.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta

from exifinator.metadata.quicktime.movie_tags import MovieTags

GOPRO = "GoPro"
MAX_ENTRIES = 200
NO_FIX = 0
# Dates in GPS9 are days since this date.
EPOCH = datetime(2000, 1, 1)
_TIME = re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d(?:\.\d{1,3})?)")


def read_telemetry(sample: bytes, tags: MovieTags) -> None:
    """Add the first position in a sample, and its time, unless the receiver had no fix."""
    for device, body in _entries(sample):
        for kind, stream in _entries(body) if device == b"DEVC" else ():
            if kind == b"STRM":
                _read_stream(dict(_entries(stream)), tags)


def _entries(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the key and the value of consecutive entries.

    An entry has a key, a type, the size of an item, the number of items, and the items.
    """
    position = 0
    for _ in range(MAX_ENTRIES):
        if position + 8 > len(data):
            return
        key, _kind, size, count = struct.unpack_from(">4sBBH", data, position)
        yield key, data[position + 8 : position + 8 + size * count]
        position += 8 + (size * count + 3) // 4 * 4


def _read_stream(stream: dict[bytes, bytes], tags: MovieTags) -> None:
    scale = _integers(stream.get(b"SCAL", b""))
    if len(stream.get(b"GPS9", b"")) >= 32 and len(scale) >= 7:
        numbers = [*_integers(stream[b"GPS9"][:28]), int.from_bytes(stream[b"GPS9"][30:32], "big")]
        if numbers[7] != NO_FIX and all(scale[:7]):
            _add(numbers, scale, tags)
            days, seconds = numbers[5] / scale[5], numbers[6] / scale[6]
            if 0 < days < 100_000 and 0 <= seconds < 86_401:
                _add_time(EPOCH + timedelta(days=int(days), seconds=seconds), tags)
    elif len(stream.get(b"GPS5", b"")) >= 20 and len(scale) >= 3 and all(scale[:3]):
        if int.from_bytes(stream.get(b"GPSF", b"\0\0\0\3"), "big") == NO_FIX:
            return
        _add(_integers(stream[b"GPS5"][:20]), scale, tags)
        if match := _TIME.match(stream.get(b"GPSU", b"")):
            year, month, day, hour, minute, second = (float(part) for part in match.groups())
            try:
                start = datetime(2000 + int(year), int(month), int(day), int(hour), int(minute))
            except ValueError:
                return
            _add_time(start + timedelta(seconds=second), tags)


def _integers(data: bytes) -> list[int]:
    return [number for (number,) in struct.iter_unpack(">i", data[: len(data) // 4 * 4])]


def _add(numbers: list[int], scale: list[int], tags: MovieTags) -> None:
    for name, number, divisor in zip(("GPSLatitude", "GPSLongitude", "GPSAltitude"), numbers, scale, strict=False):
        tags.add(GOPRO, name, round(number / divisor, 7))


def _add_time(date: datetime, tags: MovieTags) -> None:
    tags.add(GOPRO, "GPSDateTime", f"{date:%Y:%m:%d %H:%M:%S}.{date.microsecond // 1000:03}")
