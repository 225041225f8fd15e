"""Find the directory in a MakerNote, and reject MakerNotes that do not contain one.

exifread needs this help, because it decodes any bytes as a directory, and expects only the older headers of Sony's and
Olympus's MakerNotes. Source: https://exiftool.org/makernote_types.html.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from exifinator.metadata import tiff_spec

# The maximum number of entries in the directory of a MakerNote. No real MakerNote has more. If the bytes are not a
# directory, the number in the first two bytes is usually larger.
MAX_ENTRIES = 400
SONY_HEADERS = (b"SONY DSC \0\0\0", b"SONY CAM \0\0\0", b"SONY MOBILE\0")
OLYMPUS_HEADERS = (b"OLYMPUS\0II", b"OLYMPUS\0MM")


def find_directory(
    read: Callable[[int, int], bytes], base: int, start: int, byte_order: str, *, has_header: bool
) -> tuple[int, int, str]:
    """Find a MakerNote's directory, starting from the offset at which exifread expects it.

    Args:
        read: Function (offset, length) that returns bytes of the TIFF block.
        base: Position in the TIFF block from which offsets inside the MakerNote count, in bytes.
        start: Offset of the directory, in bytes from `base`.
        byte_order: "<" or ">".
        has_header: Whether a TIFF header precedes the directory, as in Nikon's MakerNotes.

    Returns:
        The corrected base, start and byte order.
    """
    if has_header:
        base += start - 8
        return base, 8, tiff_spec.byte_order(read(base, 2)) or byte_order
    head = read(base + start - 8, 20) if base + start >= 8 else b""
    if head[8:].startswith(SONY_HEADERS):
        return base, start + 12, byte_order
    if head.startswith(OLYMPUS_HEADERS):
        # Offsets count from the start of the MakerNote, and its header specifies the byte order.
        return base + start - 8, 12, tiff_spec.byte_order(head[8:10]) or byte_order
    return base, start, byte_order


def is_directory(table: bytes, entry: struct.Struct, count: int, start: int, byte_order: str) -> bool:
    """Return whether a table of entries looks like the directory of a MakerNote.

    If an entry's value overlaps the directory itself, a program has moved the MakerNote without adjusting the offsets
    in it. Such a directory is rejected.

    Args:
        table: The entries, 12 bytes each.
        entry: The format of an entry.
        count: The number of entries that the directory claims to have.
        start: Offset of the first entry in bytes, counted like the offsets in the entries.
        byte_order: "<" or ">".
    """
    if not 0 < count <= MAX_ENTRIES or len(table) < 12 * count:
        return False
    end = start + 12 * count
    endianness = "little" if byte_order == "<" else "big"
    for _, field_type, n_values, inline in entry.iter_unpack(table):
        size = tiff_spec.TYPE_BYTES.get(field_type)
        if size is None:
            return False
        if size * n_values > 4 and start < int.from_bytes(inline, endianness) < end:  # type: ignore[arg-type]
            return False
    return True
