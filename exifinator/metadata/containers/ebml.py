"""Split EBML, the structure of Matroska files, into elements. Source: RFC 8794."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

MAX_ELEMENTS = 500


class Element(NamedTuple):
    """An element: its id, and the start and end of its body in bytes. `end` is None if the length is not stored."""

    id: int
    start: int
    end: int | None


def read_header(data: bytes, offset: int, base: int = 0) -> Element | None:
    """Return the element at an offset of `data`; None if there is no valid header.

    Args:
        data: Bytes of the file.
        offset: Offset of the element in `data`.
        base: Offset of `data` in the file, which is added to the offsets of the result.
    """
    if offset >= len(data) or not data[offset]:
        return None
    id_bytes = 9 - data[offset].bit_length()
    at = offset + id_bytes
    if id_bytes > 4 or at >= len(data) or not data[at]:
        return None
    size_bytes = 9 - data[at].bit_length()
    if at + size_bytes > len(data):
        return None
    limit = 1 << 7 * size_bytes
    size = int.from_bytes(data[at : at + size_bytes], "big") & (limit - 1)
    start = base + at + size_bytes
    return Element(int.from_bytes(data[offset:at], "big"), start, None if size == limit - 1 else start + size)


def split_elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the id and the body of each element in `data`. The last body may be truncated."""
    offset = 0
    for _ in range(MAX_ELEMENTS):
        element = read_header(data, offset)
        if element is None:
            return
        end = len(data) if element.end is None else element.end
        yield element.id, data[element.start : end]
        offset = end
