"""Decode MakerNotes, the directories and structures in which cameras keep what EXIF has no tags for."""

from exifinator.metadata.makernotes.directory_check import MAX_ENTRIES, find_directory, is_directory
from exifinator.metadata.makernotes.decoder import NoteDecoder

__all__ = ["NoteDecoder", "MAX_ENTRIES", "find_directory", "is_directory"]
