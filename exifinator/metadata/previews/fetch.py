"""Fetch the JPEGs embedded in an object, with ranged reads.

The finders work like the container readers: they raise MissingBytes when they need bytes that have not been fetched.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

from exifinator.errors import ObjectChanged
from exifinator.metadata.containers.range_buffer import DamagedFile, MissingBytes, RangeBuffer
from exifinator.metadata.previews.embedded import EmbeddedJpeg, check_candidates
from exifinator.metadata.previews.movie_files import find_in_movie
from exifinator.metadata.previews.non_tiff_files import find_in_cr3, find_in_crw, find_in_heif, find_in_raf, find_in_x3f
from exifinator.metadata.previews.tiff_files import find_in_tiff
from exifinator.models import ImageRef, RangeReader

Finder = Callable[[RangeBuffer], list[tuple[int, int]]]

FIRST_READ_BYTES = 64 * 1024
# Limits on the search for the JPEGs of one file: rounds of reads, length of a read, and length of all reads.
MAX_ROUNDS, MAX_READ_BYTES, MAX_SEARCH_BYTES = 16, 512 * 1024, 4 * 1024 * 1024

# Format of a record -> finder. Other formats have no embedded JPEGs, or browsers can show them.
FINDERS: dict[str, Finder] = {
    **dict.fromkeys(
        (
            "3fr", "arw", "cr2", "dng", "erf", "iiq", "jxr", "nef", "orf", "pef", "raw", "rw2", "srw", "tiff",
        ),
        find_in_tiff,
    ),
    **dict.fromkeys(("heic", "heif", "avif"), find_in_heif),
    **dict.fromkeys(("mov", "mp4", "m4v", "3gp", "3g2"), find_in_movie),
    "cr3": find_in_cr3,
    "crw": find_in_crw,
    "raf": find_in_raf,
    "x3f": find_in_x3f,
}  # fmt: skip


class PinnedReader:
    """Reads the version of an object that a record describes.

    Args:
        reader: Reads ranges of objects.
        ref: The object. If it has an ETag, the object must still have it.

    Attributes:
        total_bytes: The size of the object. Known after the first read.
    """

    def __init__(self, reader: RangeReader, ref: ImageRef) -> None:
        self._reader = reader
        self._ref = ref
        self._if_match = ""
        self.total_bytes = ref.size_bytes

    def read(self, start: int, length: int) -> bytes:
        """Return `length` bytes from offset `start`, or fewer at the end of the object.

        Raises:
            ObjectChanged: The object is not the version that the record describes any more.
            TransientError, PermanentError: The object cannot be read.
        """
        # Compare the first ETag here instead of sending If-Match: S3 never accepts a weak ETag in it.
        part = self._reader.read_range(self._ref, start, length, if_match=self._if_match)
        if self._ref.etag and part.etag != self._ref.etag:
            raise ObjectChanged(f"Object replaced since it was indexed: {self._ref.id}")
        if not self._ref.etag:
            self._ref = replace(self._ref, etag=part.etag)
        if not part.is_etag_weak:
            self._if_match = part.etag
        self.total_bytes = part.total_bytes
        return part.data


def find_previews(reader: PinnedReader, format_: str) -> list[EmbeddedJpeg]:
    """Return the JPEGs embedded in an object that browsers can show, largest first.

    Args:
        reader: The object.
        format_: The format in the object's record.

    Raises:
        ObjectChanged, TransientError, PermanentError: See PinnedReader.read.
    """
    finder = FINDERS.get(format_)
    if finder is None:
        return []
    first = reader.read(0, FIRST_READ_BYTES)
    file = RangeBuffer(reader.total_bytes)
    file.add(0, first)
    searched_bytes = len(first)
    for _ in range(MAX_ROUNDS):
        try:
            return check_candidates(file, finder(file))
        except (DamagedFile, LookupError, ValueError, struct.error):
            return []
        except MissingBytes:
            for start, end in file.take_missing():
                length = min(end - start, MAX_READ_BYTES, MAX_SEARCH_BYTES - searched_bytes)
                if length <= 0:
                    return []
                file.add(start, reader.read(start, length))
                searched_bytes += length
    return []
