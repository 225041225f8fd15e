"""Read BigTIFF: TIFF with 64-bit offsets. Source: Aware Systems, "The BigTIFF File Format".

The directories are rewritten as TIFF directories, so that the code for TIFF decodes them.
"""

from __future__ import annotations

import struct

from exifinator.metadata import tiff_spec
from exifinator.metadata.containers.icc import READ_BYTES as PROFILE_BYTES
from exifinator.metadata.containers.range_buffer import (
    MAX_FILE_BYTES,
    DamagedFile,
    LocatedMetadata,
    MissingBytes,
    RangeBuffer,
)
from exifinator.metadata.containers.tiff import (
    DNG_VERSION,
    ICC_PROFILE,
    PAGE_TAGS,
    READ_AHEAD_BYTES,
    Page,
    set_size,
)
from exifinator.metadata.containers.tiff_writer import LONG, LONG_MAX, TiffDirectory, write_tiff

# 64-bit types that TIFF lacks: unsigned integer, signed integer, and offset of a directory.
LONG8, SIGNED_LONG8, IFD8 = 16, 17, 18
LONG8_FORMATS = {LONG8: "Q", SIGNED_LONG8: "q", IFD8: "Q"}
SIGNED_LONG, DOUBLE = 9, 12
TYPE_BYTES = {**tiff_spec.TYPE_BYTES, LONG8: 8, SIGNED_LONG8: 8, IFD8: 8}
POINTERS = frozenset({tiff_spec.EXIF_IFD, tiff_spec.GPS_IFD, tiff_spec.INTEROP_IFD, tiff_spec.SUB_IFDS})
# Limit on the number of directories above a directory.
MAX_DEPTH = 3


