"""Read structures of fixed layout in MakerNotes, in which the index of a field determines its offset.

Source: the fields come from the output of `exiftool -listx`. For sample files, ExifTool 13.59
prints the same values.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, Protocol

from exifinator.metadata.makernotes.tables import DEFAULT_FORMATS, FORMATS, TEXT_FORMATS, Child, Field, Table, get_table
from exifinator.metadata.makernotes.values import decode_field
from exifinator.metadata.tag_values import Tag

# Longer values are not useful for searching.
MAX_ITEMS = 256
MAX_TEXT_BYTES = 512

# Decoded fields are shared by all photos that this process reads. A full cache is cleared.
MAX_CACHED_FIELDS = 20_000
MAX_CACHED_BYTES = 64

# Nikon: the bytes before the second offset of a structure of the kind "menu".
MENU_HEAD_BYTES = 16
FIRMWARE = "MakerNote FirmwareVersion"


class Note(Protocol):
    """The properties of a note that the readers of its structures use.

    Attributes:
        tags: The tags decoded so far, by names such as "MakerNote LensType".
        model: The camera's model.
    """

    tags: dict[str, Tag]
    model: str

    def choose_field(self, fields: tuple[Field, ...], /) -> Field | None:
        """Return the field that applies to the camera; None if there is none."""


class _FieldRange(NamedTuple):
    """The bytes of the fields with one index in a structure of fixed layout.

    Attributes:
        start: Offset of the first byte.
        end: Offset after the last byte; None for the end of the structure.
        number: The index.
        fields: The fields, of which one applies to a camera.
        kind: The type of the fields, as in Field.
    """

    start: int
    end: int | None
    number: int
    fields: tuple[Field, ...]
    kind: str


@cache
def _field_ranges(name: str) -> tuple[_FieldRange, ...]:
    """Return the byte ranges of the fields in a table of fixed layout."""
    table = get_table(name)
    if table is None:
        return ()
    ranges = []
    for (index, _), fields in table.fields.items():
        for field in fields:
            kind, start = _kind_of(field, table), index * table.unit
            if kind is None:
                continue
            # The fields of an index may have different lengths. Fields of the same type and length share an entry.
            same = tuple(other for other in fields if other.kind == field.kind and other.count == field.count)
            if field is not same[0] or start < 0:
                continue
            length = _length_of(field, kind)
            ranges.append(_FieldRange(start, None if length is None else start + length, index, same, kind))
    return tuple(ranges)


def _kind_of(field: Field, table: Table) -> str | None:
    """Return the type of a field, or the default type of the table's unit; None if the type is not decoded."""
    kind = field.kind if field.kind != "?" else DEFAULT_FORMATS.get(table.unit, "int8u")
    return kind if kind in FORMATS or kind in TEXT_FORMATS else None


def _length_of(field: Field, kind: str) -> int | None:
    """Return the length of a field in bytes; None if it extends to the end of the structure."""
    if kind in ("string", "undef", "unicode") and not field.count:
        return None
    size = FORMATS[kind][1] if kind in FORMATS else TEXT_FORMATS[kind]
    return size * min(max(field.count, 1), MAX_ITEMS)


# Key: (field, bytes of its value, byte order).
_DECODED: dict[tuple[Field, bytes, str], Tag | None] = {}


def read_fixed_layout(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of a structure of fixed layout. The field of index i begins at byte i * table.unit."""
    length = len(data)
    for field_range in _field_ranges(table.name):
        start, end, number, fields, kind = field_range
        if start >= length or (end is not None and end > length):
            continue
        if len(fields) > 1 or fields[0].models is not None:
            field = note.choose_field(fields)
            if field is None:
                continue
        else:
            field = fields[0]
        item = data[start : start + MAX_TEXT_BYTES if end is None else end]
        tag = _cached_field(field, item, number, kind, order)
        if tag is not None:
            yield tag


def find_nested(table: Table, data: bytes, order: str, note: Note) -> Iterator[tuple[Table, bytes]]:
    """Yield the structures in a structure of fixed layout: the table and the bytes of each.

    Args:
        table: The table of the outer structure.
        data: The outer structure.
        order: Byte order, "<" or ">".
        note: The note that contains the structure.
    """
    head = data[:16].hex()
    for index, children in table.children.items():
        child = next((child for child in children if _is_met(child, head, note)), None)
        child_table = get_table(child.table) if child else None
        if child is None or child_table is None:
            continue
        start = index * table.unit
        if child.kind in ("offset", "menu"):
            start = _offset_at(data, start, order) or len(data)
        if child.kind == "menu":
            start += _offset_at(data, start + MENU_HEAD_BYTES, order) or len(data)
        if start < len(data):
            yield child_table, data[start:]


def _is_met(child: Child, head: str, note: Note) -> bool:
    """Return whether the conditions of a nested structure are met: the start of the outer one, model and firmware."""
    firmware = note.tags.get(FIRMWARE) if child.firmware else None
    return (
        (child.head is None or bool(child.head.search(head)))
        and (child.model is None or bool(child.model.search(note.model)))
        and (child.firmware is None or (firmware is not None and bool(child.firmware.search(firmware.printable))))
    )


def _offset_at(data: bytes, start: int, order: str) -> int:
    return int.from_bytes(data[start : start + 4], "little" if order == "<" else "big")


def _cached_field(field: Field, item: bytes, number: int, kind: str, order: str) -> Tag | None:
    """Return the tag of a field whose value has these bytes; None if there is no value."""
    key = (field, item, order)
    try:
        return _DECODED[key]
    except KeyError:
        pass
    tag = decode_field(field, number, kind, item, order)
    if len(item) <= MAX_CACHED_BYTES:
        if len(_DECODED) >= MAX_CACHED_FIELDS:
            _DECODED.clear()
        _DECODED[key] = tag
    return tag


def read_field(table: Table, field: Field, data: bytes, number: int, order: str) -> Tag | None:
    """Return the tag of the field at the start of `data`; None if `data` is too short or there is no value."""
    kind = _kind_of(field, table)
    if kind is None:
        return None
    length = _length_of(field, kind)
    if length is None:
        length = min(len(data), MAX_TEXT_BYTES)
    if not 0 < length <= len(data):
        return None
    return _cached_field(field, data[:length], number, kind, order)


def field_at(table: Table, note: Note, index: int) -> Field | None:
    """Return the field of an index in a table whose indexes are not offsets; None if there is none."""
    fields = table.fields.get((index, str(index))) or table.fields.get(index)
    return note.choose_field(fields) if fields else None
