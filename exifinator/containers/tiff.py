"""TIFF and the RAW formats that are TIFF: a walk over the directories. Source: TIFF 6.0, section 2."""

from __future__ import annotations

import struct

from exifinator import tiff
from exifinator.containers.raw import read_embedded_jpeg
from exifinator.containers.window import DamagedFile, Found, MissingBytes, Window, merge_ranges
from exifinator.records import Block

# A directory that has to be fetched mostly has its values, and further directories, around it.
AHEAD_BYTES = 16 * 1024

WIDTH, HEIGHT, COMPRESSION, PHOTOMETRIC, MAKE, DNG_VERSION = 0x0100, 0x0101, 0x0103, 0x0106, 0x010F, 0xC612
PANASONIC_JPEG = 0x002E
# What only a sensor's data has: a colour filter array, linear raw, the compressions of NEF, ARW, SRW and PEF.
RAW_PHOTOMETRICS = frozenset({32803, 34892})
RAW_COMPRESSIONS = frozenset({34713, 32767, 32770, 32772, 65535})
RAW_OF_MAKER = (
    (b"NIKON", "nef"),
    (b"SONY", "arw"),
    (b"PENTAX", "pef"),
    (b"RICOH", "pef"),
    (b"SAMSUNG", "srw"),
    (b"Hasselblad", "3fr"),
    (b"SEIKO EPSON", "erf"),
    (b"Canon", "cr2"),
)


