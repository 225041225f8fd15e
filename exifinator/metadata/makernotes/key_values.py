"""Read the structures of GoPro and Qualcomm, in which each value has a key or a name instead of a fixed offset."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from exifinator.metadata.makernotes.tables import Field, Table
from exifinator.metadata.makernotes.values import CONVERSION_ERRORS, make_tag
from exifinator.metadata.tag_values import Tag

MAX_VALUES, MAX_DEPTH, MAX_TEXT_BYTES, MAX_NUMBERS = 400, 4, 512, 64
# GPMF's type of a number -> format character of `struct`. Source: GoPro, "GPMF Introduction",
# https://github.com/gopro/gpmf-parser (type characters of the key-length-value form).
GPMF_NUMBERS = {
    "b": "b", "B": "B", "s": "h", "S": "H", "l": "i", "L": "I", "j": "q", "J": "Q", "f": "f", "d": "d",
}  # fmt: skip
GPMF_TEXTS = "cU"
# Qualcomm's type of a number -> format character of `struct`. Source: observed in a sample file. With these types,
# ExifTool 13.59 prints the same values.
QUALCOMM_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "d"}


def _tag(field: Field | None, value: Any, length: int, order: str) -> Tag | None:
    if field is None:
        return None
    try:
        return make_tag(field.name, 0, 2 if isinstance(value, str) else 9, field, value, length, order)
    except CONVERSION_ERRORS:
        return None


def _field(table: Table, name: str) -> Field | None:
    fields = table.fields_named(name)
    return fields[0] if fields else None


def read_gpmf(table: Table, data: bytes, _order: str, _note: Any, depth: int = 0) -> Iterator[Tag]:
    """Yield the values of GoPro's GPMF.

    An entry consists of a key of four letters, the type (8 bits), the size of an item in bytes (8 bits), the number of
    items (16 bits, big-endian), and the items, padded to a multiple of four bytes. An entry of type 0 contains further
    entries.

    Args:
        table: The names of the keys. Other keys are left out.
        data: The entries.
        depth: Number of entries that contain these entries.
    """
    position = 0
    for _ in range(MAX_VALUES):
        if position + 8 > len(data):
            return
        key, kind, size, count = struct.unpack_from(">4sBBH", data, position)
        item = data[position + 8 : position + 8 + size * count]
        position += 8 + (size * count + 3) // 4 * 4
        if not kind:
            if depth < MAX_DEPTH:
                yield from read_gpmf(table, item, ">", _note, depth + 1)
            continue
        letter = chr(kind)
        value: Any = None
        if letter in GPMF_TEXTS:
            value = item[:MAX_TEXT_BYTES].split(b"\0")[0].decode("latin-1").strip()
        elif letter in GPMF_NUMBERS and item:
            item_bytes = struct.calcsize(GPMF_NUMBERS[letter])
            n_items = min(len(item) // item_bytes, MAX_NUMBERS)
            value = list(struct.unpack_from(f">{n_items}{GPMF_NUMBERS[letter]}", item))
        if value:
            tag = _tag(_field(table, key.decode("latin-1")), value, len(item), ">")
            if tag is not None:
                yield tag


def read_qualcomm(table: Table, data: bytes, _order: str, _note: Any) -> Iterator[Tag]:
    """Yield Qualcomm's values.

    An entry consists of the size of an item in bytes (8 bits), the length of the name (16 bits, big-endian), the name,
    the type (8 bits), the number of items (16 bits, little-endian), two unknown bytes, and the items. Source: observed
    in a sample file.

    Args:
        table: The tags by the names of the values. Values with other names are left out.
        data: The entries.
    """
    position = 0
    for _ in range(MAX_VALUES):
        if position + 3 > len(data):
            return
        item_bytes, length = struct.unpack_from(">BH", data, position)
        name = data[position + 3 : position + 3 + length]
        position += 3 + length
        if len(name) < length or not name.isascii() or position + 5 > len(data):
            return
        kind, count = struct.unpack_from("<BH", data, position)
        item = data[position + 5 : position + 5 + item_bytes * count]
        position += 5 + item_bytes * count
        letter = QUALCOMM_NUMBERS.get(kind, "")
        if not 0 < count <= MAX_NUMBERS or not letter or struct.calcsize("<" + letter) != item_bytes:
            continue
        if len(item) == item_bytes * count:
            tag = _tag(_field(table, name.decode()), list(struct.unpack(f"<{count}{letter}", item)), len(item), "<")
            if tag is not None:
                yield tag
