"""JPEGs embedded in a file, and their frame headers. Source: ITU-T T.81, annex B."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from exifinator.metadata.containers.range_buffer import RangeBuffer
from exifinator.metadata.jpeg_spec import JPEG_BEGIN

APP1, START_OF_SCAN, END_OF_IMAGE = 0xE1, 0xDA, 0xD9
# The frames that browsers can show: baseline, extended sequential and progressive.
SHOWN_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
# All frames. C3 is lossless JPEG, in which some cameras store the sensor's data.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
STANDALONE = frozenset(range(0xD0, 0xD9)) | {0x01}
MAX_SEGMENTS = 100
READ_AHEAD_BYTES = 4096
# The EXIF of a preview begins with its first directory, so the orientation is near the start of the segment.
ORIENTATION, ORIENTATION_BYTES, MAX_ENTRIES = 0x0112, 2048, 100
# Candidates beyond this number are ignored: the longest ones come first.
MAX_CANDIDATES = 8


class EmbeddedJpeg(NamedTuple):
    """A JPEG inside a file.

    Attributes:
        start: Offset in bytes.
        length: Length in bytes.
        width_pixels: The width as stored, before the rotation by `orientation`.
        height_pixels: The height as stored.
        orientation: The orientation in the JPEG's own EXIF; 0 if it has none.
    """

    start: int
    length: int
    width_pixels: int
    height_pixels: int
    orientation: int


def check_candidates(file: RangeBuffer, candidates: Iterable[tuple[int, int]]) -> list[EmbeddedJpeg]:
    """Return the JPEGs among ranges of a file that browsers can show, largest first.

    Args:
        file: The file.
        candidates: The ranges, as (start, length) in bytes.

    Raises:
        MissingBytes: More bytes are needed. The ranges are in `file.requested`.
    """
    inside = {
        (start, min(length, file.total_bytes - start))
        for start, length in candidates
        if 0 < start < file.total_bytes and length > 0
    }
    ranges = sorted(inside, key=lambda pair: (-pair[1], pair[0]))[:MAX_CANDIDATES]
    # Request the starts of all candidates at once.
    for start, length in ranges:
        file.has_or_request(start, min(length, READ_AHEAD_BYTES))
    jpegs = [read_frame(file, start, length) for start, length in ranges]
    return sorted((jpeg for jpeg in jpegs if jpeg), key=lambda jpeg: -jpeg.width_pixels * jpeg.height_pixels)


def read_frame(file: RangeBuffer, start: int, length: int) -> EmbeddedJpeg | None:
    """Return the JPEG at `start`, or None if there is none that browsers can show.

    Raises:
        MissingBytes: More bytes are needed.
    """
    end = start + length

    def read(offset: int, n_bytes: int) -> bytes:
        return file.read(offset, max(0, min(n_bytes, end - offset)), min(READ_AHEAD_BYTES, max(0, end - offset)))

    if read(start, len(JPEG_BEGIN)) != JPEG_BEGIN:
        return None
    offset, orientation = start + 2, 0
    for _ in range(MAX_SEGMENTS):
        head = read(offset, 4)
        if len(head) < 4 or head[0] != 0xFF:
            return None
        marker = head[1]
        if marker == 0xFF:
            offset += 1
            continue
        if marker in STANDALONE:
            offset += 2
            continue
        if marker in (START_OF_SCAN, END_OF_IMAGE):
            return None
        body_bytes = int.from_bytes(head[2:], "big")
        if marker == APP1 and not orientation:
            orientation = _read_orientation(read(offset + 4, min(body_bytes, ORIENTATION_BYTES)))
        if marker in FRAMES:
            frame = read(offset + 4, 5)
            if marker not in SHOWN_FRAMES or len(frame) < 5 or frame[0] != 8:
                return None
            height, width = struct.unpack_from(">HH", frame, 1)
            return EmbeddedJpeg(start, length, width, height, orientation) if width and height else None
        offset += 2 + body_bytes
    return None


def _read_orientation(body: bytes) -> int:
    """Return the orientation in an APP1 segment with EXIF; 0 if it has none."""
    if not body.startswith(b"Exif\0\0"):
        return 0
    tiff = body[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4], "")
    if not order or len(tiff) < 8:
        return 0
    at = struct.unpack_from(order + "I", tiff, 4)[0]
    if at + 2 > len(tiff):
        return 0
    count = min(struct.unpack_from(order + "H", tiff, at)[0], MAX_ENTRIES)
    for entry_at in range(at + 2, min(at + 2 + 12 * count, len(tiff) - 11), 12):
        tag, value = struct.unpack_from(order + "H", tiff, entry_at)[0], entry_at + 8
        if tag == ORIENTATION:
            orientation: int = struct.unpack_from(order + "H", tiff, value)[0]
            return orientation if 1 <= orientation <= 8 else 0
    return 0


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Return a JPEG with an orientation in EXIF, which browsers obey. The JPEG must have no EXIF of its own."""
    if not 2 <= orientation <= 8:
        return jpeg
    directory = struct.pack(">HHHIHHI", 1, ORIENTATION, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0MM\0*\0\0\0\x08" + directory
    return jpeg[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]
