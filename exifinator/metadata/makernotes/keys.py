"""Find the keys of ciphers in other values of the same note: for Nikon's structures and Pentax's shutter count."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from exifinator.metadata.tag_values import Tag

NIKON_SERIAL, NIKON_COUNT = 0x001D, 0x00A7


def find_nikon_key(
    entries: Iterable[tuple[int, int, int, bytes]], read: Callable[[int, int], bytes], base: int, order: str, model: str
) -> tuple[int, int] | None:
    """Return the key of Nikon's enciphered structures: the camera's serial number and shutter count.

    Return None if the note does not have both. See ciphers.py for the source.

    Args:
        entries: The entries of the note's main directory: tag, type, number of values, and the four bytes of the value
            or its offset.
        read: Function (offset, length) that returns bytes of the TIFF block.
        base: Position in the block from which the offsets in the note count.
        order: Byte order of the note, "<" or ">".
        model: The camera's model.
    """
    serial = count = None
    byte_order: Any = "little" if order == "<" else "big"
    by_tag = {entry[0]: entry for entry in entries}
    if NIKON_SERIAL in by_tag and by_tag[NIKON_SERIAL][2] <= 64:
        _, _, n_items, inline = by_tag[NIKON_SERIAL]
        data = inline[:n_items] if n_items <= 4 else read(base + int.from_bytes(inline, byte_order), n_items)
        text = data.split(b"\0")[0].decode("latin-1").strip()
        serial = int(text) if text.isdigit() and text.isascii() else 0x22 if model.endswith("D50") else 0x60
    if NIKON_COUNT in by_tag:
        count = int.from_bytes(by_tag[NIKON_COUNT][3], byte_order)
    return None if serial is None or count is None else (serial, count)


def decipher_pentax_count(tags: dict[str, Tag]) -> None:
    """Decipher the shutter count of a Pentax. Its key is the date and time of the photo.

    Source: https://exiftool.org/TagNames/Pentax.html names the key. For sample files, the result is the value that
    ExifTool 13.59 prints.
    """
    count, date, time = (tags.get(f"MakerNote {name}") for name in ("ShutterCount", "Date", "Time"))
    if count is None or date is None or time is None or not isinstance(count.values, list) or len(count.values) != 4:
        return
    try:
        year, month, day = map(int, date.values.split(":"))
        hour, minute, second = map(int, time.values.split(":")[:3])
        stored = int.from_bytes(bytes(count.values), "big")
    except (AttributeError, ValueError):
        return
    key = (year << 16 | month << 8 | day) ^ ~(hour << 24 | minute << 16 | second << 8)
    number = (stored ^ key) & 0xFFFFFFFF
    tags[count.name] = Tag(count.name, str(number), count.tag, 4, [number], 4)
