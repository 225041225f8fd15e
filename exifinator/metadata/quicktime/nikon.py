"""Rewrite Nikon's NCTG box as EXIF. It has the tags of EXIF, GPS and the MakerNote, under other numbers.

Source: the table Nikon::NCTG of `exiftool -listx` (13.59), whose ids show where the tags come from.
"""

from __future__ import annotations

from exifinator.metadata.containers.tiff_writer import TiffDirectory, exif_directories, write_tiff
from exifinator.metadata.quicktime.boxes import uint
from exifinator.metadata.tiff_spec import MAKER_NOTE, TYPE_BYTES

MAX_ENTRIES = 500
MAX_VALUE_BYTES = 32 * 1024
GPS_IFD = 0x8825
# The high bits of a tag's number -> the directory of the tag that its low bits name.
EXIF, GPS, NOTE = 0x110, 0x120, 0x200
# NCTG's own numbers -> tags of the first directory, and of the EXIF directory.
FIRST = {0x01: 0x010F, 0x02: 0x0110, 0x03: 0x0131}
DATES = {0x11: 0x9004, 0x12: 0x9003}
NOTE_HEADER = b"Nikon\0\2\x10\0\0"


def nctg_to_tiff(body: bytes) -> bytes:
    """Return a TIFF structure with the tags of an NCTG box; b"" if it has none.

    Each tag has a number (4 bytes), a type and a number of values (2 bytes each), and the values, all big-endian.
    """
    first, exif = exif_directories()
    gps, note = TiffDirectory(), TiffDirectory()
    offset = 0
    for _ in range(MAX_ENTRIES):
        tag, field_type, count = uint(body, offset, 4), uint(body, offset + 4, 2), uint(body, offset + 6, 2)
        length = TYPE_BYTES.get(field_type, 0) * count
        value = body[offset + 8 : offset + 8 + length]
        if not length or len(value) < length:
            break
        offset += 8 + length
        entry = tag & 0xFFFF, field_type, count, value
        if length > MAX_VALUE_BYTES:
            continue
        if tag in FIRST:
            first.entries.append((FIRST[tag], *entry[1:]))
        elif tag in DATES:
            exif.entries.append((DATES[tag], *entry[1:]))
        elif tag >> 16 == EXIF and tag & 0xFFFF != MAKER_NOTE:
            exif.entries.append(entry)
        elif tag >> 16 == GPS:
            gps.entries.append(entry)
        elif tag >> 16 == NOTE:
            note.entries.append(entry)
    if note.entries:
        data = NOTE_HEADER + write_tiff(note, ">")
        exif.entries.append((MAKER_NOTE, 7, len(data), data))
    if gps.entries:
        first.children[GPS_IFD] = [gps]
    return write_tiff(first, ">") if first.entries or exif.entries or gps.entries else b""
