"""Split and build boxes. Source: ISO/IEC 14496-12, 4.2."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Limit on the number of consecutive boxes.
MAX_BOXES = 2000
# Limits for find_last_boxes: on the offsets that are tried, and on the boxes that are followed from each offset.
MAX_CANDIDATES, MAX_LAST_BOXES = 200, 50


def split_box_header(head: bytes, limit_bytes: int) -> tuple[bytes, int, int] | None:
    """Return the kind of a box, the length of its header, and its size, in bytes. Return None for an invalid header.

    Args:
        head: The first bytes of the box: at least 16, or fewer at the end of the data.
        limit_bytes: The number of bytes up to the end of the surrounding box. A box of size 0 extends to that end.
    """
    if len(head) < 8:
        return None
    size, kind, body = int.from_bytes(head[:4], "big"), head[4:8], 8
    if size == 1:
        if len(head) < 16:
            return None
        size, body = int.from_bytes(head[8:16], "big"), 16
    elif size == 0:
        size = limit_bytes
    return (kind, body, size) if size >= body else None


def boxes_in(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the body of consecutive boxes in `data`, up to the first invalid box."""
    end = len(data) if end is None else min(end, len(data))
    for _ in range(MAX_BOXES):
        parts = split_box_header(data[start : min(start + 16, end)], end - start)
        if parts is None:
            return
        kind, body, size = parts
        yield kind, data[start + body : min(start + size, end)]
        start += size


def find_box(data: bytes, *path: bytes) -> bytes | None:
    """Return the body of the first box on a path of nested boxes; None if there is none."""
    for name in path:
        body = next((body for kind, body in boxes_in(data) if kind == name), None)
        if body is None:
            return None
        data = body
    return data


def find_last_boxes(data: bytes, kinds: frozenset[bytes]) -> int | None:
    """Return the offset of the first box of these kinds after which valid boxes extend to the end of `data`.

    The data may begin in the middle of a box. Tracks are not accepted among the boxes, because the number of a track
    would be unknown.
    """
    starts = sorted(match.start() - 4 for kind in kinds for match in re.finditer(re.escape(kind), data))
    return next((start for start in starts[:MAX_CANDIDATES] if start >= 0 and _extends_to_end(data, start)), None)


def _extends_to_end(data: bytes, start: int) -> bool:
    for _ in range(MAX_LAST_BOXES):
        parts = split_box_header(data[start : start + 16], len(data) - start)
        if parts is None or parts[0] == b"trak" or min(parts[0]) < 32:
            return False
        start += parts[2]
        if start >= len(data):
            return start == len(data)
    return False


def make_box(kind: bytes, body: bytes) -> bytes:
    """Return a box. `body` is shorter than 4 GiB."""
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def uint(data: bytes, offset: int, length: int) -> int:
    """Return the unsigned integer at an offset; 0 if the data ends before it."""
    return int.from_bytes(data[offset : offset + length], "big") if offset + length <= len(data) else 0


def fixed(data: bytes, offset: int, fraction_bits: int = 16) -> float:
    """Return the signed 32-bit fixed-point number at an offset; 0 if the data ends before it."""
    if offset + 4 > len(data):
        return 0.0
    return int.from_bytes(data[offset : offset + 4], "big", signed=True) / (1 << fraction_bits)


def four_characters(data: bytes, offset: int) -> str:
    """Return the four-character code at an offset."""
    return data[offset : offset + 4].decode("latin-1")
