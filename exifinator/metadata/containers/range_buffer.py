"""A sparse buffer of a file's bytes, and the types that container readers share."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Protocol

from exifinator.metadata.containers.icc import describe_profile
from exifinator.metadata.text_decoding import decode_text
from exifinator.models import Block, Status


class MissingBytes(Exception):
    """A reader needs bytes that are not held yet. RangeBuffer.requested lists their ranges."""


class DamagedFile(Exception):
    """The container violates its format. The message is a sentence for the record's `problem`."""


class RangeBuffer:
    """The bytes of a file that have been read so far, at their offsets.

    Attributes:
        total_bytes: Size of the file.
        read_limit: Offset (bytes) past which the reader needs nothing. A reader lowers it once it knows.
        closed: Whether no more reads will follow. From then on, bytes that are not held count as damage.
        held_bytes: Number of bytes held.
        requested: The (start, end) ranges that the reader needs next.
    """

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self.read_limit = total_bytes
        self.closed = False
        self.held_bytes = 0
        self.requested: list[tuple[int, int]] = []
        self._starts: list[int] = []
        self._pieces: list[bytes] = []

    def add(self, start: int, data: bytes) -> None:
        """Add `data` at offset `start` (bytes). Pieces that overlap or touch are joined."""
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
        self.held_bytes = sum(map(len, pieces))

    def read(self, start: int, length: int, ahead: int = 0) -> bytes:
        """Return `length` bytes from offset `start`, or fewer at the end of the file.

        Args:
            start: Offset in bytes.
            length: Number of bytes.
            ahead: Number of bytes after them to request as well, if they have to be fetched.

        Raises:
            MissingBytes: If the bytes are not held. They are requested.
            DamagedFile: If they are not held and no further read will follow.
        """
        end = min(start + length, self.total_bytes)
        if start >= end:
            return b""
        index = bisect_right(self._starts, start) - 1
        if index >= 0:
            piece_start = self._starts[index]
            piece = self._pieces[index]
            if end <= piece_start + len(piece):
                return piece[start - piece_start : end - piece_start]
        if self.closed:
            raise DamagedFile(f"The metadata is scattered too widely: byte {start} was not read.")
        self.requested.append((start, min(end + ahead, self.total_bytes)))
        raise MissingBytes

    def read_exact(self, start: int, length: int, ahead: int = 0) -> bytes:
        """Return exactly `length` bytes at offset `start`.

        Raises:
            MissingBytes: If the bytes are not held. They are requested.
            DamagedFile: If the file ends too early.
        """
        data = self.read(start, length, ahead)
        if len(data) < length:
            raise DamagedFile(f"The file is truncated: it ends at byte {self.total_bytes}, inside the metadata.")
        return data

    def request(self, start: int, length: int) -> bool:
        """Request these bytes unless they are held. Return whether they are. Does not interrupt the reader."""
        try:
            self.read(start, length)
        except (MissingBytes, DamagedFile):
            return False
        return True

    def holds(self, start: int, length: int) -> bool:
        """Return whether these bytes are held, without requesting them."""
        end = min(start + length, self.total_bytes)
        index = bisect_right(self._starts, start) - 1
        return index >= 0 and end <= self._starts[index] + len(self._pieces[index])

    def missing(self) -> list[tuple[int, int]]:
        """Return the requested (start, end) ranges that are not held, sorted and disjoint. Clear the requests."""
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
    """What a reader has located so far. It is kept if the file turns out to be damaged further on.

    Attributes:
        format: Name of the file's format.
        blocks: The metadata, as blocks of bytes.
        status: "ok", unless the file is damaged or unsupported.
        problem: The problem as a sentence, or None.
        width_pixels, height_pixels: Size of the picture: as displayed if `rotation_applied`, else as stored.
        rotation_applied: Whether the container says how the picture is turned. Then the size is that of the picture as
            displayed, and the orientation in EXIF has no meaning.
    """

    format: str
    blocks: list[Block] = field(default_factory=list)
    status: Status = "ok"
    problem: str | None = None
    width_pixels: int | None = None
    height_pixels: int | None = None
    rotation_applied: bool = False

    def add(self, kind: str, data: bytes) -> None:
        if data:
            self.blocks.append(Block(kind, {0: data}))

    def add_text(self, name: str, text: str) -> None:
        """Add a text of the container, such as a comment."""
        self.add(f"text/{name}", text.strip().encode("utf-8", "replace"))

    def add_comment(self, data: bytes) -> None:
        """Add a comment in any encoding, up to its first NUL."""
        self.add_text("Comment", decode_text(data))

    def add_profile(self, profile: bytes) -> None:
        """Add the name and the colour space of an ICC profile, unless another one has been added."""
        if not any(block.kind.startswith("icc/") for block in self.blocks):
            for name, text in describe_profile(profile).items():
                self.add(f"icc/{name}", text.encode("utf-8", "replace"))


class ContainerReader(Protocol):
    """A function that fills `located` from the bytes of `file`. After MissingBytes it is called again with more bytes.

    Raises:
        MissingBytes: If it needs more bytes.
        DamagedFile: If the file violates its format.
    """

    def __call__(self, file: RangeBuffer, located: LocatedMetadata, /) -> None: ...
