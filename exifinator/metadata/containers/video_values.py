"""Decode values by the types in the tables of video containers."""

from __future__ import annotations

import struct
from typing import Any

from exifinator.metadata.containers.container_tags import ContainerTags, Value
from exifinator.metadata.containers.video_tables import VideoTag, get_tags
from exifinator.metadata.text_decoding import decode_text

# ExifTool's name of a type -> format characters of `struct` for one item. A ratio has two.
FORMATS = {
    "int8u": "B", "int16u": "H", "int32u": "I", "int16s": "h", "int32s": "i", "rational64u": "II", "rational64s": "ii",
    "rational32u": "HH", "rational32s": "hh",
}  # fmt: skip
MAX_ITEMS = 16


def decode_value(tag: VideoTag, data: bytes, order: str) -> Value | None:
    """Return the value of a tag; None if the data is too short or a ratio has the denominator 0.

    Args:
        tag: The tag.
        data: The bytes of the value, or more.
        order: Byte order, "<" or ">".
    """
    letters = FORMATS.get(tag.kind)
    if letters is None:
        return decode_text(data[: tag.n_items or None]).strip()
    item_bytes = struct.calcsize(order + letters)
    count = min(tag.n_items or 1, MAX_ITEMS)
    if len(data) < item_bytes * count:
        return None
    numbers = list(struct.unpack_from(order + letters * count, data))
    if len(letters) == 2:
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        if not all(bottom for _, bottom in pairs):
            return None
        numbers = [top / bottom for top, bottom in pairs]
    return numbers[0] if count == 1 else numbers


def label_of(tag: VideoTag, value: Any) -> str:
    """Return the meaning of a value in words; "" if it has none."""
    return tag.labels.get(str(value), "")


def add_value(tags: ContainerTags, group: str, tag: VideoTag, data: bytes, order: str) -> None:
    """Decode a value, and add it as `group NAME`."""
    value = decode_value(tag, data, order)
    if value is not None:
        tags.add(f"{group} {tag.name}", value, label_of(tag, value))


def add_fixed_layout(tags: ContainerTags, group: str, table: str, data: bytes, unit: int = 1) -> None:
    """Add the values of a little-endian structure in which the value with id N begins at byte N * `unit`."""
    for key, definitions in get_tags(table).items():
        if key.isdigit() and (start := int(key) * unit) < len(data):
            add_value(tags, group, definitions[0], data[start:], "<")
