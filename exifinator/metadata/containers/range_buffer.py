"""A buffer for the parts of a file that have been fetched, and the types that container readers share."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from exifinator.metadata.containers.icc import describe_profile
from exifinator.metadata.text_decoding import decode_text
from exifinator.models import Block, Status

# Limit on the total length of a file's metadata blocks, and on the total length of its decompressed data. The readers
# limit only single blocks, but a file may repeat its blocks, and a few kilobytes can decompress to gigabytes.
MAX_FILE_BYTES = 16 * 1024 * 1024
# Two ranges that are at most this far apart are read together: the bytes between them cost less than another request.
GAP_BYTES = 16 * 1024
# The maximum number of ranges that UsedRanges tells apart. Past it, ranges that are further apart are joined.
MAX_USED = 16


class MissingBytes(Exception):
    """A reader needs bytes that have not been fetched yet. RangeBuffer.requested lists their ranges."""


class DamagedFile(Exception):
    """The file violates its format, or exceeds a limit. The message is a sentence for the record's `problem`."""


class UsedRanges:
    """The ranges of a file that its reader has read, without gaps of up to GAP_BYTES.

    Attributes:
        start, end: The range that was extended last. Most reads are within it or follow it.
    """

    def __init__(self) -> None:
        self.start = self.end = 0
        self._others: list[tuple[int, int]] = []

    def add(self, start: int, end: int) -> None:
        """Add a range."""
        if start <= self.end + GAP_BYTES and end >= self.start - GAP_BYTES:
            self.start, self.end = min(start, self.start), max(end, self.end)
            return
        self._others.append((self.start, self.end))
        self.start, self.end = start, end
        gap = GAP_BYTES
        while len(self._others) > MAX_USED:
            self._others = merge_ranges(self._others, gap)
            gap *= 2

    def merged(self) -> list[tuple[int, int]]:
        """Return the ranges as sorted (start, end) that are more than GAP_BYTES apart."""
        return merge_ranges([*self._others, (self.start, self.end)], GAP_BYTES)


class RangeBuffer:
    """The bytes of a file that have been fetched so far, at their offsets.

    Attributes:
        total_bytes: Size of the file.
        read_limit: Offset in bytes up to which the reader may need bytes. This is the end of the file, unless a reader
            lowers the limit.
        max_further_reads: Number of reads that the file may take after the first one; 0 for the usual number.
        is_final: Whether no more bytes will be fetched. The file then counts as damaged if the reader needs more.
        buffered_bytes: Number of bytes in the buffer.
        n_reads: Number of times that bytes were added.
        requested: The ranges that the reader needs next, as (start, end) in bytes.
        used: The ranges that the reader has read.
    """

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self.read_limit = total_bytes
        self.max_further_reads = 0
        self.is_final = False
        self.buffered_bytes = 0
        self.n_reads = 0
        self.requested: list[tuple[int, int]] = []
        self._starts: list[int] = []
        self._pieces: list[bytes] = []
        self.used = UsedRanges()

    def add(self, start: int, data: bytes) -> None:
        """Add `data`, which begins at offset `start` (bytes), and join it with pieces that it overlaps or touches."""
        self.n_reads += 1
        if not data:
            return
        starts: list[int] = []
        pieces: list[bytes] = []
        for piece_start, piece in zip(self._starts, self._pieces, strict=True):
            if piece_start + len(piece) < start or piece_start > start + len(data):
                starts.append(piece_start)
                pieces.append(piece)
                continue
            head = piece[: start - piece_start] if piece_start < start else b""
            tail = piece[start + len(data) - piece_start :] if piece_start + len(piece) > start + len(data) else b""
            start, data = min(start, piece_start), head + data + tail
        index = bisect_right(starts, start)
        starts.insert(index, start)
        pieces.insert(index, data)
        self._starts, self._pieces = starts, pieces
        self.buffered_bytes = sum(map(len, pieces))

    def read(self, start: int, length: int, read_ahead: int = 0) -> bytes:
        """Return `length` bytes from offset `start`, or fewer at the end of the file.

        Args:
            start: Offset in bytes.
            length: Number of bytes.
            read_ahead: If the bytes have to be fetched, the number of bytes after them to fetch as well.

        Raises:
            MissingBytes: If some of the bytes are not in the buffer. The range is added to `requested`.
            DamagedFile: If the range begins before the file, or some of the bytes are not in the buffer and `is_final`
                is set.
        """
        if start < 0:
            raise DamagedFile("The file refers to metadata before its first byte.")
        end = min(start + length, self.total_bytes)
        if start >= end:
            return b""
        index = bisect_right(self._starts, start) - 1
        if index >= 0:
            piece_start = self._starts[index]
            piece = self._pieces[index]
            if end <= piece_start + len(piece):
                if start < self.used.start or end > self.used.end:
                    self.used.add(start, end)
                return piece[start - piece_start : end - piece_start]
        if self.is_final:
            raise DamagedFile(f"The metadata is scattered too widely: byte {start} was not read.")
        self.requested.append((start, min(end + read_ahead, self.total_bytes)))
        raise MissingBytes

    def read_exact(self, start: int, length: int, read_ahead: int = 0) -> bytes:
        """Return exactly `length` bytes from offset `start`. See `read` for the arguments.

        Raises:
            MissingBytes: If some of the bytes are not in the buffer. The range is added to `requested`.
            DamagedFile: If the file ends too early, or some of the bytes are not in the buffer and `is_final` is set.
        """
        data = self.read(start, length, read_ahead)
        if len(data) < length:
            raise DamagedFile(f"The file is truncated: it ends at byte {self.total_bytes}, inside the metadata.")
        return data

    def has_or_request(self, start: int, length: int) -> bool:
        """Return whether the buffer has these bytes. If not, request them without raising MissingBytes."""
        try:
            self.read(start, length)
        except (MissingBytes, DamagedFile):
            return False
        return True

    def has(self, start: int, length: int) -> bool:
        """Return whether the buffer has these bytes, or those before the end of the file. Does not request them."""
        end = min(start + length, self.total_bytes)
        index = bisect_right(self._starts, start) - 1
        return index >= 0 and end <= self._starts[index] + len(self._pieces[index])

    def take_missing(self) -> list[tuple[int, int]]:
        """Return the (start, end) ranges that were requested but are not in the buffer, and clear `requested`.

        The ranges are sorted and do not overlap.
        """
        holes: list[tuple[int, int]] = []
        for start, end in sorted(self.requested):
            for piece_start, piece in zip(self._starts, self._pieces, strict=True):
                if piece_start <= start < piece_start + len(piece):
                    start = piece_start + len(piece)
                elif start < piece_start < end:
                    holes.append((start, piece_start))
                    start = piece_start + len(piece)
            if start < end:
                holes.append((start, end))
        self.requested = []
        return merge_ranges(holes)


