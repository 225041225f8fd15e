"""Copy the boxes of a movie that contain metadata, without its sample tables.

Source: ISO/IEC 14496-12, clauses 4.2 (boxes) and 8 (their nesting); QuickTime File Format Specification, 2001.
"""

from __future__ import annotations

from typing import NamedTuple

from exifinator.metadata.containers.range_buffer import DamagedFile, RangeBuffer
from exifinator.metadata.quicktime.boxes import find_last_boxes, make_box, split_box_header, uint
from exifinator.metadata.quicktime.samples import SAMPLE_FORMATS

# The longest header that a box can have: size, type, 64-bit size and UUID.
HEADER_BYTES = 32
# Read-ahead stops when the buffer has this many bytes of the file.
MAX_READ_BYTES = 256 * 1024
# How far to read past a header. One read contains a track's headers, which precede its sample tables.
READ_AHEAD_BYTES = 8 * 1024
# Length of the end of a movie box that is read for its user data, if the tables of its tracks are too long to be read.
TAIL_BYTES = 64 * 1024
# Limits on the number of boxes in a movie box, of tracks in it, and on the depth at which boxes are nested.
MAX_BOXES, MAX_TRACKS, MAX_DEPTH = 3000, 64, 8
# Limits on the length of a copied box, and on the total length of all copied boxes.
MAX_BOX_BYTES, MAX_MOVIE_BYTES = 256 * 1024, 2 * 1024 * 1024
# A longer box of LONG_CONTAINERS is copied box by box.
MAX_WHOLE_BYTES = 64 * 1024
# A longer time-to-sample table is truncated. Its first entries suffice for the frame rate.
MAX_TIMES_BYTES = 4096

# Boxes whose boxes are copied one by one. The second set is copied as a whole if it is short.
CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
LONG_CONTAINERS = frozenset({b"udta", b"meta", b"ilst"})
# The boxes of a movie that contain user data. Many programs write them after the tracks.
USER_DATA = frozenset({b"udta", b"meta"})
# Boxes that a file may have many of, or that are long, and that contain no metadata. They are never read.
SKIPPED = frozenset(
    {
        b"stsz", b"stz2", b"stco", b"co64", b"stss", b"stps", b"ctts", b"cslg", b"sdtp", b"stsc", b"sbgp", b"sgpd",
        b"subs", b"saiz", b"saio", b"stsh", b"padb", b"stdp", b"edts", b"dinf", b"load", b"trex", b"trep", b"iods",
        b"free", b"skip", b"wide", b"mdat", b"cmov", b"rmra", b"trgr",
    }
)  # fmt: skip


class BoxHeader(NamedTuple):
    """The header of a box: its type, and the offsets in bytes at which its body starts and ends.

    `is_truncated` says that the surrounding box, or the file, ends before the box does.
    """

    kind: bytes
    start: int
    end: int
    is_truncated: bool


class BoxReader:
    """Reads boxes with a limited number of reads.

    Attributes:
        file: The file.
        max_reads: The number of reads after which `read` fails.
    """

    def __init__(self, file: RangeBuffer, max_reads: int) -> None:
        self.file = file
        self.max_reads = max_reads

    def read(self, start: int, length: int, read_ahead: int) -> bytes:
        """Return `length` bytes from offset `start`.

        Raises:
            MissingBytes: If the bytes have not been fetched yet.
            DamagedFile: If no more reads are allowed.
        """
        if self.file.n_reads >= self.max_reads and not self.file.has(start, length):
            raise DamagedFile("The metadata is scattered too widely.")
        return self.file.read(start, length, read_ahead)

    def header(self, start: int, end: int, read_ahead: int) -> BoxHeader | None:
        """Return the header of the box at offset `start`; None if there is no valid box."""
        head = self.read(start, min(HEADER_BYTES, end - start), read_ahead)
        parts = split_box_header(head, end - start)
        if parts is None:
            return None
        kind, body, size = parts
        return BoxHeader(kind, start + body, min(start + size, end), start + size > end)

    def read_ahead_within(self, start: int, end: int) -> int:
        """Return how many bytes to read ahead from `start` in a box that ends at `end`.

        Read to the end of the file, or else to the end of the box, if the limit allows it.
        """
        limit = self._bytes_left()
        return next((left for left in (self.file.total_bytes - start, end - start) if left <= limit), READ_AHEAD_BYTES)

    def _bytes_left(self) -> int:
        return max(0, MAX_READ_BYTES - self.file.buffered_bytes)

    def find_user_data(self, movie: BoxHeader, start: int) -> int:
        """Return the offset of the user data at the end of a movie box, or `start` if it is not needed or not found.

        Skip the tracks from `start` on if their tables are too long to be read. The user data is more important.

        Raises:
            MissingBytes: If the end of the box has not been fetched yet.
        """
        left, tail = movie.end - start, movie.end - TAIL_BYTES
        is_last_read = self.file.n_reads + 1 >= self.max_reads
        if not is_last_read or tail <= start or (left <= self._bytes_left() and not self.file.has(tail, TAIL_BYTES)):
            return start
        try:
            # If the rest of the file after the movie box is short, read it too.
            rest_bytes = self.file.total_bytes - movie.end
            data = self.read(tail, TAIL_BYTES, rest_bytes if rest_bytes <= TAIL_BYTES else 0)
        except DamagedFile:
            return start
        offset = find_last_boxes(data, USER_DATA)
        return start if offset is None else tail + offset


