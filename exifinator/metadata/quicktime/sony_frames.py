"""Read what Sony's cameras record for each frame of an XAVC movie (`rtmd`): exposure, position and time.

A sample is a header, whose length is its first number, and sets of items. Each set begins with a universal label of
SMPTE. An item has a tag and a length of two bytes each. Sources: EBU Tech 3349, "Acquisition Technical Metadata Set"
(the tags from 0x8000 to 0x8118 and their units); the descriptions of the other tags by
https://github.com/SK-Hardwired/xavc_rtmd2srt; the table Sony::rtmd of `exiftool -listx` (13.59) for the names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from exifinator.metadata.makernotes.conversions import exposure_text
from exifinator.metadata.quicktime.boxes import uint
from exifinator.metadata.quicktime.movie_tags import MovieTags, printable_text, table

SONY, GPS = "Sony", "GPS"
TABLE = "Sony::rtmd"
LABEL, LABEL_BYTES = 0x060E, 16
# An item that contains items.
NESTED = 0x8300
MAX_ITEMS, MAX_DEPTH = 400, 4
F_NUMBER, FRAME_RATE, EXPOSURE_TIME, GAIN, ISO, ATTRIBUTES = 0x8000, 0x8106, 0x8109, 0x810A, 0x810B, 0x8114
EXTENDER, WHITE_BALANCE, DATE_TIME, ATTITUDE, ACCELERATION = 0x810C, 0xE303, 0xE304, 0xE43B, 0xE44B
GPS_FIRST, GPS_LAST, GPS_STATUS, VOID = 0x8500, 0x85FF, 0x8509, b"V"
# The ids of EXIF's GPS tags, with which these tags share their names and types (Exif 3.0, 4.6.7).
GPS_NAMES = {
    0x00: "GPSVersionID", 0x01: "GPSLatitudeRef", 0x02: "GPSLatitude", 0x03: "GPSLongitudeRef", 0x04: "GPSLongitude",
    0x05: "GPSAltitudeRef", 0x06: "GPSAltitude", 0x07: "GPSTimeStamp", 0x09: "GPSStatus", 0x0A: "GPSMeasureMode",
    0x0C: "GPSSpeedRef", 0x0D: "GPSSpeed", 0x0E: "GPSTrackRef", 0x0F: "GPSTrack", 0x12: "GPSMapDatum",
    0x1D: "GPSDate",
}  # fmt: skip
GPS_TEXTS = frozenset({0x01, 0x03, 0x09, 0x0A, 0x0C, 0x0E, 0x12, 0x1D})


def read_rtmd(sample: bytes, tags: MovieTags) -> None:
    """Add the settings of the camera, and the position if the receiver had a fix."""
    header_bytes = uint(sample, 0, 2)
    if not 2 <= header_bytes < len(sample):
        return
    position: dict[int, bytes] = {}
    for tag, value in _items(sample[header_bytes:]):
        if GPS_FIRST <= tag <= GPS_LAST:
            position.setdefault(tag, value)
        else:
            _add(tag, value, tags)
    if position.get(GPS_STATUS, b"A")[:1] != VOID:
        for tag, value in position.items():
            _add_position(tag - GPS_FIRST, value, tags)


def _items(data: bytes, depth: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield tag and value of the items next to each other, up to the first invalid one."""
    offset = 0
    for _ in range(MAX_ITEMS):
        tag = uint(data, offset, 2)
        if tag == LABEL:
            offset += LABEL_BYTES
            continue
        length = uint(data, offset + 2, 2)
        if tag in (0, 0xFFFF) or offset + 4 + length > len(data):
            return
        value = data[offset + 4 : offset + 4 + length]
        if tag == NESTED and depth < MAX_DEPTH:
            yield from _items(value, depth + 1)
        else:
            yield tag, value
        offset += 4 + length


def _add(tag: int, data: bytes, tags: MovieTags) -> None:
    row = table(TABLE).get(str(tag))
    if row is None or not data:
        return
    name, names = (row[0], row[2] if len(row) > 2 else {}) if isinstance(row, list) else (row, {})
    value: Any
    if tag == F_NUMBER:
        value = round(2 ** (8 * (1 - uint(data, 0, 2) / 65536)), 3)
        tags.add(SONY, name, value, f"{value:.1f}")
    elif tag == EXPOSURE_TIME:
        value = _ratios(data)
        if value and value[0]:
            tags.add(SONY, name, value[0], exposure_text(value[0]))
    elif tag == FRAME_RATE:
        value = _ratios(data)
        if value and value[0]:
            tags.add(SONY, name, round(value[0], 3))
    elif tag == GAIN:
        value = uint(data, 0, 2) / 100
        tags.add(SONY, name, value, f"{value:.2f} dB")
    elif tag in (ISO, EXTENDER):
        # 65535 stands for a number that has no room here.
        value = uint(data, 0, 2)
        if 0 < value < 0xFFFF:
            tags.add(SONY, name, value)
    elif tag == WHITE_BALANCE:
        tags.add(SONY, name, data[0], names.get(str(data[0])))
    elif tag == DATE_TIME:
        if date := _date(data):
            tags.add(SONY, name, date)
    elif tag in (ATTITUDE, ACCELERATION):
        tags.add(SONY, name, [_signed(data, offset) for offset in range(0, min(len(data), 6) - 1, 2)])
    elif tag == ATTRIBUTES and (text := printable_text(data)):
        tags.add(SONY, name, text)


def _add_position(number: int, data: bytes, tags: MovieTags) -> None:
    name = GPS_NAMES.get(number)
    if name is None:
        return
    if number in GPS_TEXTS:
        if text := printable_text(data):
            tags.add(GPS, name, text)
    elif number in (0x00, 0x05):
        tags.add(GPS, name, list(data[:4]))
    else:
        values = _ratios(data)
        if values and None not in values:
            tags.add(GPS, name, values)


def _ratios(data: bytes) -> list[Any]:
    """Return up to three ratios; None for those whose denominator is 0."""
    pairs = [(uint(data, offset, 4), uint(data, offset + 4, 4)) for offset in range(0, min(len(data), 24) - 7, 8)]
    return [top / bottom if bottom else None for top, bottom in pairs]


def _signed(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "big", signed=True)


def _date(data: bytes) -> str:
    """Return a date in binary-coded decimals: a byte for the zone, two for the year, and one for each other part."""
    digits = data[1:8].hex()
    if len(digits) != 14 or not digits.isdecimal():
        return ""
    parts = digits[:4], digits[4:6], digits[6:8]
    return f"{':'.join(parts)} {digits[8:10]}:{digits[10:12]}:{digits[12:]}"
