"""Find the JPEGs embedded in movies: the cover, and the pictures that cameras store beside the tracks.

Sources: QuickTime File Format Specification (Apple, 2012), "Metadata"; https://exiftool.org/TagNames/QuickTime.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from exifinator.metadata.containers.iso_bmff import Box, walk_boxes
from exifinator.metadata.containers.range_buffer import DamagedFile, RangeBuffer
from exifinator.metadata.jpeg_spec import JPEG_BEGIN

# Boxes that contain boxes, on the way to a picture. Tracks have none.
CONTAINERS = frozenset({b"moov", b"udta", b"meta", b"ilst", b"covr", b"CNTH", b"NCDT"})
# A `data` box begins with its type and its language, four bytes each.
COVER, COVER_HEAD_BYTES = b"data", 8
# Boxes that contain a JPEG, near their start.
PICTURES = frozenset({b"thum", b"thm ", b"CNDA", b"NCTH", b"NCVW", b"NCM1", b"NCM2", b"THMB", b"snal", b"tnal"})
MAX_BOXES, MAX_DEPTH, HEAD_BYTES = 200, 6, 64


def find_in_movie(file: RangeBuffer) -> list[tuple[int, int]]:
    """Return the ranges of the JPEGs in a movie.

    Raises:
        MissingBytes: If the reader needs more bytes.
    """
    ranges: list[tuple[int, int]] = []
    with suppress(DamagedFile):
        ranges.extend(_find(file, 0, file.total_bytes, 0))
    return ranges


def _find(file: RangeBuffer, start: int, end: int, depth: int) -> Iterator[tuple[int, int]]:
    for number, box in enumerate(walk_boxes(file, start, end)):
        if number >= MAX_BOXES:
            return
        if box.kind in CONTAINERS and depth < MAX_DEPTH:
            yield from _find(file, _first_box(file, box), box.end, depth + 1)
            if box.kind == b"moov":
                # Fragments and media follow, which may be many.
                return
        elif box.kind == COVER or box.kind in PICTURES:
            head = file.read(box.start, min(HEAD_BYTES, box.end - box.start))
            at = head.find(JPEG_BEGIN)
            if at >= 0:
                yield box.start + at, box.end - box.start - at


def _first_box(file: RangeBuffer, box: Box) -> int:
    """Return the offset of the first box in a container. A `meta` box has a version, except in QuickTime."""
    if box.kind == b"meta" and file.read(box.start, min(8, box.end - box.start))[4:] != b"hdlr":
        return box.start + 4
    return box.start
