"""Which makers' notes are a directory that exifread knows, and where in the note it begins.

exifread takes any bytes for a directory, and knows only the older headers of Sony and Olympus.
Source: ExifTool's documentation of the makers' notes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from exifinator import tiff

# More entries no note has, and any two random bytes mostly say.
MAX_ENTRIES = 400
SONY_HEADERS = (b"SONY DSC \0\0\0", b"SONY CAM \0\0\0", b"SONY MOBILE\0")
OLYMPUS_HEADERS = (b"OLYMPUS\0II", b"OLYMPUS\0MM")


def find_directory(
    read: Callable[[int, int], bytes], base: int, start: int, order: str, *, has_header: bool
) -> tuple[int, int, str]:
    """Where a note's directory is, given where exifread looks for it: (base, start, struct's sign of byte order).

    base: what the offsets in the note count from (bytes); `start` counts from there.
    has_header: a TIFF header lies before the directory, as in Nikon's notes.
    """
    if has_header:
        base += start - 8
        return base, 8, tiff.byte_order(read(base, 2)) or order
    head = read(base + start - 8, 20) if base + start >= 8 else b""
    if head[8:].startswith(SONY_HEADERS):
        return base, start + 12, order
    if head.startswith(OLYMPUS_HEADERS):
        # Here offsets count from the begin of the note, and the byte order is its own.
        return base + start - 8, 12, tiff.byte_order(head[8:10]) or order
    return base, start, order


def is_directory(table: bytes, entry: struct.Struct, count: int, start: int, order: str) -> bool:
    """Whether `count` entries that begin at `start` (bytes, as their offsets count) look like a directory.

    One whose values lie on the directory itself was moved by a program that did not know its offsets.
    """
    if not 0 < count <= MAX_ENTRIES or len(table) < 12 * count:
        return False
    end = start + 12 * count
    byte_order = "little" if order == "<" else "big"
    for _, field_type, n_values, inline in entry.iter_unpack(table):
        size = tiff.TYPE_BYTES.get(field_type)
        if size is None:
            return False
        if size * n_values > 4 and start < int.from_bytes(inline, byte_order) < end:  # type: ignore[arg-type]
            return False
    return True
