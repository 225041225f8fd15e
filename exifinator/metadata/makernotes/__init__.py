"""Decode MakerNotes: directories and structures in which cameras store what EXIF has no tags for.

In this package, a note is a MakerNote, a structure is a block of bytes with several fields that is not a directory, and
a table describes the tags of a directory or the fields of a structure.
"""

from exifinator.metadata.makernotes.adobe import find_adobe_note
from exifinator.metadata.makernotes.decoder import NoteDecoder
from exifinator.metadata.makernotes.directory_check import MAX_ENTRIES, find_directory, is_directory
from exifinator.metadata.makernotes.headers import PENTAX_HEADS
from exifinator.metadata.makernotes.structure_blocks import decode_structure

__all__ = [
    "MAX_ENTRIES",
    "PENTAX_HEADS",
    "NoteDecoder",
    "decode_structure",
    "find_adobe_note",
    "find_directory",
    "is_directory",
]