class BoxCopier:
    """Copies boxes, and counts them and their bytes against the limits for a movie."""

    def __init__(self, reader: BoxReader) -> None:
        self._reader = reader
        self._copied_bytes = 0
        self._n_boxes = 0
        self._n_tracks = 0
        # Offset and length of the first sample of each format that is read; 0 for a number that is not known.
        self._samples: dict[bytes, list[int]] = {}

    def copy(self, header: BoxHeader, depth: int) -> bytes:
        """Return a copy of a box without sample tables; empty if the box is too long."""
        length = header.end - header.start
        if header.kind == b"stts":
            length = min(length, MAX_TIMES_BYTES)
        elif depth < MAX_DEPTH and (
            header.kind in CONTAINERS or (header.kind in LONG_CONTAINERS and length > MAX_WHOLE_BYTES)
        ):
            return make_box(header.kind, self.copy_children(header, depth))
        if length > MAX_BOX_BYTES or self._copied_bytes + length > MAX_MOVIE_BYTES:
            return b""
        self._copied_bytes += length
        return make_box(header.kind, self._reader.read(header.start, length, READ_AHEAD_BYTES))

    def copy_children(self, parent: BoxHeader, depth: int) -> bytes:
        """Return copies of the boxes inside a box."""
        copies: list[bytes] = []
        start = parent.start
        if parent.kind == b"meta":
            # QuickTime's meta box has no version. Its first box follows immediately.
            if self._reader.read(start, min(8, parent.end - start), READ_AHEAD_BYTES)[4:] != b"hdlr":
                start += 4
            copies.append(bytes(4))
        has_description = has_user_data = False
        sample_format = b""
        while start + 8 <= parent.end:
            self._n_boxes += 1
            if self._n_boxes > MAX_BOXES:
                break
            if has_description and not self._reader.file.has(start, HEADER_BYTES):
                # Only sample tables follow.
                break
            if parent.kind == b"moov" and not has_user_data and not self._reader.file.has(start, HEADER_BYTES):
                start = self._reader.find_user_data(parent, start)
            header = self._next_child(start, parent)
            if header is None:
                break
            has_description = has_description or (parent.kind == b"stbl" and header.kind == b"stsd")
            has_user_data = has_user_data or header.kind in USER_DATA
            if header.kind == b"trak":
                self._n_tracks += 1
            if self._n_tracks <= MAX_TRACKS and header.kind not in SKIPPED:
                copies.append(self._copy_if_read(header, depth + 1))
            elif header.kind == b"stsz":
                copies.append(self._sample_count(header))
            if header.kind == b"stsd" and copies:
                sample_format = copies[-1][20:24]
            elif sample_format in SAMPLE_FORMATS:
                self._note_first_sample(sample_format, header)
            start = header.end
        return b"".join(copies)

    def _next_child(self, start: int, parent: BoxHeader) -> BoxHeader | None:
        """Return the header of the box at `start`; None if it is invalid, or no more reads are allowed."""
        read_ahead = self._reader.read_ahead_within(start, parent.end)
        try:
            return self._reader.header(start, parent.end, read_ahead)
        except DamagedFile:
            return None

    def _copy_if_read(self, header: BoxHeader, depth: int) -> bytes:
        """Return a copy of a box; empty if no more reads are allowed. The boxes that have been read are kept."""
        try:
            return self.copy(header, depth)
        except DamagedFile:
            return b""

    def _note_first_sample(self, sample_format: bytes, header: BoxHeader) -> None:
        """Note where the first sample of a track is, and its length, if this table has been read."""
        if header.kind in (b"stsz", b"stco", b"co64") and self._reader.file.has(header.start, 16):
            data = self._reader.file.read(header.start, 16)
            place = self._samples.setdefault(sample_format, [0, 0])
            if header.kind == b"stsz":
                place[1] = place[1] or uint(data, 4, 4) or uint(data, 12, 4)
            else:
                place[0] = place[0] or uint(data, 8, 4 if header.kind == b"stco" else 8)

    def _sample_count(self, header: BoxHeader) -> bytes:
        """Return the start of a table of sample sizes, with the number of samples, if it has been read."""
        file, length = self._reader.file, min(12, header.end - header.start)
        return make_box(b"stsz", file.read(header.start, length)) if file.has(header.start, length) else b""

    def copy_first_samples(self) -> list[bytes]:
        """Return copies of the first samples, which have the position and the settings of the camera."""
        file = self._reader.file
        return [
            make_box(sample_format, file.read(start, min(size, SAMPLE_FORMATS[sample_format].max_bytes)))
            for sample_format, (start, size) in self._samples.items()
            if start and size and not file.is_final
        ]
