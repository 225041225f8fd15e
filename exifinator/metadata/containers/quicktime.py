"""Locate the metadata of MOV, MP4, M4V, 3GP and related files: the boxes of the movie without its sample tables.

The reader copies the boxes that contain metadata into one block, which quicktime/decode.py decodes. Sample tables and
media data, which are nearly all of a file, are neither read nor copied.
Source: ISO/IEC 14496-12, clauses 4.2 (boxes) and 8 (their nesting); QuickTime File Format Specification, 2001.
"""

from __future__ import annotations

from typing import NamedTuple

from exifinator.metadata.containers.insta360 import read_insta360
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer
from exifinator.metadata.quicktime.boxes import find_last_boxes, make_box, split_box_header, uint
from exifinator.metadata.quicktime.gopro import MAX_SAMPLE_BYTES, SAMPLE_FORMAT
from exifinator.metadata.quicktime.tracks import displayed_size

MOVIE = "quicktime"
# The longest header that a box can have: size, type, 64-bit size and UUID.
HEADER_BYTES = 32
# Limits on the requests and the bytes for a movie box of moderate length. A longer one is walked box by box.
MODERATE_BYTES, MAX_READS, MAX_READ_BYTES = 1024 * 1024, 3, 256 * 1024
# If at most this much of the file is left after a top-level box, read all of it: that costs less than another request.
WHOLE_BYTES = 128 * 1024
# How far to read past a header otherwise. One read contains a track's headers, which precede its sample tables.
TOP_READ_AHEAD_BYTES, READ_AHEAD_BYTES = 32 * 1024, 8 * 1024
# Length of the end of a movie box that is read for its user data, if the tables of its tracks are too long to be read.
TAIL_BYTES = 64 * 1024
# Limits on the number of boxes in a file, of a track's boxes in it, and on the depth at which they are nested.
MAX_TOP_BOXES, MAX_BOXES, MAX_TRACKS, MAX_DEPTH = 2000, 3000, 64, 8
# Limits on a copied box, and on all of them.
MAX_BOX_BYTES, MAX_MOVIE_BYTES = 256 * 1024, 2 * 1024 * 1024
# A longer box of LONG_CONTAINERS is copied box by box.
MAX_WHOLE_BYTES = 64 * 1024
# A time-to-sample table of more bytes is cut. Its first entries suffice for the frame rate.
MAX_TIMES_BYTES = 4096
# How many requests a movie may take, and how many of them for boxes behind the movie box.
MAX_FURTHER_READS, MAX_HOPS = 10, 2

# Boxes whose boxes are copied one by one. The second set is copied as a whole if it is short.
CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
LONG_CONTAINERS = frozenset({b"udta", b"meta", b"ilst"})
# The boxes of a movie that contain user data. Many programs write them behind the tracks.
USER_DATA = frozenset({b"udta", b"meta"})
# Boxes that a file may have many of, or that are long, and that contain no metadata. They are never read.
SKIPPED = frozenset(
    {
        b"stsz", b"stz2", b"stco", b"co64", b"stss", b"stps", b"ctts", b"cslg", b"sdtp", b"stsc", b"sbgp", b"sgpd",
        b"subs", b"saiz", b"saio", b"stsh", b"padb", b"stdp", b"edts", b"dinf", b"load", b"trex", b"trep", b"iods",
        b"free", b"skip", b"wide", b"mdat", b"cmov", b"rmra", b"trgr",
    }
)  # fmt: skip
# Top-level boxes that are copied, although they are not in the movie box.
TOP_LEVEL = frozenset({b"ftyp", b"udta", b"meta", b"uuid", b"pnot", b"sidx", b"thum", b"thm ", b"cust", b"IDIT"})
# The kinds of boxes with which a QuickTime file without `ftyp` begins.
FIRST_KINDS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")

# Brand -> format. Brands that begin with "3gp" or "3g2" are of 3GPP and 3GPP2. Other brands are those of MP4.
# Source: the registry of brands at https://mp4ra.org.
BRANDS = {b"qt  ": "mov", b"M4V ": "m4v", b"M4VH": "m4v", b"M4VP": "m4v", b"M4A ": "m4a", b"M4B ": "m4a"}
PREFIXES = {b"3gp": "3gp", b"3ge": "3gp", b"3gg": "3gp", b"3gr": "3gp", b"3gs": "3gp", b"3gt": "3gp", b"3g2": "3g2"}
AUDIO_FORMATS = frozenset({"m4a"})


class _Header(NamedTuple):
    """The header of a box: its kind, and the offsets in bytes at which its body starts and ends.

    `is_cut` says that the surrounding box, or the file, ends before the box does.
    """

    kind: bytes
    start: int
    end: int
    is_cut: bool


