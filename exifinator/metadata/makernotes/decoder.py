"""Decode a MakerNote into tags with ExifTool's names.

The header of a note (headers.py) determines where its directory is, and which table describes its tags. The table
(tables.py) contains the name of each tag, and specifies which tags contain further directories or structures.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from exifinator.metadata import tiff_spec
from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.makernotes import structures
from exifinator.metadata.makernotes.ciphers import decipher_nikon, decipher_sony
from exifinator.metadata.makernotes.headers import HEAD_BYTES, Header, find_header
from exifinator.metadata.makernotes.keys import NIKON_COUNT, decipher_pentax_count, find_nikon_key
from exifinator.metadata.makernotes.tables import FORMATS, Child, Field, Table, get_table
from exifinator.metadata.makernotes.values import (
    CONVERSION_ERRORS,
    TIFF_TYPES,
    decode_exiftool_type,
    decode_items,
    is_text,
    make_tag,
)
from exifinator.metadata.tag_values import Tag

# Limits per note. No camera writes even a quarter as many.
MAX_ENTRIES = 400
MAX_DEPTH = 4
MAX_DIRECTORIES = 40
MAX_TAGS = 3000
# Longer values are previews or tables of numbers. Only their names and lengths are kept. Structures may be longer.
MAX_VALUE_BYTES = 2048
# The limit for tags that the table does not have.
MAX_UNNAMED_BYTES = 64
MAX_STRUCTURE_BYTES = 64 * 1024

# Decoded values of up to MAX_CACHED_BYTES are shared by all photos from the same camera model. A full cache is cleared.
MAX_CACHED_BYTES = 64
MAX_CACHED_VALUES = 1000
MAX_CACHED_DIRECTORIES = 32
_UNKNOWN = Tag("", "", 0, 0, [], 0)

LENS_TYPE, SHUTTER_COUNT = "MakerNote LensType", "MakerNote ShutterCount"


@lru_cache(maxsize=4)
def _entry(order: str) -> struct.Struct:
    return struct.Struct(order + "HHI4s")


@lru_cache(maxsize=MAX_CACHED_DIRECTORIES)
def _known_values(_table: str, _model: str) -> dict[tuple[int, int, bytes, str], Tag | None]:
    """Return the cache of decoded values of a table's tags, for one camera model.

    Values that contain a directory or a structure are not cached. Key: (tag, type, bytes of the value, byte order). A
    value of None means that there is no tag to store.
    """
    return {}


@lru_cache(maxsize=4096)
def _find_child(table: str, tag: int, field_type: int, length: int, head: str, model: str) -> Child | None:
    """Return the directory or structure that the value of a tag contains: the first whose conditions are met.

    Return None if the conditions of none are met.

    Args:
        table: The name of the table of the directory that contains the tag.
        tag: The number of the tag.
        field_type: The TIFF type of the value.
        length: The length of the value in bytes.
        head: The first 16 bytes of the value, as hexadecimal digits; "" if no condition depends on them.
        model: The camera model.
    """
    definitions = get_table(table)
    count = length // tiff_spec.TYPE_BYTES[field_type]
    for child in definitions.children[tag] if definitions else ():
        if (
            (child.model is None or child.model.search(model))
            and (child.head is None or child.head.match(head))
            and (not child.counts or count in child.counts)
            and (not child.sizes or length in child.sizes)
            and (not child.type or field_type == child.type)
        ):
            return child
    return None


class NoteDecoder:
    """Decodes one note.

    Args:
        read: Function (offset, length) that returns `length` bytes of the TIFF block that contains the note, or fewer
            if the block ends earlier.
        budget: Limit on the memory that the decoded values take.
        make: The camera's make, from the tag Make of the block.
        model: The camera's model, from the tag Model of the block.

    Attributes:
        tags: The tags decoded so far, by names such as "MakerNote LensType".
    """

    def __init__(self, read: Callable[[int, int], bytes], budget: MemoryBudget, make: str, model: str) -> None:
        self.tags: dict[str, Tag] = {}
        self.make = make
        self.model = model
        self._read = read
        self._budget = budget
        self._directories: set[tuple[int, str]] = set()
        self._nikon_key: tuple[int, int] | None = None
        self._is_pentax = False

    def decode(self, offset: int, length: int, order: str) -> bool:
        """Decode the note, and add its tags to `tags`.

        Args:
            offset: Offset of the note in the block, in bytes.
            length: Length of the note in bytes.
            order: Byte order of the block, "<" or ">".

        Returns:
            Whether the kind of the note is known, and its directory or structure was found.
        """
        header = find_header(self._read(offset, min(length, HEAD_BYTES)), self.make, self.model)
        table = get_table(header.table) if header else None
        if header is None or table is None:
            return False
        self._is_pentax = table.name == "Pentax::Main"
        start, base = offset + header.start, 0
        order = header.order or order
        if header.order_at:
            order = tiff_spec.byte_order(self._read(offset + header.order_at, 2)) or order
        if table.unit or header.table in structures.READERS:
            data = self._read(start, max(0, min(length - header.start, MAX_STRUCTURE_BYTES)))
            self.add(structures.read_structure(table, data, order, self))
            return True
        if header.base == "own":
            base = start
            order = tiff_spec.byte_order(self._read(base, 2)) or order
            start = base + int.from_bytes(self._read(base + 4, 4), "little" if order == "<" else "big")
        elif header.base in ("note", "before"):
            base = offset - (2 if header.base == "before" else 0)
        start = self._directory_start(header, offset, start)
        if header.base != "own":
            base = self._corrected_base(offset, length, start, base, order)
        is_read = self.read_directory(table, start, base, order, 0)
        if self._is_pentax:
            decipher_pentax_count(self.tags)
        return is_read

    def _corrected_base(self, offset: int, length: int, start: int, base: int, order: str) -> int:
        """Return the position in the block from which the offsets in a note count.

        Correct the position if a program has moved the note without changing these offsets. Canon's notes end with a
        TIFF header that contains the original offset of the note. In other notes, the values must be inside the note
        and after the directory. If most values are not, the first value is assumed to follow the directory directly.
        Source: observed in sample files.

        Args:
            offset: Offset of the note in the block.
            length: Length of the note in bytes.
            start: Offset of the directory in the block.
            base: The position to correct.
            order: Byte order of the directory.
        """
        if self.make.startswith("Canon"):
            footer = self._read(offset + length - 8, 8) if length > 8 else b""
            footer_order = tiff_spec.byte_order(footer)
            if footer_order and footer[2:4] in (b"*\0", b"\0*"):
                original = int.from_bytes(footer[4:], "little" if footer_order == "<" else "big")
                return offset - original if original else base
        entries, order = self._entries(start, order)
        byte_order: Any = "little" if order == "<" else "big"
        values = [
            (int.from_bytes(inline, byte_order), tiff_spec.TYPE_BYTES[field_type] * count)
            for _, field_type, count, inline in entries
            if tiff_spec.TYPE_BYTES[field_type] * count > 4
        ]
        if len(values) < 2:
            return base
        directory_end = start + 2 + 12 * len(entries)
        n_inside = sum(
            directory_end <= base + pointer and base + pointer + size <= offset + length for pointer, size in values
        )
        if 2 * n_inside >= len(values):
            return base
        first = min(pointer for pointer, _ in values)
        moved_base = directory_end + 4 - first
        n_fitting = sum(moved_base + pointer + size <= offset + length for pointer, size in values)
        return moved_base if n_fitting > n_inside and 10 * n_fitting >= 9 * len(values) else base

    def _directory_start(self, header: Header, offset: int, start: int) -> int:
        """Return the offset of the directory in the block. Fujifilm's notes contain the offset."""
        if header.table == "FujiFilm::Main":
            return offset + int.from_bytes(self._read(offset + 8, 4), "little")
        return start

    # --- directories ----------------------------------------------------------------------------------------------

    def read_directory(self, table: Table, start: int, base: int, order: str, depth: int) -> bool:
        """Decode a directory, and add its tags to `tags`.

        Args:
            table: The table of the directory's tags.
            start: Offset of the directory in the block, in bytes.
            base: Position in the block from which the offsets in the directory count.
            order: Expected byte order. If the bytes are not a directory in this byte order, the other one is tried.
            depth: Number of directories that contain this one.

        Returns:
            Whether there is a directory at this offset.
        """
        if depth > MAX_DEPTH or len(self._directories) >= MAX_DIRECTORIES or (start, table.name) in self._directories:
            return False
        self._directories.add((start, table.name))
        entries, order = self._entries(start, order)
        if not entries:
            return False
        if table.name == "Nikon::Main":
            self._nikon_key = find_nikon_key(entries, self._read, base, order, self.model) or self._nikon_key
        known = _known_values(table.name, self.model)
        byte_order: Any = "little" if order == "<" else "big"
        tags, read, type_bytes, memory_bytes = self.tags, self._read, tiff_spec.TYPE_BYTES, 0
        for tag, field_type, count, inline in entries:
            length = type_bytes[field_type] * count
            if length <= MAX_CACHED_BYTES:
                data = inline[:length] if length <= 4 else read(base + int.from_bytes(inline, byte_order), length)
                decoded = known.get((tag, field_type, data, order), _UNKNOWN)
                if decoded is not _UNKNOWN and len(data) == length:
                    if decoded is None:
                        continue
                    if decoded.name in tags:
                        self._add(decoded)
                    else:
                        tags[decoded.name] = decoded
                        memory_bytes += decoded.memory_bytes
                    continue
            self._read_entry(table, tag, field_type, count, inline, base, order, depth)
            if len(tags) > MAX_TAGS:
                break
        self._budget.spend(memory_bytes)
        return True

    def _entries(self, start: int, order: str) -> tuple[list[tuple[int, int, int, bytes]], str]:
        """Return the entries of the directory at offset `start`, and its byte order.

        Return no entries if the bytes at this offset are not a directory.
        """
        head = self._read(start, 2)
        if len(head) < 2 or start < 0:
            return [], order
        for candidate in (order, ">" if order == "<" else "<"):
            count = int.from_bytes(head, "little" if candidate == "<" else "big")
            if not 0 < count <= MAX_ENTRIES:
                continue
            table = self._read(start + 2, 12 * count)
            entries = list(_entry(candidate).iter_unpack(table[: len(table) // 12 * 12]))
            valid = [entry for entry in entries if entry[1] in tiff_spec.TYPE_BYTES and entry[2] < 1 << 28]
            # Some cameras leave a few entries blank, or write a count that is too high by one.
            if valid and entries[0] == valid[0] and 4 * len(valid) >= 3 * count:
                return valid, candidate
        return [], order

    def _read_entry(
        self, table: Table, tag: int, field_type: int, count: int, inline: bytes, base: int, order: str, depth: int
    ) -> None:
        length = tiff_spec.TYPE_BYTES[field_type] * count
        pointer = int.from_bytes(inline, "little" if order == "<" else "big")
        offset = base + pointer
        children = table.children.get(tag)
        if children:
            data = inline[:length] if length <= 4 else self._read(offset, min(length, MAX_STRUCTURE_BYTES))
            head = data[:16].hex() if any(child.head for child in children) else ""
            child = _find_child(table.name, tag, field_type, length, head, self.model)
            if child is not None:
                self._read_child(child, data, pointer, offset, length, base, order, depth)
                return
        fields = table.fields.get(tag)
        field = self.choose_field(fields, field_type) if fields else None
        if length > (MAX_VALUE_BYTES if field else MAX_UNNAMED_BYTES):
            self._add_undecoded(field, tag, field_type, length)
            return
        data = inline[:length] if length <= 4 else self._read(offset, length)
        if len(data) < length or not data:
            return
        decoded = self._decode(field, tag, field_type, data, order)
        if length <= MAX_CACHED_BYTES:
            known = _known_values(table.name, self.model)
            if len(known) >= MAX_CACHED_VALUES:
                known.clear()
            known[tag, field_type, data, order] = decoded
        if decoded is not None:
            self._add(decoded)

    def _decode(self, field: Field | None, tag: int, field_type: int, data: bytes, order: str) -> Tag | None:
        value = self._decode_value(field, field_type, data, order)
        if field is not None and field.kind == "string" and field_type == 7:
            value = data.split(b"\0")[0].decode("latin-1").rstrip() if is_text(data.split(b"\0")[0]) else value
        name = field.name if field else f"Tag 0x{tag:04X}"
        try:
            return make_tag(name, tag, field_type, field, value, len(data), order)
        except CONVERSION_ERRORS:
            # The conversion does not fit the value, so keep the stored value.
            return make_tag(name, tag, field_type, None, value, len(data), order)

    @staticmethod
    def _decode_value(field: Field | None, field_type: int, data: bytes, order: str) -> Any:
        """Return the numbers or the text of a tag.

        Use the table's type if the file has only undefined bytes, or an unsigned type of the same size.
        """
        if field is not None and field.kind in FORMATS:
            size = FORMATS[field.kind][1]
            has_same_size = field.kind.startswith("int") and size == tiff_spec.TYPE_BYTES[field_type]
            has_same_length = len(data) == size * field.count if field.count else len(data) % size == 0
            if (field_type == 7 and has_same_length) or (field_type in (1, 3, 4) and has_same_size):
                return decode_exiftool_type(data, field.kind, order)
        return decode_items(data, field_type, order)

    def _add_undecoded(self, field: Field | None, tag: int, field_type: int, length: int) -> None:
        name = field.name if field else f"Tag 0x{tag:04X}"
        self._add(Tag(f"MakerNote {name}", f"({length:,} bytes)", tag, field_type, [], length))

    def choose_field(self, fields: tuple[Field, ...], field_type: int = 0) -> Field | None:
        """Return the field that applies to the camera; None if there is none.

        If several fields apply, return the first one that has the type in the file, or else the first one.

        Args:
            fields: The fields of one tag or one index.
            field_type: The TIFF type in the file; 0 if unknown.
        """
        if len(fields) == 1 and fields[0].models is None:
            return fields[0]
        possible = [field for field in fields if field.models is None or field.models.search(self.model)]
        first = possible[0] if possible else None
        return next((field for field in possible if TIFF_TYPES.get(field.kind) == field_type), first)

    # --- directories and structures in the values of tags ---------------------------------------------------------

    def _read_child(
        self, child: Child, data: bytes, pointer: int, offset: int, length: int, base: int, order: str, depth: int
    ) -> None:
        table = get_table(child.table)
        if table is None:
            return
        order = child.order or order
        if child.kind == "ricoh-subdir":
            # The directory follows a title of 20 bytes.
            self.read_directory(table, offset + 20, base, order, depth + 1)
            return
        if child.kind == "ifd":
            # A short value is the offset of the directory, and a long one the directory itself.
            start = base + pointer if length <= 4 else offset
            self.read_directory(table, start, base, order, depth + 1)
            return
        plain = self.decipher(child, data)
        if plain is not None:
            self.add(structures.read_structure(table, plain[child.start :], order, self))

    def decipher(self, child: Child, data: bytes) -> bytes | None:
        """Return the deciphered bytes of a structure; None if the key is unknown."""
        if child.cipher == "nikon":
            if self._nikon_key is None:
                return None
            return decipher_nikon(data, *self._nikon_key, child.cipher_start)
        return decipher_sony(data) if child.cipher == "sony" else data

    # --- results --------------------------------------------------------------------------------------------------

    def _add(self, tag: Tag) -> None:
        if tag.name not in self.tags:
            self._budget.spend(tag.memory_bytes)
            self.tags[tag.name] = tag
        elif tag.name == SHUTTER_COUNT and tag.tag == NIKON_COUNT:
            # This count is more reliable than the count in ShotInfo, whose offset depends on the camera model.
            self.tags[tag.name] = tag
        elif tag.name == LENS_TYPE and self._is_pentax and tag.values != self.tags[tag.name].values:
            # Pentax stores two numbers of the lens. The second one distinguishes lenses of other makers.
            self.tags.setdefault(f"{LENS_TYPE} 2", tag)

    def add(self, tags: Iterable[Tag]) -> None:
        """Add the tags of a structure. If several tags have the same name, keep the first."""
        memory_bytes = 0
        known = self.tags
        for tag in tags:
            if tag.name in known:
                self._add(tag)
            else:
                known[tag.name] = tag
                memory_bytes += tag.memory_bytes
            if len(known) > MAX_TAGS:
                break
        self._budget.spend(memory_bytes)