class _Directories:
    """The directories of a TIFF file: what to read of them, and what they say about its kind."""

    def __init__(self, file: Window, header: bytes, order: str) -> None:
        self.file = file
        self.entry = struct.Struct(order + "HHI4s")
        self.long = struct.Struct(order + "I")
        self.short = struct.Struct(order + "H")
        self.ranges: list[tuple[int, int]] = [(0, len(header))]
        self.seen: set[int] = set()
        self.waiting = False
        self.damage: str | None = None
        self.make = b""
        self.is_raw = self.is_dng = False
        self.sides: dict[int, int] = {}
        self.jpeg_at = 0

    def take(self, start: int, length: int, ahead: int = 0) -> bytes:
        """The bytes of the file from `start`; fewer where it ends, none while they are on their way."""
        try:
            data = self.file.read(start, length, ahead)
        except MissingBytes:
            self.waiting = True
            return b""
        except DamagedFile as damage:
            self.damage = str(damage)
            return b""
        if data:
            self.ranges.append((start, start + len(data)))
        return data

    def walk(self, start: int, depth: int = 0, chain: int = 1) -> None:
        """Take the directory at `start`, its values, its sub-directories and, `chain` - 1 times, the one behind it."""
        while start and chain and start not in self.seen and len(self.seen) < tiff.MAX_DIRECTORIES:
            self.seen.add(start)
            head = self.take(start, 2, AHEAD_BYTES)
            if len(head) < 2:
                if not self.waiting:
                    self.damage = self.damage or f"one of its directories should lie at byte {start}, past its end"
                return
            count = self.short.unpack(head)[0]
            if count > tiff.MAX_ENTRIES:
                self.damage = f"the directory at byte {start} says that it has {count} entries"
                return
            table = self.take(start + 2, 12 * count + 4, AHEAD_BYTES)
            self._entries(table[: min(len(table) // 12, count) * 12], depth)
            if len(table) < 12 * count + 4:
                if len(table) < 12 * count and not self.waiting:
                    self.damage = f"the file ends at byte {self.file.total_bytes}, inside its metadata"
                return
            start = self.long.unpack_from(table, 12 * count)[0]
            chain -= 1

    def _entries(self, table: bytes, depth: int) -> None:
        thumbnail: dict[int, int] = {}
        for tag, field_type, count, inline in self.entry.iter_unpack(table):
            length = tiff.TYPE_BYTES.get(field_type, 0) * count
            pointer = self.long.unpack(inline)[0]
            value = inline
            if length > 4:
                if tag == PANASONIC_JPEG:
                    self.jpeg_at = pointer
                if tag != tiff.MAKER_NOTE and length > tiff.value_limit(tag, field_type):
                    continue
                # Of a maker's note the directory comes first; what fills it up are previews.
                value = self.take(pointer, min(length, tiff.MAX_NOTE_BYTES) if tag == tiff.MAKER_NOTE else length)
            if tag in (tiff.EXIF_IFD, tiff.GPS_IFD, tiff.INTEROP_IFD):
                if count == 1 and depth < 3:
                    self.walk(pointer, depth + 1)
            elif tag == tiff.SUB_IFDS:
                if depth < 1 and tiff.TYPE_BYTES.get(field_type) == 4:
                    pointers = value[: 4 * min(count, tiff.MAX_SUB_IFDS, len(value) // 4)]
                    for (pointer,) in self.long.iter_unpack(pointers):
                        self.walk(pointer, depth + 1)
            elif tag in (tiff.THUMBNAIL_OFFSET, tiff.THUMBNAIL_LENGTH):
                thumbnail[tag] = pointer
            elif tag == MAKE:
                self.make = self.make or value
            elif tag in (WIDTH, HEIGHT) and count == 1:
                self.sides.setdefault(tag, pointer if field_type == 4 else self.short.unpack_from(inline)[0])
            elif tag == DNG_VERSION:
                self.is_dng = True
            elif tag == COMPRESSION:
                self.is_raw = self.is_raw or self.short.unpack_from(inline)[0] in RAW_COMPRESSIONS
            elif tag == PHOTOMETRIC:
                self.is_raw = self.is_raw or self.short.unpack_from(inline)[0] in RAW_PHOTOMETRICS
        length = thumbnail.get(tiff.THUMBNAIL_LENGTH, 0)
        if tiff.THUMBNAIL_OFFSET in thumbnail and length <= tiff.MAX_THUMBNAIL_BYTES:
            self.take(thumbnail[tiff.THUMBNAIL_OFFSET], length)

    def extents(self) -> dict[int, bytes]:
        """What was taken of the file, by offset (bytes)."""
        return {start: self.file.read(start, end - start) for start, end in merge_ranges(self.ranges)}


def _name_format(header: bytes, directories: _Directories) -> str:
    if directories.is_dng:
        return "dng"
    if header[8:10] == b"CR":
        return "cr2"
    if header[:4] in (b"IIRO", b"IIRS", b"MMOR"):
        return "orf"
    if header[:4] == b"IIU\0":
        return "rw2"
    if header[:4] == b"II\xbc\1":
        return "jxr"
    if header[8:12] in (b"IIII", b"MMMM"):
        return "iiq"
    if directories.is_raw:
        return next((name for make, name in RAW_OF_MAKER if directories.make.startswith(make)), "raw")
    return "tiff"


def read_tiff(file: Window, found: Found) -> None:
    """The directories of a TIFF file with their values, without the picture."""
    found.format = "tiff"
    header = file.exact(0, 16)
    directories = _Directories(file, header, tiff.byte_order(header))
    directories.walk(directories.long.unpack_from(header, 4)[0], chain=tiff.MAX_CHAIN)
    found.format = _name_format(header, directories)
    if found.format == "tiff":
        # In RAW files the first picture is a preview.
        found.width_pixels = directories.sides.get(WIDTH)
        found.height_pixels = directories.sides.get(HEIGHT)
    if directories.jpeg_at and found.format == "rw2":
        # Panasonic leaves half of the EXIF to the preview; asked for together with what is missing.
        preview = Found(found.format)
        try:
            read_embedded_jpeg(file, preview, directories.jpeg_at)
        except MissingBytes:
            directories.waiting = True
        except DamagedFile as damage:
            directories.damage = directories.damage or str(damage)
        found.blocks += preview.blocks
    if directories.waiting:
        raise MissingBytes
    found.blocks.insert(0, Block("exif", directories.extents()))
    if directories.damage:
        raise DamagedFile(directories.damage)


def read_big_tiff(_file: Window, found: Found) -> None:
    """A TIFF with offsets of 64 bits is named, not read: exifread knows none."""
    found.format, found.status = "bigtiff", "unsupported"
    found.problem = "the file is a BigTIFF, whose offsets of 64 bits exifread does not read"