def read_quicktime(file: RangeBuffer, located: LocatedMetadata) -> None:
    """Locate the metadata of a movie file.

    Raises:
        MissingBytes: If the reader needs more bytes.
        DamagedFile: If the file has no movie box, or ends inside it.
    """
    located.format, located.rotation_applied = _format_of(file), True
    file.further_reads = MAX_FURTHER_READS
    # A final read contains only the bytes that are needed next.
    file.read_limit = 0
    copier = _Copier(file)
    try:
        copier.copy_top_level()
        copier.copy_telemetry()
        if copier.has_trailer:
            read_insta360(file, located)
    except DamagedFile:
        if not file.is_final:
            raise
    movie = b"".join(copier.boxes)
    located.add(MOVIE, movie)
    if b"moov" not in copier.kinds:
        raise DamagedFile(copier.problem or "The file has no movie box (moov).")
    located.width_pixels, located.height_pixels = displayed_size(movie)
    if located.format in AUDIO_FORMATS:
        located.status = "unsupported"
        located.problem = f"The file is an audio file ({located.format.upper()}), not a photo or a video."
    elif copier.is_truncated:
        raise DamagedFile(f"The file is truncated: it ends at byte {file.total_bytes}, inside the metadata.")


def _format_of(file: RangeBuffer) -> str:
    head = file.read(0, 12)
    if head[4:8] != b"ftyp":
        return "mov"
    brand = head[8:12]
    return BRANDS.get(brand) or PREFIXES.get(brand[:3]) or "mp4"