def merge_ranges(ranges: list[tuple[int, int]], gap: int = 0) -> list[tuple[int, int]]:
    """Merge (start, end) ranges that overlap or are at most `gap` bytes apart. Return them sorted."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1] + gap:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


@dataclass(slots=True)
class LocatedMetadata:
    """The metadata that a reader has located so far. If the reader finds damage later, this metadata is kept.

    Attributes:
        format: Name of the file's format.
        blocks: The metadata blocks.
        status: "ok", unless the file is damaged or unsupported.
        problem: What is wrong with the file, as a sentence; None for an intact file.
        width_pixels: Width of the picture as stored, or as displayed if `rotation_applied`.
        height_pixels: Height of the picture as stored, or as displayed if `rotation_applied`.
        rotation_applied: Whether the container, not EXIF, specifies the rotation. If so, width and height take it into
            account, and the orientation in EXIF has no meaning.
        located_bytes: Length of all blocks, in bytes.
        unpacked_bytes: Length of all decompressed data, including data that did not become a block, in bytes.
    """

    format: str
    blocks: list[Block] = field(default_factory=list)
    status: Status = "ok"
    problem: str | None = None
    width_pixels: int | None = None
    height_pixels: int | None = None
    rotation_applied: bool = False
    located_bytes: int = 0
    unpacked_bytes: int = 0

    def add(self, kind: str, data: bytes) -> None:
        """Add a complete block, unless it is empty. For the kinds, see models.Block.

        Raises:
            DamagedFile: If the blocks of the file exceed MAX_FILE_BYTES. The blocks before this one are kept.
        """
        if data:
            self.spend(len(data))
            self.blocks.append(Block(kind, {0: data}))

    def spend(self, n_bytes: int) -> None:
        """Count `n_bytes` of a block against the limit.

        Raises:
            DamagedFile: If the blocks of the file exceed MAX_FILE_BYTES.
        """
        if self.located_bytes + n_bytes > MAX_FILE_BYTES:
            raise DamagedFile(f"The metadata is longer than {MAX_FILE_BYTES >> 20} MiB.")
        self.located_bytes += n_bytes

    def unpack(self, decompress: Callable[[int], bytes], limit_bytes: int) -> bytes:
        """Decompress data, and count its length against the limit for the file.

        Args:
            decompress: Function that takes a limit in bytes, and returns at most that many bytes of decompressed data.
            limit_bytes: Limit on the decompressed data.

        Raises:
            DamagedFile: If MAX_FILE_BYTES have been decompressed already.
        """
        left = MAX_FILE_BYTES - self.unpacked_bytes
        if left <= 0:
            raise DamagedFile(f"The compressed metadata unpacks to more than {MAX_FILE_BYTES >> 20} MiB.")
        data = decompress(min(limit_bytes, left))
        self.unpacked_bytes += len(data)
        return data

    def add_text(self, name: str, text: str) -> None:
        """Add a text value of the container, such as a comment, unless it is blank."""
        self.add(f"text/{name}", text.strip().encode("utf-8", "replace"))

    def add_comment(self, data: bytes) -> None:
        """Add a comment in an unknown encoding, up to its first NUL."""
        self.add_text("Comment", decode_text(data))

    def add_profile(self, profile: bytes) -> None:
        """Add the name and the colour space of an ICC profile, unless another profile has been added."""
        if not any(block.kind.startswith("icc/") for block in self.blocks):
            for name, text in describe_profile(profile).items():
                self.add(f"icc/{name}", text.encode("utf-8", "replace"))


class ContainerReader(Protocol):
    """A function that locates the metadata in `file`, and adds it to `metadata`.

    Raises:
        MissingBytes: If the reader needs more bytes. After they have been fetched, it is called again, with a new
            `metadata`.
        DamagedFile: If the file violates its format, or exceeds a limit.
    """

    def __call__(self, file: RangeBuffer, metadata: LocatedMetadata, /) -> None: ...