class _Walker:
    """Reads the directories.

    If bytes have not been fetched yet, the walk continues, so that one pass requests as many ranges as possible.

    Attributes:
        read_bytes: The number of bytes read so far. Bytes that were read twice count twice.
        visited: The offsets of the directories read so far, in bytes.
        pages: The pictures of the first directory and of the directories chained to it.
        profile: The start of the ICC profile.
        has_missing: Whether some bytes had to be requested, because they have not been fetched yet.
        damage: What is wrong with the file, as a sentence; None if nothing is.
    """

    def __init__(self, file: RangeBuffer, order: str) -> None:
        self.file = file
        self.order = order
        self.entry = struct.Struct(order + "HHQ8s")
        self.visited: set[int] = set()
        self.read_bytes = 0
        self.pages: list[Page] = []
        self.profile = b""
        self.has_missing = self.is_dng = False
        self.damage: str | None = None

    def _read(self, start: int, length: int, ahead: int = 0) -> bytes:
        self.read_bytes += length
        if self.read_bytes > MAX_FILE_BYTES:
            self.damage = f"The metadata is longer than {MAX_FILE_BYTES >> 20} MiB."
            return b""
        try:
            return self.file.read(start, length, ahead)
        except MissingBytes:
            self.has_missing = True
        except DamagedFile as damage:
            self.damage = str(damage)
        return b""

    def number(self, data: bytes) -> int:
        """Return the unsigned number in `data`."""
        return int.from_bytes(data, "little" if self.order == "<" else "big")

    def walk(self, start: int, depth: int = 0, chain: int = 1) -> TiffDirectory | None:
        """Read a directory and the directories that it points to.

        Args:
            start: Offset of the directory, in bytes.
            depth: Number of directories above this one.
            chain: Limit on the number of directories in the chain that begins with this one.

        Returns:
            The directory; None if it cannot be read, or was read before.
        """
        if not start or start in self.visited or len(self.visited) >= tiff_spec.MAX_DIRECTORIES:
            return None
        self.visited.add(start)
        count = self.number(self._read(start, 8, READ_AHEAD_BYTES))
        if count > tiff_spec.MAX_ENTRIES:
            self.damage = f"The EXIF directory at byte {start} claims to have {count} entries."
            return None
        table = self._read(start + 8, 20 * count + 8, READ_AHEAD_BYTES)
        if len(table) < 20 * count and not self.has_missing:
            self.damage = f"The file is truncated: it ends at byte {self.file.total_bytes}, inside the metadata."
        directory = TiffDirectory()
        page = Page()
        for fields in self.entry.iter_unpack(table[: min(len(table) // 20, count) * 20]):
            self._add_entry(directory, page, fields, depth)
        if not depth:
            self.pages.append(page)
        if chain > 1:
            directory.following = self.walk(self.number(table[20 * count :]), depth, chain - 1)
        return directory

    def _add_entry(self, directory: TiffDirectory, page: Page, fields: tuple[int, int, int, bytes], depth: int) -> None:
        tag, field_type, count, inline = fields
        length = TYPE_BYTES.get(field_type, 0) * count
        if not length or count > LONG_MAX:
            return
        if tag == DNG_VERSION:
            self.is_dng = True
        if tag == ICC_PROFILE:
            self.profile = self._read(self.number(inline), min(length, PROFILE_BYTES))
        is_long = length > 8
        if is_long and length > tiff_spec.max_value_bytes(tag, field_type):
            if field_type in tiff_spec.TYPE_BYTES:
                directory.entries.append((tag, field_type, count, b""))
            return
        data = self._read(self.number(inline), length) if is_long else inline[:length]
        if len(data) < length:
            return
        if tag in POINTERS:
            self._add_children(directory, tag, field_type, data, depth)
            return
        field_type, data = self._to_tiff_type(field_type, count, data)
        if tag in PAGE_TAGS and count == 1 and field_type in (3, LONG):
            page.set(tag, self.number(data))
        directory.entries.append((tag, field_type, count, data))

    def _add_children(self, directory: TiffDirectory, tag: int, field_type: int, data: bytes, depth: int) -> None:
        item_bytes = TYPE_BYTES[field_type]
        if depth >= MAX_DEPTH or item_bytes not in (4, 8):
            return
        limit = tiff_spec.MAX_SUB_IFDS if tag == tiff_spec.SUB_IFDS else 1
        starts = [self.number(data[at : at + item_bytes]) for at in range(0, len(data), item_bytes)][:limit]
        children = [child for start in starts if (child := self.walk(start, depth + 1)) is not None]
        if children:
            directory.children[tag] = children

    def _to_tiff_type(self, field_type: int, count: int, data: bytes) -> tuple[int, bytes]:
        """Convert values of a 64-bit type to a type that TIFF has. Return that type and the bytes of the values.

        64-bit integers become 32-bit integers, or floating-point numbers if they are too large for that.
        """
        letter = LONG8_FORMATS.get(field_type)
        if letter is None:
            return field_type, data
        numbers = struct.unpack(f"{self.order}{count}{letter}", data)
        if letter == "Q" and max(numbers) <= LONG_MAX:
            return LONG, struct.pack(f"{self.order}{count}I", *numbers)
        if letter == "q" and all(-(1 << 31) <= number < 1 << 31 for number in numbers):
            return SIGNED_LONG, struct.pack(f"{self.order}{count}i", *numbers)
        return DOUBLE, struct.pack(f"{self.order}{count}d", *numbers)


def read_big_tiff(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate the directories of a BigTIFF and their values, and read the size of the picture."""
    metadata.format = "bigtiff"
    header = file.read_exact(0, 16)
    order = tiff_spec.byte_order(header)
    walker = _Walker(file, order)
    if walker.number(header[4:6]) != 8:
        raise DamagedFile("The offsets of the BigTIFF do not have 64 bits.")
    first = walker.walk(walker.number(header[8:16]), chain=tiff_spec.MAX_CHAINED)
    if walker.is_dng:
        metadata.format = "dng"
    else:
        set_size(walker.pages, metadata)
    if walker.has_missing:
        raise MissingBytes
    if first is not None:
        metadata.add("exif", write_tiff(first, order))
    metadata.add_profile(walker.profile)
    if walker.damage:
        raise DamagedFile(walker.damage)
