"""Decode MakerNotes, the directories and structures in which cameras keep what EXIF has no tags for."""

from exifinator.metadata.makernotes.adobe import find_adobe_note
from exifinator.metadata.makernotes.decoder import NoteDecoder
from exifinator.metadata.makernotes.directory_check import MAX_ENTRIES, find_directory, is_directory
from exifinator.metadata.makernotes.structure_blocks import decode_structure

__all__ = ["MAX_ENTRIES", "NoteDecoder", "decode_structure", "find_adobe_note", "find_directory", "is_directory"]
