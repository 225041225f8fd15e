"""Find the directory in a MakerNote, and reject notes that are not directories.

exifread decodes any bytes as a directory, and knows only the older headers of Sony and Olympus.
Source: ExifTool's documentation of MakerNotes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from exifinator.metadata import tiff_spec

# No real MakerNote has more entries. Two random bytes, read as a count, are usually more.
MAX_ENTRIES = 400
SONY_HEADERS = (b"SONY DSC \0\0\0", b"SONY CAM \0\0\0", b"SONY MOBILE\0")
OLYMPUS_HEADERS = (b"OLYMPUS\0II", b"OLYMPUS\0MM")


def find_directory(
    read: Callable[[int, int], bytes], base: int, start: int, order: str, *, has_header: bool
) -> tuple[int, int, str]:
    """Return where a note's directory is, given where exifread expects it.

    Args:
        read: Returns the bytes at (offset, length).
        base: Base of the note's offsets, in bytes.
        start: Offset of the directory, in bytes from the base.
        order: Byte order: "<" or ">".
        has_header: Whether a TIFF header precedes the directory, as in Nikon's notes.

    Returns:
        The corrected (base, start, order).
    """
    if has_header:
        base += start - 8
        return base, 8, tiff_spec.byte_order(read(base, 2)) or order
    head = read(base + start - 8, 20) if base + start >= 8 else b""
    if head[8:].startswith(SONY_HEADERS):
        return base, start + 12, order
    if head.startswith(OLYMPUS_HEADERS):
        # Offsets count from the start of the note, which has its own byte order.
        return base + start - 8, 12, tiff_spec.byte_order(head[8:10]) or order
    return base, start, order


def is_directory(table: bytes, entry: struct.Struct, count: int, start: int, order: str) -> bool:
    """Return whether `count` entries at offset `start` (bytes) look like a directory.

    If values overlap the directory itself, a program has moved the note without adjusting its offsets.
    """
    if not 0 < count <= MAX_ENTRIES or len(table) < 12 * count:
        return False
    end = start + 12 * count
    byte_order = "little" if order == "<" else "big"
    for _, field_type, n_values, inline in entry.iter_unpack(table):
        size = tiff_spec.TYPE_BYTES.get(field_type)
        if size is None:
            return False
        if size * n_values > 4 and start < int.from_bytes(inline, byte_order) < end:  # type: ignore[arg-type]
            return False
    return True
