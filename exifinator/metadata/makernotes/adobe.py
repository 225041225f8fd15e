"""Find the MakerNote that Adobe's DNG converter moves into DNGPrivateData. Source: DNG 1.7, Adobe's private data."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from exifinator.metadata import tiff_spec

HEADER = b"Adobe\0"
MAX_BLOCKS = 32


class MovedNote(NamedTuple):
    """A note that was moved. The offsets in it still refer to the original file.

    Attributes:
        read: Function (offset, length) that returns bytes of the note. The offset refers to the original file.
        offset: Offset of the note in the original file, in bytes.
        length: Length of the note in bytes.
        order: Byte order of the original file, "<" or ">".
    """

    read: Callable[[int, int], bytes]
    offset: int
    length: int
    order: str


def _read(note: bytes, offset: int, start: int, length: int) -> bytes:
    """Return up to `length` bytes of a note.

    Args:
        note: The note.
        offset: Offset of the note in the original file.
        start: Offset of the requested bytes in the original file.
        length: The number of bytes.
    """
    start -= offset
    return note[start : start + length] if start >= 0 else b""


def find_adobe_note(data: bytes) -> MovedNote | None:
    """Return the note in a DNG's private data; None if there is none.

    The data is a list of blocks. A block consists of a name (four letters), the length of its contents (32 bits,
    big-endian), and the contents, padded to an even length. The contents of a block with a note are the byte order (II
    or MM), the note's offset in the original file (32 bits, big-endian) and the note.

    Args:
        data: The value of DNGPrivateData.
    """
    if not data.startswith(HEADER):
        return None
    position = len(HEADER)
    for _ in range(MAX_BLOCKS):
        if position + 8 > len(data):
            return None
        name, length = struct.unpack_from(">4sI", data, position)
        block = data[position + 8 : position + 8 + length]
        if name == b"MakN" and len(block) > 6:
            note = block[6:]
            offset = int.from_bytes(block[2:6], "big")
            return MovedNote(partial(_read, note, offset), offset, len(note), tiff_spec.byte_order(block) or "<")
        position += 8 + length + length % 2
    return None
