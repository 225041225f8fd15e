"""Build video files for tests, and serve large ones whose frames are only zeros."""

from __future__ import annotations

import struct
from typing import Any

from exifinator.models import ImageRef, RangeRead
from tests.unit.readers import MODIFIED


class SparseReader:
    """Serves one object of any size: the given pieces at their offsets, and zeros elsewhere."""

    def __init__(self, pieces: dict[int, bytes], total_bytes: int) -> None:
        self.pieces = pieces
        self.total_bytes = total_bytes
        self.ranges: list[tuple[int, int]] = []

    @property
    def bytes_read(self) -> int:
        return sum(end - start for start, end in self.ranges)

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        assert 0 <= start < self.total_bytes
        end = min(start + length, self.total_bytes)
        self.ranges.append((start, end))
        data = bytearray(end - start)
        for offset, piece in self.pieces.items():
            first, last = max(start, offset), min(end, offset + len(piece))
            if first < last:
                data[first - start : last - start] = piece[first - offset : last - offset]
        return RangeRead(start, bytes(data), self.total_bytes, "now", MODIFIED)


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a RIFF file."""
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def riff_list(kind: bytes, *chunks: bytes) -> bytes:
    """Return a LIST of chunks."""
    return chunk(b"LIST", kind + b"".join(chunks))


def avi_stream(kind: bytes, codec: bytes, scale: int, rate: int, length: int, layout: bytes, *more: bytes) -> bytes:
    """Return the list with the headers of a stream."""
    header = kind + codec + struct.pack("<10I", 0, 0, 0, scale, rate, 0, length, 0, 10000, 0) + bytes(8)
    return riff_list(b"strl", chunk(b"strh", header), chunk(b"strf", layout), *more)


def avi_headers(*more: bytes, stream_chunks: tuple[bytes, ...] = ()) -> bytes:
    """Return the list hdrl of a file with 250 frames of 640 by 480 pixels, 25 per second, and with sound."""
    main = struct.pack("<14I", 40_000, 500_000, 0, 16, 250, 0, 2, 0, 640, 480, 0, 0, 0, 0)
    picture = struct.pack("<IiiHH4s5I", 40, 640, -480, 1, 24, b"MJPG", 921_600, 0, 0, 0, 0)
    sound = struct.pack("<HHIIHH", 1, 2, 44_100, 176_400, 4, 16)
    video = avi_stream(b"vids", b"mjpg", 1, 25, 250, picture, *stream_chunks)
    return riff_list(
        b"hdrl", chunk(b"avih", main), video, avi_stream(b"auds", bytes(4), 1, 44_100, 441_000, sound), *more
    )


def avi(*chunks: bytes, headers: bytes | None = None) -> bytes:
    """Return an AVI file with the headers, and the given chunks after them."""
    body = (avi_headers() if headers is None else headers) + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"AVI " + body


def values_of(document: dict[str, Any], *names: str) -> list[Any]:
    """Return the values of tags; those with a single number as the number."""
    values = [document[name]["values"] if name in document else None for name in names]
    return [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]
