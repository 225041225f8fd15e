"""Read Canon's structures that have no fixed layout, or whose values depend on each other.

Sources: https://exiftool.org/TagNames/Canon.html (AFInfo, AFInfo2) and CanonCustom.html on the same site (custom
functions). For sample files, ExifTool 13.59 prints the same values.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from exifinator.metadata.makernotes.fixed_layout import MAX_ITEMS, Note, field_at, read_fixed_layout
from exifinator.metadata.makernotes.tables import FORMATS, Table
from exifinator.metadata.makernotes.values import TIFF_TYPES, decode_exiftool_type, make_tag
from exifinator.metadata.tag_values import Tag

# The maximum number of functions per structure.
MAX_FUNCTIONS = 400

# Table -> the fields whose values are in units of 1/FocalUnits mm. FocalUnits is a field in the same note.
FOCAL_FIELDS = {"Canon::CameraSettings": ("MaxFocalLength", "MinFocalLength"), "Canon::FocalLength": ("FocalLength",)}


def _words(data: bytes, order: str) -> tuple[int, ...]:
    return struct.unpack(f"{order}{len(data) // 2}H", data[: len(data) // 2 * 2])


def read_canon_af(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of Canon's AFInfo or AFInfo2. The lengths of some lists depend on the number of AF points."""
    is_new = table.name == "Canon::AFInfo2"
    words = _words(data, order)
    if len(words) < 8:
        return
    n_points = words[2] if is_new else words[0]
    if not 0 < n_points <= 2000:
        return
    n_masks = (n_points + 15) // 16
    lists = {8: n_points, 9: n_points, 10: n_points, 11: n_points, 12: n_masks, 13: n_masks} if is_new else {
        8: n_points, 9: n_points, 10: n_masks,
    }  # fmt: skip
    position = 0
    for index in range(16):
        count = lists.get(index, 1)
        item = data[2 * position : 2 * (position + count)]
        if len(item) < 2 * count:
            return
        position += count
        field = field_at(table, note, index)
        if field is None or not count:
            continue
        value: Any = decode_exiftool_type(item, field.kind if field.kind in FORMATS else "int16u", order)
        if (is_new and index in (12, 13)) or (not is_new and index == 10):
            value = _set_bits(value)
            yield Tag(f"MakerNote {field.name}", value or "(none)", index, 3, value, len(item))
            continue
        tag = make_tag(field.name, index, TIFF_TYPES.get(field.kind, 3), field, value, len(item), order)
        if tag is not None:
            yield tag


def _set_bits(words: list[int]) -> str:
    """Return the numbers of the set bits, separated by commas. Each word has 16 bits, the lowest one first."""
    bits = [16 * index + bit for index, word in enumerate(words) for bit in range(16) if word & 0xFFFF & (1 << bit)]
    return ",".join(map(str, bits))


def read_canon_custom(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of Canon's older custom functions.

    After the first 16-bit word, there is one word per function: its number (8 bits) and its value (8 bits).
    """
    for word in _words(data, order)[1 : 1 + MAX_FUNCTIONS]:
        field = field_at(table, note, word >> 8)
        if field is not None:
            tag = make_tag(field.name, word >> 8, 1, field, [word & 0xFF], 1, order)
            if tag is not None:
                yield tag


def read_canon_personal(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of Canon's personal functions. After the length, there is one 16-bit word per function."""
    for index, word in enumerate(_words(data, order)[: 1 + MAX_FUNCTIONS]):
        field = field_at(table, note, index) if index else None
        if field is not None:
            tag = make_tag(field.name, index, 3, field, [word], 2, order)
            if tag is not None:
                yield tag


def read_canon_custom2(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of Canon's newer custom functions.

    The structure consists of 32-bit words. Two words are followed by groups. A group begins with its number, its length
    in bytes and the number of its functions. A function is its number, the number of its values, and the values.
    """
    words = struct.unpack(f"{order}{len(data) // 4}I", data[: len(data) // 4 * 4])
    position, n_functions = 2, 0
    while position + 3 <= len(words) and n_functions < MAX_FUNCTIONS:
        length, count = words[position + 1], words[position + 2]
        end = min(position + 1 + length // 4, len(words))
        inner = position + 3
        for _ in range(min(count, MAX_FUNCTIONS)):
            n_functions += 1
            if inner + 2 > end or n_functions > MAX_FUNCTIONS:
                break
            number, n_values = words[inner], words[inner + 1]
            values = words[inner + 2 : inner + 2 + min(n_values, MAX_ITEMS)]
            inner += 2 + n_values
            field = field_at(table, note, number)
            if field is not None and values and len(values) == n_values:
                signed = [value - (1 << 32) if value >> 31 else value for value in values]
                tag = make_tag(field.name, number, 9, field, signed, 4 * n_values, order)
                if tag is not None:
                    yield tag
        if length < 8:
            return
        position = position + 1 + length // 4


def read_canon_filter(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of Canon's creative filters, which have the layout of the newer custom functions."""
    yield from read_canon_custom2(table, data, order, note)


def read_canon_focal(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of one of Canon's structures of fixed layout, with focal lengths converted to mm."""
    tags = list(read_fixed_layout(table, data, order, note))
    units = next((tag for tag in tags if tag.name.endswith(" FocalUnits")), note.tags.get("MakerNote FocalUnits"))
    divisor = units.values[0] if units is not None and units.values else 1
    names = {f"MakerNote {name}" for name in FOCAL_FIELDS[table.name]}
    for tag in tags:
        if tag.name in names:
            raw = int.from_bytes(data[2 * tag.tag : 2 * tag.tag + 2], "little" if order == "<" else "big")
            millimetres = round(raw / divisor, 9) if divisor else raw
            value = int(millimetres) if millimetres == int(millimetres) else millimetres
            yield Tag(tag.name, f"{value} mm", tag.tag, tag.field_type, [value], tag.field_length, memory_bytes=64)
        else:
            yield tag
