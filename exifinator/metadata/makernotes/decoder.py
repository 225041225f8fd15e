"""Decode a MakerNote into tags with ExifTool's names.

The kind of the note (headers.py) says where its directory is and which table its tags are in. A table (tables.py) says
what each tag is called, and which tags hold further directories and structures.
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
from exifinator.metadata.makernotes.tables import FORMATS, Child, Field, Table, get_table
from exifinator.metadata.makernotes.values import TIFF_TYPES, decode_format, decode_items, is_text, make_tag
from exifinator.metadata.tag_values import Tag

# Limits per note. No camera reaches a quarter of them.
MAX_ENTRIES = 400
MAX_DEPTH = 4
MAX_DIRECTORIES = 40
MAX_TAGS = 3000
# Longer values are previews or tables of numbers: their names are recorded. Structures may be longer.
MAX_VALUE_BYTES = 2048
MAX_UNNAMED_BYTES = 64
MAX_STRUCTURE_BYTES = 64 * 1024

# Decoded short values are shared by all photos of the same camera. A cache that is full is cleared.
MAX_CACHED_BYTES = 64
MAX_CACHED_VALUES = 1000
MAX_CACHED_DIRECTORIES = 32
_UNKNOWN = Tag("", "", 0, 0, [], 0)

LENS_TYPE, SHUTTER_COUNT = "MakerNote LensType", "MakerNote ShutterCount"
NIKON_SERIAL, NIKON_COUNT = 0x001D, 0x00A7


@lru_cache(maxsize=4)
def _entry(order: str) -> struct.Struct:
    return struct.Struct(order + "HHI4s")


@lru_cache(maxsize=MAX_CACHED_DIRECTORIES)
def _known_values(_table: str, _model: str) -> dict[tuple[int, int, bytes, str], Tag | None]:
    """Return the cache of the values that hold no table: (tag, type, bytes, byte order) -> decoded tag."""
    return {}


@lru_cache(maxsize=4096)
def _find_child(table: str, tag: int, field_type: int, length: int, head: str, model: str) -> Child | None:
    """Return the table in the value of a tag: the first one whose conditions hold; None if none does."""
    found = get_table(table)
    count = length // tiff_spec.TYPE_BYTES[field_type]
    for child in found.children[tag] if found else ():
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
    """Decodes one note. `tags` maps names, such as "MakerNote LensType", to Tag.

    Args:
        read: Returns the bytes at (offset, length) of the block that holds the note, or fewer.
        budget: Limit on the memory that the decoded values take.
        make, model: The camera, from the block's own tags.
    """

    def __init__(self, read: Callable[[int, int], bytes], budget: MemoryBudget, make: str, model: str) -> None:
        self.tags: dict[str, Tag] = {}
        self.make = make
        self.model = model
        self._read = read
        self._budget = budget
        self._directories: set[tuple[int, str]] = set()
        self._nikon_key: tuple[int, int] | None = None

    def decode(self, offset: int, length: int, order: str) -> bool:
        """Decode the note at `offset` of the block, in bytes. Return whether its kind is known.

        Args:
            offset: Offset of the note in the block.
            length: Length of the note.
            order: Byte order of the block.
        """
        header = find_header(self._read(offset, min(length, HEAD_BYTES)), self.make, self.model)
        table = get_table(header.table) if header else None
        if header is None or table is None:
            return False
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
        start = self._start(header, offset, start)
        if header.base != "own":
            base = self._corrected_base(offset, length, start, base, order)
        is_read = self.read_directory(table, start, base, order, 0)
        if table.name == "Pentax::Main":
            self._decipher_pentax_count()
        return is_read

    def _corrected_base(self, offset: int, length: int, start: int, base: int, order: str) -> int:
        """Return the base of a note's offsets, also if a program has moved the note without changing them.

        Canon's notes end with a TIFF header that holds their original offset. Otherwise, offsets of values point into
        the note. If most do not, the first value is taken to follow the directory. Source: observed in sample files.
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
        inside = sum(
            directory_end <= base + pointer and base + pointer + size <= offset + length for pointer, size in values
        )
        if 2 * inside >= len(values):
            return base
        first = min(pointer for pointer, _ in values)
        moved = directory_end + 4 - first
        fits = sum(moved + pointer + size <= offset + length for pointer, size in values)
        return moved if fits > inside and 10 * fits >= 9 * len(values) else base

    def _start(self, header: Header, offset: int, start: int) -> int:
        """Return the offset of the directory, which a Fujifilm note gives itself."""
        if header.table == "FujiFilm::Main":
            return offset + int.from_bytes(self._read(offset + 8, 4), "little")
        return start

    # --- directories ----------------------------------------------------------------------------------------------

    def read_directory(self, table: Table, start: int, base: int, order: str, depth: int) -> bool:
        """Decode the directory at `start` of the block. Return whether there is one.

        Args:
            table: The table of its tags.
            start: Offset in the block, in bytes.
            base: Offset in the block that the directory's own offsets count from.
            order: Expected byte order. The other one is tried too.
            depth: Number of directories around this one.
        """
        if depth > MAX_DEPTH or len(self._directories) >= MAX_DIRECTORIES or (start, table.name) in self._directories:
            return False
        self._directories.add((start, table.name))
        entries, order = self._entries(start, order)
        if not entries:
            return False
        self._find_nikon_key(table, entries, base, order)
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
        """Return the entries of a directory, and its byte order; none if these bytes are not a directory."""
        head = self._read(start, 2)
        if len(head) < 2 or start < 0:
            return [], order
        for candidate in (order, ">" if order == "<" else "<"):
            count = int.from_bytes(head, "little" if candidate == "<" else "big")
            if not 0 < count <= MAX_ENTRIES:
                continue
            table = self._read(start + 2, 12 * count)
            entries = list(_entry(candidate).iter_unpack(table[: len(table) // 12 * 12]))
            good = [entry for entry in entries if entry[1] in tiff_spec.TYPE_BYTES and entry[2] < 1 << 28]
            # Some cameras leave a few entries blank, or count one too many.
            if good and entries[0] == good[0] and 4 * len(good) >= 3 * count:
                return good, candidate
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
        except (ArithmeticError, LookupError, TypeError, ValueError, struct.error):
            # A conversion that does not fit the value. Keep the value as it is stored.
            return make_tag(name, tag, field_type, None, value, len(data), order)

    @staticmethod
    def _decode_value(field: Field | None, field_type: int, data: bytes, order: str) -> Any:
        """Return the value of a tag, by the type of its table where the file's type says less."""
        if field is not None and field.kind in FORMATS:
            size = FORMATS[field.kind][1]
            is_signed = field.kind.startswith("int") and size == tiff_spec.TYPE_BYTES[field_type]
            if (field_type == 7 and len(data) == size * max(field.count, 1)) or (field_type in (1, 3, 4) and is_signed):
                return decode_format(data, field.kind, order)
        return decode_items(data, field_type, order)

    def _add_undecoded(self, field: Field | None, tag: int, field_type: int, length: int) -> None:
        name = field.name if field else f"Tag 0x{tag:04X}"
        self._add(Tag(f"MakerNote {name}", f"({length:,} bytes)", tag, field_type, [], length))

    def choose_field(self, fields: tuple[Field, ...], field_type: int = 0) -> Field | None:
        """Return the first field that applies to the camera, of the type that the file has if there is one."""
        if len(fields) == 1 and fields[0].models is None:
            return fields[0]
        possible = [field for field in fields if field.models is None or field.models.search(self.model)]
        for field in possible:
            if TIFF_TYPES.get(field.kind) == field_type:
                return field
        return possible[0] if possible else None

    # --- tables in the values of tags -----------------------------------------------------------------------------

    def _read_child(
        self, child: Child, data: bytes, pointer: int, offset: int, length: int, base: int, order: str, depth: int
    ) -> None:
        table = get_table(child.table)
        if table is None:
            return
        order = child.order or order
        if child.kind == "ricoh-subdir":
            # A directory after a title of 20 bytes.
            self.read_directory(table, offset + 20, base, order, depth + 1)
            return
        if child.kind == "ifd":
            # The value is the offset of the directory, or the directory itself.
            start = base + pointer if length <= 4 else offset
            self.read_directory(table, start, base, order, depth + 1)
            return
        plain = self.decipher(child, data)
        if plain is not None:
            self.add(structures.read_structure(table, plain[child.start :], order, self))

    def decipher(self, child: Child, data: bytes) -> bytes | None:
        """Return the plain bytes of a structure; None if the key is not known."""
        if child.cipher == "nikon":
            if self._nikon_key is None:
                return None
            return decipher_nikon(data, *self._nikon_key, child.cipher_start)
        return decipher_sony(data) if child.cipher == "sony" else data

    def _find_nikon_key(
        self, table: Table, entries: Iterable[tuple[int, int, int, bytes]], base: int, order: str
    ) -> None:
        """Find the serial number and shutter count of a Nikon, the key of its structures. Source: as in ciphers.py."""
        if table.name != "Nikon::Main":
            return
        serial = count = None
        byte_order: Any = "little" if order == "<" else "big"
        by_tag = {entry[0]: entry for entry in entries}
        if NIKON_SERIAL in by_tag and by_tag[NIKON_SERIAL][2] <= 64:
            _, _, n_items, inline = by_tag[NIKON_SERIAL]
            data = inline[:n_items] if n_items <= 4 else self._read(base + int.from_bytes(inline, byte_order), n_items)
            text = data.split(b"\0")[0].decode("latin-1").strip()
            serial = int(text) if text.isdigit() and text.isascii() else 0x22 if self.model.endswith("D50") else 0x60
        if NIKON_COUNT in by_tag:
            count = int.from_bytes(by_tag[NIKON_COUNT][3], byte_order)
        if serial is not None and count is not None:
            self._nikon_key = serial, count

    def _decipher_pentax_count(self) -> None:
        """Decipher a Pentax's shutter count, whose key is the date and the time of the photo.

        Source: https://exiftool.org/TagNames/Pentax.html names the key. Observed in sample files: the result is the
        value that ExifTool 13.59 prints.
        """
        count, date, time = (self.tags.get(f"MakerNote {name}") for name in ("ShutterCount", "Date", "Time"))
        if (
            count is None
            or date is None
            or time is None
            or not isinstance(count.values, list)
            or len(count.values) != 4
        ):
            return
        try:
            year, month, day = map(int, date.values.split(":"))
            hour, minute, second = map(int, time.values.split(":")[:3])
            stored = int.from_bytes(bytes(count.values), "big")
        except (AttributeError, ValueError):
            return
        key = (year << 16 | month << 8 | day) ^ ~(hour << 24 | minute << 16 | second << 8)
        number = (stored ^ key) & 0xFFFFFFFF
        self.tags[count.name] = Tag(count.name, str(number), count.tag, 4, [number], 4)

    # --- results --------------------------------------------------------------------------------------------------

    def _add(self, tag: Tag) -> None:
        if tag.name not in self.tags:
            self._budget.spend(tag.memory_bytes)
            self.tags[tag.name] = tag
        elif tag.name == SHUTTER_COUNT and tag.tag == NIKON_COUNT:
            # More reliable than the count in Nikon's ShotInfo, whose place depends on the camera.
            self.tags[tag.name] = tag
        elif tag.name == LENS_TYPE and tag.values != self.tags[tag.name].values:
            # Pentax has two numbers of the lens. The second one tells lenses of other makers apart.
            self.tags.setdefault(f"{LENS_TYPE} 2", tag)

    def add(self, tags: Iterable[Tag]) -> None:
        """Add the tags of a structure. The first tag of a name is kept."""
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
