"""Decode `meta` boxes: Apple's item lists (`ilst`), whose tags have four-character codes, or keys (`keys`).

Source: QuickTime File Format Specification (Apple, 2012), "Metadata". The tags have the names of ExifTool 13.59.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from exifinator.metadata.jpeg_spec import JPEG_BEGIN
from exifinator.metadata.quicktime.boxes import boxes_in, find_box, uint
from exifinator.metadata.quicktime.movie_tags import MovieTags, definition, table
from exifinator.metadata.quicktime.places import place_text, read_place
from exifinator.metadata.quicktime.tracks import language, read_handler

MAX_ITEMS = 1000
MAX_KEY_BYTES = 200
APPLE = "com.apple.quicktime."
UTF8, UTF16, JPEG, PNG = 1, 2, 13, 14
# Types of numbers -> (format for `struct`, bytes). Types 21 and 22 have numbers of any length.
NUMBERS = {23: ("f", 4), 24: ("d", 8), 65: ("b", 1), 66: ("h", 2), 67: ("i", 4), 74: ("q", 8), 75: ("B", 1),
           76: ("H", 2), 77: ("I", 4), 78: ("Q", 8), 70: ("ff", 8), 71: ("ff", 8), 72: ("ffff", 16)}  # fmt: skip
SIGNED, UNSIGNED = 21, 22
# ExifTool's type of a value -> the type of the data, for data without a type of its own.
KINDS = {"int8u": UNSIGNED, "int16u": UNSIGNED, "int32u": UNSIGNED, "int64u": UNSIGNED, "int8s": SIGNED,
         "int16s": SIGNED, "int32s": SIGNED, "int64s": SIGNED, "float": 23, "double": 24}  # fmt: skip
# Items with two numbers: the number of this track or disk, and the number of tracks or disks.
PAIRS = ("trkn", "disk")
GENRE, PLACE = "gnre", "GPSCoordinates"
DATES = ("CreationDate", "ContentCreateDate", "DateTimeOriginal", "LocationDate", "CreationTime")
_ISO_DATE = re.compile(r"(\d{4})-(\d\d)(?:-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)\s*(Z|[-+]\d\d:?\d\d)?)?)?")
_SEPARATORS = re.compile(r"[^A-Za-z0-9-]+(.?)")


def read_meta(body: bytes, group: str, key_group: str, tags: MovieTags) -> list[tuple[str, bytes]]:
    """Add the tags of a `meta` box. Return the pictures and packets in it, as (kind of block, data).

    Args:
        body: The body of the box.
        group: The group of the tags of its handler, such as "QuickTime" or "Track1".
        key_group: The group of the tags that have keys, such as "Keys".
        tags: The tags of the movie.
    """
    # QuickTime's meta box has no version. In other formats, a version of four bytes precedes the boxes.
    start = 0 if body[4:8] == b"hdlr" else 4
    keys: list[str] = []
    blocks: list[tuple[str, bytes]] = []
    for kind, inner in boxes_in(body, start):
        if kind == b"hdlr":
            read_handler(inner, group, tags)
        elif kind == b"keys":
            keys = _keys(inner)
        elif kind == b"ilst":
            blocks += _read_items(inner, keys, key_group, tags)
        elif kind == b"xml ":
            blocks.append(("xml", inner[4:]))
    return blocks


def _keys(body: bytes) -> list[str]:
    keys, offset = [], 8
    for _ in range(min(uint(body, 4, 4), MAX_ITEMS)):
        size = uint(body, offset, 4)
        if size < 8 or offset + size > len(body):
            break
        keys.append(body[offset + 8 : offset + min(size, MAX_KEY_BYTES)].decode("utf-8", "replace").rstrip("\0"))
        offset += size
    return keys


def _read_items(body: bytes, keys: list[str], key_group: str, tags: MovieTags) -> list[tuple[str, bytes]]:
    pictures: list[tuple[str, bytes]] = []
    for code, item in boxes_in(body):
        index = int.from_bytes(code, "big")
        if 1 <= index <= len(keys):
            group, names, key = key_group, key_group, keys[index - 1].removeprefix(APPLE)
            short = key.removeprefix("com.")
            row = table(names).get(key) or table(names).get(short) or table("Keys").get(key) or table("Keys").get(short)
            row = row or table(names).get(keys[index - 1]) or _name(key)
        elif code == b"----":
            key = (find_box(item, b"name") or b"")[4:].decode("utf-8", "replace")[:MAX_KEY_BYTES]
            group, row = "iTunes", table("iTunesInfo").get(key) or _name(key)
        else:
            key = code.decode("latin-1")
            group, row = "ItemList", table("ItemList").get(key)
        if row is None:
            continue
        for kind, data in boxes_in(item):
            if kind != b"data" or len(data) < 8:
                continue
            picture = _add_item(group, key, row, data, tags)
            if picture:
                pictures.append(("thumbnail", picture))
    return pictures


def _name(key: str) -> str:
    """Return a name for an unknown key: `com.example.a_b-c` becomes `ExampleAB-c`."""
    name = _SEPARATORS.sub(lambda match: match[1].upper(), key.removeprefix("com."))
    return name[:1].upper() + name[1:]


def _add_item(group: str, key: str, row: Any, data: bytes, tags: MovieTags) -> bytes | None:
    """Add the tag for a `data` box. If the box contains a JPEG, return the JPEG."""
    name, kind, values = definition(row)
    data_type, code, value = uint(data, 0, 4) & 0xFFFFFF, uint(data, 6, 2), data[8:]
    if language(code) not in ("", "und"):
        name = f"{name}-{language(code)}"
    if data_type in (JPEG, PNG) or name == "CoverArt":
        tags.add_binary(group, name, value)
        return value if value.startswith(JPEG_BEGIN) else None
    if group == "ItemList" and key in PAIRS and len(value) >= 6:
        number, total = uint(value, 2, 2), uint(value, 4, 2)
        text = f"{number} of {total}" if total else str(number)
        tags.add(group, name, text)
        return None
    decoded = _decode(data_type, value, kind)
    if group == "ItemList" and key == GENRE and isinstance(decoded, int):
        name = "Genre"
    if decoded is None:
        if value:
            tags.add_binary(group, name, value)
        return None
    add_value(group, name, decoded, tags, values)
    return None


def add_value(group: str, name: str, value: Any, tags: MovieTags, values: dict[str, str] | None = None) -> None:
    """Add a tag. Convert positions and dates in strings as ExifTool does."""
    if isinstance(value, str):
        if name.partition("-")[0] == PLACE:
            place = read_place(value)
            if place:
                tags.add(group, name, place, place_text(place))
                return
        if name.partition("-")[0] in DATES:
            value = exif_date(value)
    printed = values.get(str(value), f"Unknown ({value})" if "0" in values else str(value)) if values else None
    tags.add(group, name, value, printed)


def exif_date(text: str) -> str:
    """Convert a date in ISO 8601 to the notation of EXIF, with colons. Return other strings unchanged."""
    match = _ISO_DATE.fullmatch(text.strip()[:40])
    if match is None:
        return text
    year, month, day, time, zone = match.groups()
    date = ":".join(part for part in (year, month, day) if part)
    if zone and zone != "Z" and ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    return f"{date} {time}{zone or ''}" if time else date


def _decode(data_type: int, value: bytes, kind: str) -> Any:
    """Return the value of a `data` box; None if its type is unknown, or does not fit its length."""
    if data_type == 0 and kind in KINDS:
        data_type = KINDS[kind]
    if data_type == UTF8:
        return value.decode("utf-8", "replace").rstrip("\0")
    if data_type == UTF16:
        return value.decode("utf-16-be", "replace").rstrip("\0")
    if data_type in (SIGNED, UNSIGNED) and 0 < len(value) <= 8:
        return int.from_bytes(value, "big", signed=data_type == SIGNED)
    if data_type in NUMBERS:
        code, size = NUMBERS[data_type]
        if len(value) != size:
            return None
        numbers = list(struct.unpack(f">{code}", value))
        return numbers if len(numbers) > 1 else numbers[0]
    if data_type == 0 and value and value.isascii() and value.rstrip(b"\0").decode("ascii").isprintable():
        return value.rstrip(b"\0").decode("ascii")
    return None
