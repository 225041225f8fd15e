"""Locate the metadata in a file of ImageMagick's own format (MIFF), and read its size.

A header of text has keys and values, and the lengths of the profiles, which follow it in this order.
Source: ImageMagick, "Magick Image File Format" (https://imagemagick.org/script/miff.php).
"""

from __future__ import annotations

import re

from exifinator.metadata.containers.icc import READ_BYTES as PROFILE_BYTES
from exifinator.metadata.containers.photoshop import add_resources
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer

MAGIC = b"id=ImageMagick"
HEADER_END = b":\x1a"
MAX_HEADER_BYTES, MAX_BLOCK_BYTES, MAX_PROFILES = 64 * 1024, 1024 * 1024, 32
READ_AHEAD_BYTES = 4096
VALUE = re.compile(rb"(?<!\S)(columns|rows|profile-[\w:.-]{1,40})=(\d{1,9})\b")
# A value with blanks, or a comment, which may contain what looks like a key.
BRACES = re.compile(rb"\{[^{}]*\}")
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
ICC_NAMES, RESOURCE_NAMES = (b"icc", b"icm"), (b"8bim", b"iptc")


def read_miff(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Read the header, and the profiles behind it."""
    metadata.format = "miff"
    head, offset = _read_header(file)
    values = VALUE.findall(BRACES.sub(b"", head))
    # A header that has a size twice belongs to the first picture.
    sizes = {name: int(digits) for name, digits in reversed(values) if not name.startswith(b"profile-")}
    metadata.width_pixels, metadata.height_pixels = sizes.get(b"columns"), sizes.get(b"rows")
    profiles = [(name[len(b"profile-") :].lower(), int(digits)) for name, digits in values if name.startswith(b"pro")]
    for name, length in profiles[:MAX_PROFILES]:
        if name in ICC_NAMES:
            metadata.add_profile(file.read_exact(offset, min(length, PROFILE_BYTES), READ_AHEAD_BYTES))
        elif length <= MAX_BLOCK_BYTES:
            _add(name, file.read_exact(offset, length, READ_AHEAD_BYTES), metadata)
        offset += length


def _read_header(file: RangeBuffer) -> tuple[bytes, int]:
    """Return the header and the offset behind it."""
    length = 1024
    while True:
        head = file.read(0, length)
        end = head.find(HEADER_END)
        if end >= 0:
            return head[:end], end + len(HEADER_END)
        if len(head) < length or length >= MAX_HEADER_BYTES:
            raise DamagedFile("The end of the header is missing.")
        length *= 4


def _add(name: bytes, body: bytes, metadata: LocatedMetadata) -> None:
    """Add a profile, if its content or its name shows that it is metadata."""
    if body.startswith(EXIF):
        metadata.add("exif", body[len(EXIF) :])
    elif body.startswith(XMP):
        metadata.add("xmp", body[len(XMP) :])
    elif name == b"xmp":
        metadata.add("xmp", body)
    elif name in RESOURCE_NAMES and body.startswith(b"8BIM"):
        add_resources(body, metadata, thumbnails=True)
    elif name == b"iptc":
        metadata.add("iptc", body)
