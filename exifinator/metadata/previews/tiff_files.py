"""Find the JPEGs embedded in TIFF files, and in RAW formats based on TIFF.

Sources: TIFF 6.0, sections 2 and 22; DNG 1.7 (previews in SubIFDs); the tables Olympus::CameraSettings,
PanasonicRaw::Main and Exif::Main of `exiftool -listx`.
"""

from __future__ import annotations

import struct

from exifinator.metadata import tiff_spec
from exifinator.metadata.containers.range_buffer import RangeBuffer

COMPRESSION, STRIP_OFFSETS, STRIP_LENGTHS, JPEG_TABLES = 0x0103, 0x0111, 0x0117, 0x015B
JPEG_COMPRESSIONS = frozenset({6, 7, 99})
PANASONIC_JPEG = 0x002E
OLYMPUS_SETTINGS, OLYMPUS_START, OLYMPUS_LENGTH = 0x2020, 0x0101, 0x0102
# Start of an Olympus MakerNote -> offset of its directory. Its offsets count from the start of the note, too.
OLYMPUS_NOTES = {b"OLYMPUS\0": 12, b"OM SYSTEM\0": 16}
READ_AHEAD_BYTES = 16 * 1024

Ranges = list[tuple[int, int]]
Entries = dict[int, tuple[int, int, int]]


class _Directories:
    """Reads the directories of a TIFF structure. An unreadable directory counts as empty."""

    def __init__(self, file: RangeBuffer, order: str) -> None:
        self.file = file
        self.entry = struct.Struct(order + "HHI4s")
        self.long = struct.Struct(order + "I")
        self.short = struct.Struct(order + "H")
        self.visited: set[int] = set()

    def read(self, offset: int) -> tuple[Entries, int]:
        """Return the entries of a directory, and the offset of the next one; 0 if there is none.

        Returns:
            By tag: the field type, the number of values, and the value if it fits into four bytes, else its offset.
        """
        entries: Entries = {}
        if offset in self.visited or len(self.visited) >= tiff_spec.MAX_DIRECTORIES:
            return entries, 0
        self.visited.add(offset)
        head = self.file.read(offset, 2, READ_AHEAD_BYTES)
        if offset < 8 or len(head) < 2:
            return entries, 0
        count = self.short.unpack(head)[0]
        if count > tiff_spec.MAX_ENTRIES:
            return entries, 0
        body = self.file.read(offset + 2, 12 * count + 4, READ_AHEAD_BYTES)
        for at in range(0, min(12 * count, len(body) // 12 * 12), 12):
            tag, field_type, n_values, inline = self.entry.unpack_from(body, at)
            is_short = field_type == 3 and n_values == 1
            value = self.short.unpack_from(inline)[0] if is_short else self.long.unpack(inline)[0]
            entries.setdefault(tag, (field_type, n_values, value))
        end = body[12 * count : 12 * count + 4]
        return entries, self.long.unpack(end)[0] if len(end) == 4 else 0

    def sub_directories(self, entries: Entries) -> list[int]:
        """Return the offsets in the tag SubIFDs."""
        field_type, count, value = entries.get(tiff_spec.SUB_IFDS, (0, 0, 0))
        if tiff_spec.TYPE_BYTES.get(field_type) != 4 or not count:
            return []
        if count == 1:
            return [value]
        body = self.file.read(value, 4 * min(count, tiff_spec.MAX_SUB_IFDS))
        return [pointer for (pointer,) in self.long.iter_unpack(body[: len(body) // 4 * 4])]


def find_in_tiff(file: RangeBuffer) -> Ranges:
    """Return the ranges of a TIFF file that may be embedded JPEGs, as (start, length) in bytes.

    Raises:
        MissingBytes: More bytes are needed.
    """
    header = file.read(0, 16)
    order = tiff_spec.byte_order(header)
    if not order or len(header) < 8:
        return []
    directories = _Directories(file, order)
    ranges: Ranges = []
    pending = [(directories.long.unpack_from(header, 4)[0], 0)]
    for _ in range(tiff_spec.MAX_DIRECTORIES):
        if not pending:
            break
        offset, depth = pending.pop(0)
        entries, following = directories.read(offset)
        ranges += _jpegs_of(entries)
        if following and depth == 0:
            pending.append((following, 0))
        if depth < 2:
            pending += [(pointer, depth + 1) for pointer in directories.sub_directories(entries)]
        if tiff_spec.EXIF_IFD in entries:
            exif, _ = directories.read(entries[tiff_spec.EXIF_IFD][2])
            ranges += _olympus_preview(directories, exif)
    return ranges


def _jpegs_of(entries: Entries) -> Ranges:
    """Return the ranges of a directory's JPEGs: a thumbnail, a picture in one strip, or Panasonic's preview."""

    def value(tag: int) -> int:
        return entries[tag][2] if tag in entries and entries[tag][1] == 1 else 0

    ranges = [(value(tiff_spec.THUMBNAIL_OFFSET), value(tiff_spec.THUMBNAIL_LENGTH))]
    # With JPEG_TABLES, the strip is not a JPEG by itself.
    if value(COMPRESSION) in JPEG_COMPRESSIONS and JPEG_TABLES not in entries:
        ranges.append((value(STRIP_OFFSETS), value(STRIP_LENGTHS)))
    if PANASONIC_JPEG in entries:
        _, length, start = entries[PANASONIC_JPEG]
        ranges.append((start, length))
    return [(start, length) for start, length in ranges if start and length]


def _olympus_preview(directories: _Directories, exif: Entries) -> Ranges:
    """Return the range of the preview of an Olympus file, which only the MakerNote names."""
    _, length, note = exif.get(tiff_spec.MAKER_NOTE, (0, 0, 0))
    if length < 32:
        return []
    head = directories.file.read(note, 16)
    directory = next((at for start, at in OLYMPUS_NOTES.items() if head.startswith(start)), 0)
    if not directory:
        return []
    entries, _ = directories.read(note + directory)
    if OLYMPUS_SETTINGS not in entries:
        return []
    settings, _ = directories.read(note + entries[OLYMPUS_SETTINGS][2])
    if OLYMPUS_START not in settings or OLYMPUS_LENGTH not in settings:
        return []
    return [(note + settings[OLYMPUS_START][2], settings[OLYMPUS_LENGTH][2])]
