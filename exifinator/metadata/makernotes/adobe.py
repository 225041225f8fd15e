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
    """A note that is not where its offsets assume.

    Attributes:
        read: Returns the bytes at (offset, length), by the offsets of the original file.
        offset: Offset of the note in the original file, in bytes.
        length: Length of the note in bytes.
        order: Byte order of the original file.
    """

    read: Callable[[int, int], bytes]
    offset: int
    length: int
    order: str


def _read(note: bytes, offset: int, start: int, length: int) -> bytes:
    """Return bytes of a note by their offset in the original file, where the note was at `offset`."""
    start -= offset
    return note[start : start + length] if start >= 0 else b""


def find_adobe_note(data: bytes) -> MovedNote | None:
    """Return the note in a DNG's private data; None if there is none.

    The data is a list of blocks: a name of four letters, a length (big-endian), and contents padded to an even length.
    The contents of a note are its byte order, its original offset (big-endian) and its bytes.
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
