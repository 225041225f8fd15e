"""Tags and types of TIFF and EXIF, and limits on reading them. Source: TIFF 6.0, section 2; Exif 3.0, 4.6."""

from __future__ import annotations

# Type -> bytes per item. 129 is UTF-8 text (Exif 3.0).
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
BYTE_TYPES = frozenset({1, 6, 7})
TEXT_TYPES = frozenset({2, 129})

SUB_IFDS, EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x014A, 0x8769, 0x8825, 0xA005
THUMBNAIL_OFFSET, THUMBNAIL_LENGTH = 0x0201, 0x0202
XMP, IPTC, PHOTOSHOP, MAKER_NOTE, USER_COMMENT = 0x02BC, 0x83BB, 0x8649, 0x927C, 0x9286
# DNG's private data, where Adobe's converter stores the MakerNote of the original file (DNG 1.7, DNGPrivateData).
DNG_PRIVATE = 0xC634
XP_TEXTS = range(0x9C9B, 0x9CA0)

# Tags whose values are blocks in another format.
PACKET_TAGS = frozenset({XMP, IPTC, PHOTOSHOP})
# Tags that TagReader handles separately instead of decoding their values.
SEPARATE_TAGS = PACKET_TAGS | {MAKER_NOTE, DNG_PRIVATE}

MAX_THUMBNAIL_BYTES = 64 * 1024
MAX_NOTE_BYTES = 64 * 1024
# Longer binary values are previews, colour profiles or padding: useless for searching.
MAX_BINARY_BYTES = 1024
MAX_VALUE_BYTES = 64 * 1024
# Values of these tags may be longer: packets have their own readers, and the others are text.
MAX_BYTES_BY_TAG = {
    XMP: 4 * 1024 * 1024,
    IPTC: 1024 * 1024,
    PHOTOSHOP: 1024 * 1024,
    USER_COMMENT: MAX_VALUE_BYTES,
    **dict.fromkeys(XP_TEXTS, MAX_VALUE_BYTES),
}

MAX_ENTRIES = 1000
# Chained directories (pages) and sub-directories per file. Further ones add nothing about the photo.
MAX_CHAIN = 4
MAX_SUB_IFDS = 8
# Directories per file in total: a crafted file may point to one at each of its bytes.
MAX_DIRECTORIES = 64


def max_value_bytes(tag: int, field_type: int) -> int:
    """Return the maximum length of a tag's value, in bytes. Of a tag with a longer value, only the name is recorded."""
    return MAX_BYTES_BY_TAG.get(tag) or (MAX_BINARY_BYTES if field_type in BYTE_TYPES else MAX_VALUE_BYTES)


def byte_order(header: bytes) -> str:
    """Return the byte order of a TIFF header, "<" or ">"; "" if it is not a TIFF header."""
    return {b"II": "<", b"MM": ">"}.get(header[:2], "")
