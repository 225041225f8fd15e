"""Decode MakerNotes: directories and structures in which cameras store values for which EXIF has no tags.

In this package, a note is a MakerNote, a structure is a block of bytes with several fields that is not a directory, and
a table describes the tags of a directory or the fields of a structure. The label of a value is its name, such as "Auto"
for 0. The print form of a value is its text if it has no label, such as "1/60" for 0.0167.
"""

from exifinator.metadata.makernotes.adobe import find_adobe_note
from exifinator.metadata.makernotes.decoder import NoteDecoder
from exifinator.metadata.makernotes.directory_check import MAX_ENTRIES, find_directory, is_directory
from exifinator.metadata.makernotes.google import HEAD as GOOGLE_HEAD
from exifinator.metadata.makernotes.google import decode_google_note, find_google_note
from exifinator.metadata.makernotes.headers import PENTAX_HEADS
from exifinator.metadata.makernotes.structure_blocks import decode_structure

__all__ = [
    "GOOGLE_HEAD",
    "MAX_ENTRIES",
    "PENTAX_HEADS",
    "NoteDecoder",
    "decode_google_note",
    "decode_structure",
    "find_adobe_note",
    "find_directory",
    "find_google_note",
    "is_directory",
]
