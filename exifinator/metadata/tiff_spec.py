"""Tags and types of TIFF and EXIF, and limits on reading them. Source: TIFF 6.0, section 2; Exif 3.0, 4.6."""

from __future__ import annotations

# Bytes per value, by TIFF type. Type 129 is UTF-8 text (Exif 3.0).
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
BYTE_TYPES = frozenset({1, 6, 7})
TEXT_TYPES = frozenset({2, 129})

SUB_IFDS, EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x014A, 0x8769, 0x8825, 0xA005
THUMBNAIL_OFFSET, THUMBNAIL_LENGTH = 0x0201, 0x0202
XMP, IPTC, PHOTOSHOP, MAKER_NOTE, USER_COMMENT = 0x02BC, 0x83BB, 0x8649, 0x927C, 0x9286
# The tag DNGPrivateData, in which Adobe's DNG converter stores the MakerNote of the original file (DNG 1.7).
DNG_PRIVATE = 0xC634
XP_TEXTS = range(0x9C9B, 0x9CA0)

# Tags whose values are metadata blocks in another format.
PACKET_TAGS = frozenset({XMP, IPTC, PHOTOSHOP})
# Tags whose values TagReader normally leaves undecoded, because other code reads them.
SEPARATE_TAGS = PACKET_TAGS | {MAKER_NOTE, DNG_PRIVATE}

MAX_THUMBNAIL_BYTES = 64 * 1024
MAX_NOTE_BYTES = 64 * 1024
# The longest binary value that is kept. Longer values are usually previews, colour profiles or padding, useless for
# searching.
MAX_BINARY_BYTES = 1024
# The longest value of any other type that is kept.
MAX_VALUE_BYTES = 64 * 1024
# Exceptions to these two limits. XMP, IPTC and PHOTOSHOP are metadata blocks, which have readers of their own. The
# other tags contain text, although their type is binary.
MAX_BYTES_BY_TAG = {
    XMP: 4 * 1024 * 1024,
    IPTC: 1024 * 1024,
    PHOTOSHOP: 1024 * 1024,
    USER_COMMENT: MAX_VALUE_BYTES,
    **dict.fromkeys(XP_TEXTS, MAX_VALUE_BYTES),
}

# The maximum number of entries in a directory.
MAX_ENTRIES = 1000
# The maximum number of chained directories (pages), and of sub-directories, to read from a file. Further directories
# add nothing about the photo.
MAX_CHAINED = 4
MAX_SUB_IFDS = 8
# The maximum number of directories to read from a file, because a crafted file may point to a directory at each byte.
MAX_DIRECTORIES = 64


def max_value_bytes(tag: int, field_type: int) -> int:
    """Return the maximum length of a tag's value, in bytes.

    A longer value is not decoded. The record then contains only the tag's name and the length of the value.
    """
    return MAX_BYTES_BY_TAG.get(tag) or (MAX_BINARY_BYTES if field_type in BYTE_TYPES else MAX_VALUE_BYTES)


def byte_order(header: bytes) -> str:
    """Return the byte order that a TIFF header specifies, "<" or ">"; "" if `header` is not a TIFF header."""
    return {b"II": "<", b"MM": ">"}.get(header[:2], "")
