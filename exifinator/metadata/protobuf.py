"""Read messages of Protocol Buffers without their definition. Source: Protocol Buffers, "Encoding" (protobuf.dev)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# Bytes that are truncated. This is not a type of Protocol Buffers.
CUT = 3
MAX_FIELDS = 2000
MAX_VARINT_BYTES = 10


def fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Yield number, wire type and value of the fields of a message; none if the bytes are not a message."""
    result: list[tuple[int, int, Any]] = []
    offset = 0
    while offset < len(data) and len(result) < MAX_FIELDS:
        key, offset = varint(data, offset)
        kind = key & 7
        value: Any = None
        if kind == VARINT:
            value, offset = varint(data, offset)
        elif kind == BYTES:
            length, offset = varint(data, offset)
            value, offset = data[offset : offset + length], offset + length
        elif kind in (FIXED32, FIXED64):
            length = 4 if kind == FIXED32 else 8
            value, offset = data[offset : offset + length], offset + length
        else:
            return
        if kind == BYTES and offset > len(data) >= offset - length:
            # The data ends inside a message, whose first fields are complete.
            kind = CUT
        elif not key >> 3 or offset > len(data):
            break
        result.append((key >> 3, kind, value))
    yield from result


def varint(data: bytes, offset: int) -> tuple[int, int]:
    """Return a number in base 128, and the offset after it. If the number is truncated, the offset is past the data."""
    number = 0
    for index in range(MAX_VARINT_BYTES):
        if offset + index >= len(data):
            break
        byte = data[offset + index]
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, offset + index + 1
    return 0, len(data) + 1
