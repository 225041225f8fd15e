"""Locate the metadata of MOV, MP4, M4V, 3GP and related files: the boxes of the movie without its sample tables.

The reader copies the boxes that contain metadata into one block, which quicktime/decode.py decodes. Sample tables and
media data, which are nearly all of a file, are neither read nor copied.
Source: ISO/IEC 14496-12, clauses 4.2 (boxes) and 8 (their nesting); QuickTime File Format Specification, 2001.
"""

from __future__ import annotations

from exifinator.metadata.containers.insta360 import read_insta360
from exifinator.metadata.containers.movie_boxes import HEADER_BYTES, READ_AHEAD_BYTES, BoxCopier, BoxHeader, BoxReader
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer
from exifinator.metadata.quicktime.boxes import make_box
from exifinator.metadata.quicktime.tracks import displayed_size

MOVIE = "quicktime"
# A movie box of at most MODERATE_BYTES may take MAX_READS requests. A longer one is walked box by box.
MODERATE_BYTES, MAX_READS = 1024 * 1024, 3
# If at most this much of the file is left after a top-level box, read all of it: that costs less than another request.
WHOLE_BYTES = 128 * 1024
# How far to read past the header of a top-level box otherwise, before the movie box.
TOP_READ_AHEAD_BYTES = 32 * 1024
# Limit on the number of top-level boxes.
MAX_TOP_BOXES = 2000
# How many requests a movie may take, and how many of them for boxes after the movie box.
MAX_FURTHER_READS, MAX_READS_AFTER_MOVIE = 10, 2

# Top-level boxes that are copied, although they are not in the movie box.
TOP_LEVEL = frozenset({b"ftyp", b"udta", b"meta", b"uuid", b"pnot", b"sidx", b"thum", b"thm ", b"cust", b"IDIT"})
# The kinds of boxes with which a QuickTime file without `ftyp` begins.
FIRST_KINDS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")

# Brand -> format. Brands that begin with "3gp" or "3g2" belong to 3GPP and 3GPP2. Files with other
# brands are MP4.
# Source: the registry of brands at https://mp4ra.org.
BRANDS = {b"qt  ": "mov", b"M4V ": "m4v", b"M4VH": "m4v", b"M4VP": "m4v", b"M4A ": "m4a", b"M4B ": "m4a"}
PREFIXES = {b"3gp": "3gp", b"3ge": "3gp", b"3gg": "3gp", b"3gr": "3gp", b"3gs": "3gp", b"3gt": "3gp", b"3g2": "3g2"}
AUDIO_FORMATS = frozenset({"m4a"})


def read_quicktime(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate the metadata of a movie file.

    Raises:
        MissingBytes: If the reader needs more bytes.
        DamagedFile: If the file has no movie box, or ends inside it.
    """
    metadata.format, metadata.rotation_applied = _format_of(file), True
    file.max_further_reads = MAX_FURTHER_READS
    # A final read contains only the bytes that are needed next.
    file.read_limit = 0
    top_level = _TopLevelCopier(file)
    try:
        top_level.copy_boxes()
        top_level.copy_samples()
        if top_level.has_trailer:
            read_insta360(file, metadata)
    except DamagedFile:
        if not file.is_final:
            raise
    movie = b"".join(top_level.boxes)
    metadata.add(MOVIE, movie)
    if b"moov" not in top_level.kinds:
        raise DamagedFile(top_level.problem or "The file has no movie box (moov).")
    metadata.width_pixels, metadata.height_pixels = displayed_size(movie)
    if metadata.format in AUDIO_FORMATS:
        metadata.status = "unsupported"
        metadata.problem = f"The file is an audio file ({metadata.format.upper()}), not a photo or a video."
    elif top_level.is_truncated:
        raise DamagedFile(f"The file is truncated: it ends at byte {file.total_bytes}, inside the metadata.")


def _format_of(file: RangeBuffer) -> str:
    head = file.read(0, 12)
    if head[4:8] != b"ftyp":
        return "mov"
    brand = head[8:12]
    return BRANDS.get(brand) or PREFIXES.get(brand[:3]) or "mp4"


class _TopLevelCopier:
    """Copies the boxes of a file that contain metadata.

    Attributes:
        boxes: The copies.
        kinds: The kinds of the top-level boxes.
        is_truncated: Whether the file ends inside the movie box.
        problem: Why the walk stopped before the end of the file; "" if it did not.
        has_trailer: Whether data that is not a box follows the movie box.
    """

    def __init__(self, file: RangeBuffer) -> None:
        self.boxes: list[bytes] = []
        self.kinds: set[bytes] = set()
        self.is_truncated = False
        self.problem = ""
        self.has_trailer = False
        self._reader = BoxReader(file, 1 + MAX_FURTHER_READS)
        self._copier = BoxCopier(self._reader)

    def copy_boxes(self) -> None:
        """Copy the boxes of the file. Spend few requests on the boxes after the movie box, which are optional."""
        file, start, reads_after_movie = self._reader.file, 0, 0
        for _ in range(MAX_TOP_BOXES):
            if start + 8 > file.total_bytes:
                return
            if b"moov" in self.kinds and not file.has(start, HEADER_BYTES):
                reads_after_movie += 1
                if reads_after_movie > MAX_READS_AFTER_MOVIE or file.is_final:
                    return
            header = self._reader.header(start, file.total_bytes, self._top_read_ahead(start))
            self.has_trailer = b"moov" in self.kinds and (
                header is None or header.is_truncated or min(header.kind) < 32
            )
            if header is None:
                self.problem = self.problem or f"The box at byte {start} has an invalid size."
                return
            if header.kind == b"moof" and b"moov" in self.kinds:
                # The fragments that follow contain no metadata.
                return
            self._copy_top_box(header)
            self.kinds.add(header.kind)
            start = header.end

    def copy_samples(self) -> None:
        """Copy the first samples of timed metadata."""
        self.boxes += self._copier.copy_first_samples()

    def _copy_top_box(self, header: BoxHeader) -> None:
        if header.kind == b"mdat":
            # Keep the offset and the length of the media data, from which the bit rate follows.
            position = header.start.to_bytes(8, "big") + (header.end - header.start).to_bytes(8, "big")
            self.boxes.append(make_box(b"mdat", position))
        elif header.kind == b"moov":
            if b"moov" in self.kinds:
                return
            self.is_truncated = header.is_truncated
            if header.end - header.start <= MODERATE_BYTES:
                self._reader.max_reads = max(MAX_READS, self._reader.file.n_reads)
            self.boxes.append(make_box(b"moov", self._copier.copy_children(header, 1)))
            self._reader.max_reads = 1 + MAX_FURTHER_READS
        elif header.kind in TOP_LEVEL:
            copy = self._copier.copy(header, 1)
            if copy:
                self.boxes.append(copy)

    def _top_read_ahead(self, start: int) -> int:
        left = self._reader.file.total_bytes - start
        if b"moov" in self.kinds:
            return min(left, READ_AHEAD_BYTES)
        return left if left <= WHOLE_BYTES else TOP_READ_AHEAD_BYTES