class _Copier:
    """Copies the boxes of a file that contain metadata.

    Attributes:
        boxes: The copies.
        kinds: The kinds of the top-level boxes.
        is_truncated: Whether the file ends inside the movie box.
        problem: Why the top-level boxes end before the file does; "" if they do not.
        has_trailer: Whether something other than boxes follows the movie box.
    """

    def __init__(self, file: RangeBuffer) -> None:
        self.file = file
        self.boxes: list[bytes] = []
        self.kinds: set[bytes] = set()
        self.is_truncated = False
        self.problem = ""
        self.has_trailer = False
        # Offset and length of the first sample of GoPro's telemetry; 0 if there is none.
        self._sample_at = self._sample_bytes = 0
        self._max_reads = 1 + MAX_FURTHER_READS
        self._copied_bytes = 0
        self._n_boxes = 0
        self._n_tracks = 0

    def copy_top_level(self) -> None:
        """Copy the boxes of the file. Boxes behind the movie box are optional: few requests are spent on them."""
        file, start, n_hops = self.file, 0, 0
        for _ in range(MAX_TOP_BOXES):
            if start + 8 > file.total_bytes:
                return
            if b"moov" in self.kinds and not file.has(start, HEADER_BYTES):
                n_hops += 1
                if n_hops > MAX_HOPS or file.is_final:
                    return
            header = self._header(start, file.total_bytes, self._top_read_ahead(start))
            self.has_trailer = b"moov" in self.kinds and (header is None or header.is_cut or min(header.kind) < 32)
            if header is None:
                self.problem = self.problem or f"The box at byte {start} has an invalid size."
                return
            if header.kind == b"moof" and b"moov" in self.kinds:
                # The fragments that follow contain no metadata.
                return
            self._copy_top_box(header)
            self.kinds.add(header.kind)
            start = header.end

    def copy_telemetry(self) -> None:
        """Copy the first sample of GoPro's telemetry, which has the position."""
        size, start = self._sample_bytes, self._sample_at
        if size and start and not self.file.is_final:
            self.boxes.append(make_box(SAMPLE_FORMAT, self.file.read(start, min(size, MAX_SAMPLE_BYTES))))

    def _copy_top_box(self, header: _Header) -> None:
        if header.kind == b"mdat":
            # Keep the offset and the length of the media data, from which the bit rate follows.
            place = header.start.to_bytes(8, "big") + (header.end - header.start).to_bytes(8, "big")
            self.boxes.append(make_box(b"mdat", place))
        elif header.kind == b"moov":
            if b"moov" in self.kinds:
                return
            self.is_truncated = header.is_cut
            if header.end - header.start <= MODERATE_BYTES:
                self._max_reads = max(MAX_READS, self.file.reads)
            self.boxes.append(make_box(b"moov", self._children(header, 1)))
            self._max_reads = 1 + MAX_FURTHER_READS
        elif header.kind in TOP_LEVEL:
            copy = self._copy(header, 1)
            if copy:
                self.boxes.append(copy)

    def _top_read_ahead(self, start: int) -> int:
        left = self.file.total_bytes - start
        if b"moov" in self.kinds:
            return min(left, READ_AHEAD_BYTES)
        return left if left <= WHOLE_BYTES else TOP_READ_AHEAD_BYTES

    def _header(self, start: int, end: int, read_ahead: int) -> _Header | None:
        """Return the header of the box at offset `start`; None if there is no valid box."""
        head = self._read(start, min(HEADER_BYTES, end - start), read_ahead)
        parts = split_box_header(head, end - start)
        if parts is None:
            return None
        kind, body, size = parts
        return _Header(kind, start + body, min(start + size, end), start + size > end)

    def _children(self, parent: _Header, depth: int) -> bytes:
        """Return copies of the boxes inside a box."""
        copies: list[bytes] = []
        start = parent.start
        if parent.kind == b"meta":
            # QuickTime's meta box has no version. Its first box follows immediately.
            if self._read(start, min(8, parent.end - start), READ_AHEAD_BYTES)[4:] != b"hdlr":
                start += 4
            copies.append(bytes(4))
        has_description = has_user_data = is_telemetry = False
        while start + 8 <= parent.end:
            self._n_boxes += 1
            if self._n_boxes > MAX_BOXES:
                break
            if has_description and not self.file.has(start, HEADER_BYTES):
                # Only sample tables follow.
                break
            if parent.kind == b"moov" and not has_user_data and not self.file.has(start, HEADER_BYTES):
                start = self._user_data_at_end(parent, start)
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
                is_telemetry = copies[-1][20:24] == SAMPLE_FORMAT
            elif is_telemetry:
                self._note_first_sample(header)
            start = header.end
        return b"".join(copies)

    def _next_child(self, start: int, parent: _Header) -> _Header | None:
        """Return the header of the box at `start`; None if it is invalid, or no more reads are allowed."""
        read_ahead = self._read_ahead_within(start, parent.end)
        try:
            return self._header(start, parent.end, read_ahead)
        except DamagedFile:
            return None

    def _read(self, start: int, length: int, read_ahead: int) -> bytes:
        """Return `length` bytes from offset `start`.

        Raises:
            MissingBytes: If the bytes have not been fetched yet.
            DamagedFile: If no more reads are allowed.
        """
        if self.file.reads >= self._max_reads and not self.file.has(start, length):
            raise DamagedFile("The metadata is scattered too widely.")
        return self.file.read(start, length, read_ahead)

    def _read_ahead_within(self, start: int, end: int) -> int:
        """Return how far to read from `start`, inside a box up to `end`: to the end of the file or box if possible."""
        limit = self._bytes_left()
        return next((left for left in (self.file.total_bytes - start, end - start) if left <= limit), READ_AHEAD_BYTES)

    def _bytes_left(self) -> int:
        return max(0, MAX_READ_BYTES - self.file.buffered_bytes)

    def _user_data_at_end(self, movie: _Header, start: int) -> int:
        """Return the offset of the user data at the end of a movie box, or `start` if none has to be looked for.

        The user data counts more than the tracks from `start` on, whose tables are too long to be read.

        Raises:
            MissingBytes: If the end of the box has not been fetched yet.
        """
        left, tail = movie.end - start, movie.end - TAIL_BYTES
        is_last_read = self.file.reads + 1 >= self._max_reads
        if not is_last_read or tail <= start or (left <= self._bytes_left() and not self.file.has(tail, TAIL_BYTES)):
            return start
        try:
            # Also read what follows the movie box, if it is short.
            behind = self.file.total_bytes - movie.end
            data = self._read(tail, TAIL_BYTES, behind if behind <= TAIL_BYTES else 0)
        except DamagedFile:
            return start
        offset = find_last_boxes(data, USER_DATA)
        return start if offset is None else tail + offset

    def _copy_if_read(self, header: _Header, depth: int) -> bytes:
        """Return a copy of a box; empty if no more reads are allowed. The boxes that have been read are kept."""
        try:
            return self._copy(header, depth)
        except DamagedFile:
            return b""

    def _copy(self, header: _Header, depth: int) -> bytes:
        """Return a copy of a box without sample tables; empty if the box is too long."""
        length = header.end - header.start
        if header.kind == b"stts":
            length = min(length, MAX_TIMES_BYTES)
        elif depth < MAX_DEPTH and (
            header.kind in CONTAINERS or (header.kind in LONG_CONTAINERS and length > MAX_WHOLE_BYTES)
        ):
            return make_box(header.kind, self._children(header, depth))
        if length > MAX_BOX_BYTES or self._copied_bytes + length > MAX_MOVIE_BYTES:
            return b""
        self._copied_bytes += length
        return make_box(header.kind, self._read(header.start, length, READ_AHEAD_BYTES))

    def _note_first_sample(self, header: _Header) -> None:
        """Note where the first sample of a track is, and its length, if this table has been read."""
        if header.kind in (b"stsz", b"stco", b"co64") and self.file.has(header.start, 16):
            data = self.file.read(header.start, 16)
            if header.kind == b"stsz":
                self._sample_bytes = uint(data, 4, 4) or uint(data, 12, 4)
            else:
                self._sample_at = uint(data, 8, 4 if header.kind == b"stco" else 8)

    def _sample_count(self, header: _Header) -> bytes:
        """Return the start of a table of sample sizes, with the number of samples, if it has been read."""
        length = min(12, header.end - header.start)
        return make_box(b"stsz", self.file.read(header.start, length)) if self.file.has(header.start, length) else b""
