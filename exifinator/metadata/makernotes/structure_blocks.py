"""Decode makers' structures that are not in the MakerNote, but in another part of the container."""

from __future__ import annotations

from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.makernotes import structures
from exifinator.metadata.makernotes.decoder import MAX_STRUCTURE_BYTES, NoteDecoder
from exifinator.metadata.makernotes.tables import get_table
from exifinator.metadata.tag_values import Tag


def decode_structure(name: str, data: bytes, budget: MemoryBudget, make: str, model: str) -> dict[str, Tag]:
    """Return the tags of a structure by their names. Return none if there is no table for the structure.

    Args:
        name: The name of the structure's table, such as "GoPro::GPMF".
        data: The structure.
        budget: Limit on the memory that the decoded values take.
        make: The camera's make.
        model: The camera's model.
    """
    table = get_table(name)
    if table is None:
        return {}
    decoder = NoteDecoder(lambda _offset, _length: b"", budget, make, model)
    # FLIR's structure begins with the 16-bit number 2, which shows its byte order. The other structures are big-endian.
    order = "<" if data[:2] == b"\2\0" else ">"
    decoder.add(structures.read_structure(table, data[:MAX_STRUCTURE_BYTES], order, decoder))
    return decoder.tags
