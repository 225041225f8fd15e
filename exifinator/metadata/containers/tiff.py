"""Locate the metadata in TIFF files, and in RAW formats based on TIFF. Source: TIFF 6.0, section 2."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from exifinator.metadata import tiff_spec
from exifinator.metadata.containers.icc import READ_BYTES as PROFILE_BYTES
from exifinator.metadata.containers.range_buffer import (
    MAX_FILE_BYTES,
    DamagedFile,
    LocatedMetadata,
    MissingBytes,
    RangeBuffer,
    merge_ranges,
)
from exifinator.metadata.containers.raw import read_embedded_jpeg
from exifinator.models import Block

# How far to read past a directory: its values, and further directories, are usually close by.
READ_AHEAD_BYTES = 16 * 1024

WIDTH, HEIGHT, COMPRESSION, PHOTOMETRIC, MAKE, DNG_VERSION = 0x0100, 0x0101, 0x0103, 0x0106, 0x010F, 0xC612
NEW_SUBFILE_TYPE, SUBFILE_TYPE, ICC_PROFILE = 0x00FE, 0x00FF, 0x8773
PANASONIC_JPEG = 0x002E
# Tags with the edges of the picture on the sensor: top, left, bottom, right.
PANASONIC_EDGES = (0x0004, 0x0005, 0x0006, 0x0007)
PAGE_TAGS = frozenset({WIDTH, HEIGHT, NEW_SUBFILE_TYPE, SUBFILE_TYPE})
# Tags whose values are read in part if they are long.
PARTLY_READ = frozenset({tiff_spec.MAKER_NOTE, tiff_spec.DNG_PRIVATE, ICC_PROFILE})
# Values of the tags PhotometricInterpretation and Compression that occur only in directories of raw sensor data: the
# interpretations CFA (colour filter array) and LinearRaw, and the compressions of NEF, ARW, SRW and PEF.
RAW_PHOTOMETRICS = frozenset({32803, 34892})
RAW_COMPRESSIONS = frozenset({34713, 32767, 32770, 32772, 65535})
# (start of the Make tag, format). For RAW files that _detect_format does not recognize by their first bytes.
RAW_FORMATS = (
    (b"NIKON", "nef"),
    (b"SONY", "arw"),
    (b"PENTAX", "pef"),
    (b"RICOH", "pef"),
    (b"SAMSUNG", "srw"),
    (b"Hasselblad", "3fr"),
    (b"SEIKO EPSON", "erf"),
    (b"Canon", "cr2"),
)


@dataclass(slots=True)
class Page:
    """The picture of a directory.

    Attributes:
        is_secondary: Whether the picture is a reduced copy or a mask of another one.
    """

    width_pixels: int = 0
    height_pixels: int = 0
    is_secondary: bool = False

    def set(self, tag: int, value: int) -> None:
        """Set the attribute that `tag`, one of PAGE_TAGS, specifies."""
        if tag == WIDTH:
            self.width_pixels = value
        elif tag == HEIGHT:
            self.height_pixels = value
        else:
            # NewSubfileType has bit 0 for a reduced copy and bit 2 for a mask. SubfileType has the value 2 for a
            # reduced copy.
            self.is_secondary = self.is_secondary or bool(value & 5 if tag == NEW_SUBFILE_TYPE else value == 2)


def set_size(pages: list[Page], metadata: LocatedMetadata) -> None:
    """Set the size of a TIFF file to the size of its first page that is not secondary, or else of its first page."""
    sized = [page for page in pages if page.width_pixels and page.height_pixels]
    page = next((page for page in sized if not page.is_secondary), sized[0] if sized else None)
    if page is not None:
        metadata.width_pixels, metadata.height_pixels = page.width_pixels, page.height_pixels


@dataclass(slots=True)
class _FileProperties:
    """Values in the directories that identify the format, or belong to the container.

    Attributes:
        make: The value of the first Make tag; b"" if there is none.
        is_raw: Whether a directory describes raw sensor data.
        is_dng: Whether a directory has the tag DNGVersion.
        pages: The pictures of the directories in the main chain.
        panasonic_edges: The first value of each of the tags PANASONIC_EDGES, in pixels, by tag number.
        profile: The start of the first ICC profile; b"" if there is none.
        jpeg_offset: Offset of a Panasonic file's preview, in bytes; 0 if there is none.
    """

    make: bytes = b""
    is_raw: bool = False
    is_dng: bool = False
    pages: list[Page] = field(default_factory=list)
    panasonic_edges: dict[int, int] = field(default_factory=dict)
    profile: bytes = b""
    jpeg_offset: int = 0


class _RangeReader:
    """Reads ranges of a file, and remembers them.

    Attributes:
        file: The file.
        ranges: The bytes read so far, as (start, end) offsets.
        needs_more_bytes: Whether some bytes had to be requested, because they have not been fetched yet.
        damage: What is wrong with the file, as a sentence; None if nothing is.
    """

    def __init__(self, file: RangeBuffer, header: bytes) -> None:
        self.file = file
        self.ranges: list[tuple[int, int]] = [(0, len(header))]
        self.needs_more_bytes = False
        self.damage: str | None = None
        # Bytes that were read twice count twice.
        self._read_bytes = 0

    def read(self, start: int, length: int, read_ahead: int = 0) -> bytes:
        """Return `length` bytes from offset `start`, and add their range to `ranges`.

        Return fewer bytes at the end of the file, and none if the bytes have not been fetched yet or cannot be read.
        """
        if self._read_bytes + length > MAX_FILE_BYTES:
            self.damage = f"The metadata is longer than {MAX_FILE_BYTES >> 20} MiB."
            return b""
        try:
            data = self.file.read(start, length, read_ahead)
        except MissingBytes:
            self.needs_more_bytes = True
            return b""
        except DamagedFile as damage:
            self.damage = str(damage)
            return b""
        if data:
            self._read_bytes += len(data)
            self.ranges.append((start, start + len(data)))
        return data

    def read_outside_block(self, start: int, length: int) -> bytes:
        """Return bytes without adding their range to `ranges`, so that they do not become part of the EXIF block."""
        try:
            return self.file.read(start, length)
        except MissingBytes:
            self.needs_more_bytes = True
        except DamagedFile:
            pass
        return b""

    def pieces(self) -> dict[int, bytes]:
        """Return the data of the collected ranges, by offset in bytes. Overlapping ranges are merged."""
        return {start: self.file.read(start, end - start) for start, end in merge_ranges(self.ranges)}


class _DirectoryWalker:
    """Walks the directories of a TIFF file.

    Attributes:
        reader: Reads the directories and their values.
        properties: The values that identify the format, or belong to the container.
        visited: The offsets of the directories read so far, in bytes.
    """

    def __init__(self, file: RangeBuffer, header: bytes, byte_order: str) -> None:
        self.entry = struct.Struct(byte_order + "HHI4s")
        self.long = struct.Struct(byte_order + "I")
        self.short = struct.Struct(byte_order + "H")
        self.reader = _RangeReader(file, header)
        self.properties = _FileProperties()
        self.visited: set[int] = set()

    def walk(self, start: int, depth: int = 0, max_chained: int = 1) -> None:
        """Collect a directory and those chained after it, each with its values and sub-directories.

        Args:
            start: Offset of the first directory, in bytes; 0 for none.
            depth: Number of directories above this one.
            max_chained: The maximum number of directories in the chain, including the first one.
        """
        reader = self.reader
        while start and max_chained and start not in self.visited and len(self.visited) < tiff_spec.MAX_DIRECTORIES:
            self.visited.add(start)
            head = reader.read(start, 2, READ_AHEAD_BYTES)
            if len(head) < 2:
                if not reader.needs_more_bytes:
                    reader.damage = (
                        reader.damage or f"The offset of an EXIF directory, {start}, is past the end of the file."
                    )
                return
            count = self.short.unpack(head)[0]
            if count > tiff_spec.MAX_ENTRIES:
                reader.damage = f"The EXIF directory at byte {start} claims to have {count} entries."
                return
            table = reader.read(start + 2, 12 * count + 4, READ_AHEAD_BYTES)
            self._read_entries(table[: min(len(table) // 12, count) * 12], depth)
            if len(table) < 12 * count + 4:
                if len(table) < 12 * count and not reader.needs_more_bytes:
                    reader.damage = (
                        reader.damage
                        or f"The file is truncated: it ends at byte {reader.file.total_bytes}, inside the metadata."
                    )
                return
            start = self.long.unpack_from(table, 12 * count)[0]
            max_chained -= 1

    def _read_entries(self, table: bytes, depth: int) -> None:
        """Collect the values and sub-directories of a directory, and the thumbnail that it points to.

        Args:
            table: The directory's entries, 12 bytes each.
            depth: Number of directories above this one.
        """
        reader, properties = self.reader, self.properties
        thumbnail: dict[int, int] = {}
        page = Page()
        for tag, field_type, count, inline in self.entry.iter_unpack(table):
            length = tiff_spec.TYPE_BYTES.get(field_type, 0) * count
            pointer = self.long.unpack(inline)[0]
            value = inline
            if length > 4:
                if tag == PANASONIC_JPEG:
                    properties.jpeg_offset = pointer
                if tag not in PARTLY_READ and length > tiff_spec.max_value_bytes(tag, field_type):
                    continue
                # A MakerNote begins with its directory. Anything past MAX_NOTE_BYTES is preview data.
                if tag != ICC_PROFILE:
                    value = reader.read(
                        pointer, min(length, tiff_spec.MAX_NOTE_BYTES) if tag in PARTLY_READ else length
                    )
            if tag in (tiff_spec.EXIF_IFD, tiff_spec.GPS_IFD, tiff_spec.INTEROP_IFD):
                if count == 1 and depth < 3:
                    self.walk(pointer, depth + 1)
            elif tag == tiff_spec.SUB_IFDS:
                if depth < 1 and tiff_spec.TYPE_BYTES.get(field_type) == 4:
                    pointers = value[: 4 * min(count, tiff_spec.MAX_SUB_IFDS, len(value) // 4)]
                    for (pointer,) in self.long.iter_unpack(pointers):
                        self.walk(pointer, depth + 1)
            elif tag in (tiff_spec.THUMBNAIL_OFFSET, tiff_spec.THUMBNAIL_LENGTH):
                thumbnail[tag] = pointer
            elif tag == MAKE:
                properties.make = properties.make or value
            elif tag in PAGE_TAGS and count == 1:
                page.set(tag, pointer if field_type == 4 else self.short.unpack_from(inline)[0])
            elif tag in PANASONIC_EDGES and count == 1:
                properties.panasonic_edges.setdefault(tag, self.short.unpack_from(inline)[0])
            elif tag == ICC_PROFILE:
                properties.profile = properties.profile or reader.read_outside_block(
                    pointer, min(length, PROFILE_BYTES)
                )
            elif tag == DNG_VERSION:
                properties.is_dng = True
            elif tag == COMPRESSION:
                properties.is_raw = properties.is_raw or self.short.unpack_from(inline)[0] in RAW_COMPRESSIONS
            elif tag == PHOTOMETRIC:
                properties.is_raw = properties.is_raw or self.short.unpack_from(inline)[0] in RAW_PHOTOMETRICS
        if not depth:
            properties.pages.append(page)
        length = thumbnail.get(tiff_spec.THUMBNAIL_LENGTH, 0)
        if tiff_spec.THUMBNAIL_OFFSET in thumbnail and length <= tiff_spec.MAX_THUMBNAIL_BYTES:
            reader.read(thumbnail[tiff_spec.THUMBNAIL_OFFSET], length)


def _detect_format(header: bytes, properties: _FileProperties) -> str:
    if properties.is_dng:
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
    if properties.is_raw:
        return next((name for make, name in RAW_FORMATS if properties.make.startswith(make)), "raw")
    return "tiff"


def read_tiff(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate a TIFF file's directories and their values, but not its image data."""
    metadata.format = "tiff"
    header = file.read_exact(0, 16)
    walker = _DirectoryWalker(file, header, tiff_spec.byte_order(header))
    reader, properties = walker.reader, walker.properties
    walker.walk(walker.long.unpack_from(header, 4)[0], max_chained=tiff_spec.MAX_CHAINED)
    metadata.format = _detect_format(header, properties)
    if metadata.format == "tiff":
        # A RAW file's first directory may describe a preview, whose size is not the photo's size.
        set_size(properties.pages, metadata)
    elif metadata.format == "rw2" and len(properties.panasonic_edges) == len(PANASONIC_EDGES):
        top, left, bottom, right = (properties.panasonic_edges[tag] for tag in PANASONIC_EDGES)
        if bottom > top and right > left:
            metadata.width_pixels, metadata.height_pixels = right - left, bottom - top
    metadata.add_profile(properties.profile)
    if properties.jpeg_offset and metadata.format == "rw2":
        # Panasonic stores some of the EXIF metadata in the preview. Request the preview together with the other missing
        # ranges.
        preview = LocatedMetadata(metadata.format)
        try:
            read_embedded_jpeg(file, preview, properties.jpeg_offset)
        except MissingBytes:
            reader.needs_more_bytes = True
        except DamagedFile as damage:
            reader.damage = reader.damage or str(damage)
        metadata.blocks += preview.blocks
    if reader.needs_more_bytes:
        raise MissingBytes
    metadata.blocks.insert(0, Block("exif", reader.pieces()))
    if reader.damage:
        raise DamagedFile(reader.damage)
