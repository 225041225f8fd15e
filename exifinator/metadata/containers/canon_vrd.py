"""Find the XMP in the trailer "CANON OPTIONAL DATA", which Canon's Digital Photo Professional appends to files.

Source: observed in sample files, and https://exiftool.org/TagNames/CanonVRD.html.
"""

from __future__ import annotations

MAGIC = b"CANON OPTIONAL DATA\0"
HEADER_BYTES, FOOTER_BYTES = 28, 64
XMP_RECORD = 0xFFFF00F6
MAX_RECORDS = 20


def find_xmp(tail: bytes) -> bytes:
    """Return the XMP packet in the trailer; b"" if there is no trailer, or no XMP in it.

    Args:
        tail: The last bytes of the file. A trailer that begins before them is not read.
    """
    footer = len(tail) - FOOTER_BYTES
    if footer < 0 or tail[footer : footer + len(MAGIC)] != MAGIC:
        return b""
    length = int.from_bytes(tail[footer + len(MAGIC) : footer + len(MAGIC) + 4], "big")
    start = footer - length
    if start < HEADER_BYTES:
        return b""
    for _ in range(MAX_RECORDS):
        if start + 8 > footer:
            break
        record_type = int.from_bytes(tail[start : start + 4], "big")
        record_bytes = int.from_bytes(tail[start + 4 : start + 8], "big")
        if record_type == XMP_RECORD:
            return tail[start + 8 : min(start + 8 + record_bytes, footer)]
        start += 8 + record_bytes
    return b""
