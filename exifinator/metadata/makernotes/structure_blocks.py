"""Decode the structures that containers hold outside the MakerNote."""

from __future__ import annotations

from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.makernotes import structures
from exifinator.metadata.makernotes.decoder import MAX_STRUCTURE_BYTES, NoteDecoder
from exifinator.metadata.makernotes.tables import get_table
from exifinator.metadata.tag_values import Tag


def decode_structure(name: str, data: bytes, budget: MemoryBudget, make: str, model: str) -> dict[str, Tag]:
    """Return the tags of a structure that a container holds outside the MakerNote.

    Args:
        name: The name of its table.
        data: Its bytes.
        budget: Limit on the memory that the decoded values take.
        make, model: The camera.
    """
    table = get_table(name)
    if table is None:
        return {}
    decoder = NoteDecoder(lambda _offset, _length: b"", budget, make, model)
    # FLIR's structure begins with the number 2, in its byte order. The others are big-endian.
    order = "<" if data[:2] == b"\2\0" else ">"
    decoder.add(structures.read_structure(table, data[:MAX_STRUCTURE_BYTES], order, decoder))
    return decoder.tags
