"""Locate EXIF, XMP and the ICC profile in a BPG, and read its size.

Source: F. Bellard, BPG Specification 0.9.5, 3 (https://bellard.org/bpg/bpg_spec.txt).
"""

from __future__ import annotations

from exifinator.metadata.containers.icc import READ_BYTES as PROFILE_BYTES
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer

# The size of the picture follows the signature and two bytes of flags.
SIZE_AT, FLAGS_AT, HAS_EXTENSION = 6, 5, 0x08
# A 32-bit number takes at most five bytes, each with seven bits.
MAX_NUMBER_BYTES = 5
EXIF, ICC, XMP = 1, 2, 3
MAX_EXTENSIONS, MAX_BLOCK_BYTES = 64, 1024 * 1024
READ_AHEAD_BYTES = 4096
TIFF_BEGINS = (b"II*\0", b"MM\0*")


def read_bpg(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Read the header, and the extensions in front of the picture."""
    metadata.format = "bpg"
    flags = file.read_exact(FLAGS_AT, 1)[0]
    metadata.width_pixels, offset = _number(file, SIZE_AT)
    metadata.height_pixels, offset = _number(file, offset)
    _, offset = _number(file, offset)
    if not flags & HAS_EXTENSION:
        return
    length, offset = _number(file, offset)
    end = offset + length
    for _ in range(MAX_EXTENSIONS):
        if offset >= end:
            return
        kind, offset = _number(file, offset)
        length, offset = _number(file, offset)
        if offset + length > end:
            raise DamagedFile(f"The extension at byte {offset} is longer than all extensions together.")
        if kind in (EXIF, XMP) and length <= MAX_BLOCK_BYTES:
            body = file.read_exact(offset, length, READ_AHEAD_BYTES)
            # Some programs write a zero in front of the EXIF data.
            is_shifted = kind == EXIF and body[1:5] in TIFF_BEGINS
            metadata.add("exif" if kind == EXIF else "xmp", body[is_shifted:])
        elif kind == ICC:
            metadata.add_profile(file.read_exact(offset, min(length, PROFILE_BYTES), READ_AHEAD_BYTES))
        offset += length


def _number(file: RangeBuffer, offset: int) -> tuple[int, int]:
    """Return the number at an offset, and the offset after it. All bytes but its last one have the highest bit set."""
    number = 0
    for at in range(offset, offset + MAX_NUMBER_BYTES):
        byte = file.read_exact(at, 1, READ_AHEAD_BYTES)[0]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at + 1
    raise DamagedFile(f"The number at byte {offset} is too long.")
