"""What is held of a file so far, and what its container reader asks for next."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Protocol

from exifinator.records import Block, Status


class MissingBytes(Exception):
    """A reader needs bytes that are not held yet; what it asked for stands in Window.asked."""


class DamagedFile(Exception):
    """The container breaks its own rules here; the message is a sentence for the record's `problem`."""


class Window:
    """The bytes of a file that are held, at their offsets, as ranged reads bring them in.

    total_bytes: size of the file.
    horizon: offset (bytes) behind which the reader wants nothing any more; it draws it nearer when it knows.
    closed: no further read will come; what is not held counts as damage from then on.
    """

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self.horizon = total_bytes
        self.closed = False
        self.held_bytes = 0
        self.asked: list[tuple[int, int]] = []
        self._starts: list[int] = []
        self._pieces: list[bytes] = []

    def add(self, start: int, data: bytes) -> None:
        """Hold `data`, which lies at `start` (bytes); what overlaps or touches becomes one piece."""
        if not data:
            return
        starts: list[int] = []
        pieces: list[bytes] = []
        for at, piece in zip(self._starts, self._pieces, strict=True):
            if at + len(piece) < start or at > start + len(data):
                starts.append(at)
                pieces.append(piece)
                continue
            head = piece[: start - at] if at < start else b""
            tail = piece[start + len(data) - at :] if at + len(piece) > start + len(data) else b""
            start, data = min(start, at), head + data + tail
        at = bisect_right(starts, start)
        starts.insert(at, start)
        pieces.insert(at, data)
        self._starts, self._pieces = starts, pieces
        self.held_bytes = sum(map(len, pieces))

    def read(self, start: int, length: int, ahead: int = 0) -> bytes:
        """The bytes from `start`; fewer than `length` only where the file ends.

        ahead: how many bytes more to ask for where these have to be fetched, for they will be wanted next.
        Raises: MissingBytes.
        """
        end = min(start + length, self.total_bytes)
        if start >= end:
            return b""
        index = bisect_right(self._starts, start) - 1
        if index >= 0:
            at = self._starts[index]
            piece = self._pieces[index]
            if end <= at + len(piece):
                return piece[start - at : end - at]
        if self.closed:
            raise DamagedFile(f"its metadata is scattered too far: what lies at byte {start} was not read")
        self.asked.append((start, min(end + ahead, self.total_bytes)))
        raise MissingBytes

    def exact(self, start: int, length: int, ahead: int = 0) -> bytes:
        """The bytes from `start`, exactly `length` of them.

        Raises: MissingBytes; DamagedFile where the file ends before.
        """
        data = self.read(start, length, ahead)
        if len(data) < length:
            raise DamagedFile(f"the file ends at byte {self.total_bytes}, inside its metadata")
        return data

    def has(self, start: int, length: int) -> bool:
        """Whether these bytes are held; what is not is asked for, and the reader goes on meanwhile."""
        try:
            self.read(start, length)
        except (MissingBytes, DamagedFile):
            return False
        return True

    def holds(self, start: int, length: int) -> bool:
        """Whether these bytes are held; nothing is asked for."""
        end = min(start + length, self.total_bytes)
        index = bisect_right(self._starts, start) - 1
        return index >= 0 and end <= self._starts[index] + len(self._pieces[index])

    def missing(self) -> list[tuple[int, int]]:
        """The (start, end) ranges, sorted and apart, that were asked for and are not held; asking starts anew."""
        holes: list[tuple[int, int]] = []
        for start, end in sorted(self.asked):
            for at, piece in zip(self._starts, self._pieces, strict=True):
                if at <= start < at + len(piece):
                    start = at + len(piece)
                elif start < at < end:
                    holes.append((start, at))
                    start = at + len(piece)
            if start < end:
                holes.append((start, end))
        self.asked = []
        return merge_ranges(holes)


def merge_ranges(ranges: list[tuple[int, int]], gap: int = 0) -> list[tuple[int, int]]:
    """Sorted (start, end) ranges in which those that overlap, or lie at most `gap` bytes apart, are one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1] + gap:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


@dataclass(slots=True)
class Found:
    """What a reader found so far; it stays when the file turns out to be damaged further on.

    width_pixels, height_pixels: as stored; as shown where `turned` says that the container turns the picture itself.
    """

    format: str
    blocks: list[Block] = field(default_factory=list)
    status: Status = "ok"
    problem: str | None = None
    width_pixels: int | None = None
    height_pixels: int | None = None
    turned: bool = False

    def add(self, kind: str, data: bytes) -> None:
        if data:
            self.blocks.append(Block(kind, {0: data}))


class ContainerReader(Protocol):
    """Fills `found` from what `file` holds. It is called again, from the start, with more bytes when it asked for some.

    Raises: MissingBytes, DamagedFile.
    """

    def __call__(self, file: Window, found: Found, /) -> None: ...
