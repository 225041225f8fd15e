"""Read the structures in MakerNotes. Most have a fixed layout, and READERS has a reader for each of the others.

Sources: the fields of fixed layouts come from the output of `exiftool -listx`. The other layouts are described at
https://exiftool.org/TagNames/Canon.html (AFInfo, AFInfo2), and on the same site in CanonCustom.html (custom functions),
Nikon.html (Nikon Capture), PhaseOne.html, Apple.html, Ricoh.html, JVC.html, DJI.html and Olympus.html, or were observed
in sample files. For sample files, the values are those that ExifTool 13.59 prints.

All readers have the same parameters:

    table       the table of the structure
    data        the structure
    order       the byte order, "<" or ">"
    note        the note that contains the structure
"""

from __future__ import annotations

import plistlib
import re
import struct
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple, Protocol

from exifinator.metadata.makernotes.key_values import read_gpmf, read_qualcomm
from exifinator.metadata.makernotes.tables import DEFAULT_FORMATS, FORMATS, TEXT_FORMATS, Field, Table, get_table
from exifinator.metadata.makernotes.values import TIFF_TYPES, decode_format, make_tag
from exifinator.metadata.tag_values import Tag

# Longer values are not useful for searching.
MAX_ITEMS = 256
MAX_TEXT_BYTES = 512
# The maximum number of entries per structure, for structures without a fixed layout.
MAX_ENTRIES = 400

ERRORS = (ArithmeticError, LookupError, TypeError, ValueError, struct.error)


class Note(Protocol):
    """What the readers need to know about the note that contains a structure.

    Attributes:
        tags: The tags decoded so far, by names such as "MakerNote LensType".
    """

    tags: dict[str, Tag]

    def choose_field(self, fields: tuple[Field, ...], /) -> Field | None:
        """Return the field that applies to the camera; None if there is none."""


def read_structure(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of a structure. If the structure is truncated, yield those before its end."""
    reader = READERS.get(table.name)
    if reader is not None:
        yield from reader(table, data, order, note)
    elif table.unit:
        yield from read_fixed_layout(table, data, order, note)


class _Place(NamedTuple):
    """Where the fields of one index are in a structure of fixed layout.

    Attributes:
        start: Offset of the first byte.
        end: Offset after the last byte; None for the end of the structure.
        number: The index.
        fields: The fields, which exclude each other.
        kind: The type of the fields, as in Field.
    """

    start: int
    end: int | None
    number: int
    fields: tuple[Field, ...]
    kind: str


@cache
def _plan(name: str) -> tuple[_Place, ...]:
    """Return the places of the fields of a table of fixed layout."""
    table = get_table(name)
    places = []
    for (index, _), fields in table.fields.items() if table else ():
        for field in fields:
            kind = field.kind if field.kind != "?" else DEFAULT_FORMATS.get(table.unit, "int8u") if table else "int8u"
            if kind not in FORMATS and kind not in TEXT_FORMATS:
                continue
            start = index * table.unit if table else 0
            # Fields that exclude each other may have different lengths. Only those of the same length share a place.
            same = tuple(other for other in fields if other.kind == field.kind and other.count == field.count)
            if field is not same[0] or start < 0:
                continue
            if kind in ("string", "undef", "unicode") and not field.count:
                places.append(_Place(start, None, index, same, kind))
            else:
                size = FORMATS[kind][1] if kind in FORMATS else TEXT_FORMATS[kind]
                places.append(_Place(start, start + size * min(max(field.count, 1), MAX_ITEMS), index, same, kind))
    return tuple(places)


# Decoded fields, shared by all photos that this process reads. Key: (field, bytes of its value, byte order).
_DECODED: dict[tuple[Field, bytes, str], Tag | None] = {}
MAX_CACHED = 20_000
MAX_CACHED_BYTES = 64


def read_fixed_layout(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of a structure of fixed layout. The field of index i begins at byte i * table.unit."""
    length = len(data)
    for place in _plan(table.name):
        start, end, number, fields, kind = place
        if start >= length or (end is not None and end > length):
            continue
        if len(fields) > 1 or fields[0].models is not None:
            field = note.choose_field(fields)
            if field is None:
                continue
        else:
            field = fields[0]
        item = data[start : min(end or length, start + MAX_TEXT_BYTES)]
        tag = _cached_field(field, item, number, kind, order)
        if tag is not None:
            yield tag
    for index, children in table.children.items():
        child_table = get_table(children[0].table)
        start = index * table.unit
        if children[0].kind == "offset":
            pointer = data[start : start + 4]
            start = int.from_bytes(pointer, "little" if order == "<" else "big") or len(data)
        if child_table is not None and start < len(data):
            yield from read_structure(child_table, data[start:], order, note)


def _cached_field(field: Field, item: bytes, number: int, kind: str, order: str) -> Tag | None:
    """Return the tag of a field whose value has these bytes; None if there is no value."""
    key = (field, item, order)
    try:
        return _DECODED[key]
    except KeyError:
        pass
    try:
        tag = make_tag(
            field.name, number, TIFF_TYPES.get(kind, 7), field, decode_format(item, kind, order), len(item), order
        )
    except ERRORS:
        tag = None
    if len(item) <= MAX_CACHED_BYTES:
        if len(_DECODED) >= MAX_CACHED:
            _DECODED.clear()
        _DECODED[key] = tag
    return tag


def read_field(table: Table, field: Field, data: bytes, number: int, order: str) -> Tag | None:
    """Return the tag of the field at the start of `data`; None if `data` is too short or there is no value."""
    kind = field.kind if field.kind != "?" else DEFAULT_FORMATS.get(table.unit, "int8u")
    if kind not in FORMATS and kind not in TEXT_FORMATS:
        return None
    if kind in ("string", "undef", "unicode") and not field.count:
        length = min(len(data), MAX_TEXT_BYTES)
    else:
        size = FORMATS[kind][1] if kind in FORMATS else TEXT_FORMATS[kind]
        length = size * min(max(field.count, 1), MAX_ITEMS)
    if not 0 < length <= len(data):
        return None
    return _cached_field(field, data[:length], number, kind, order)


def _words(data: bytes, order: str) -> tuple[int, ...]:
    return struct.unpack(f"{order}{len(data) // 2}H", data[: len(data) // 2 * 2])


def _field_at(table: Table, note: Note, index: int) -> Field | None:
    """Return the field of an index in a table whose indexes are not offsets; None if there is none."""
    fields = table.fields.get((index, str(index))) or table.fields.get(index)
    return note.choose_field(fields) if fields else None


# --- Canon --------------------------------------------------------------------------------------------------------


def read_canon_af(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of Canon's AFInfo or AFInfo2. Some are lists whose lengths depend on the number of AF points."""
    is_new = table.name == "Canon::AFInfo2"
    words = _words(data, order)
    if len(words) < 8:
        return
    n_points = words[2] if is_new else words[0]
    if not 0 < n_points <= 2000:
        return
    n_masks = (n_points + 15) // 16
    lists = {8: n_points, 9: n_points, 10: n_points, 11: n_points, 12: n_masks, 13: n_masks} if is_new else {
        8: n_points, 9: n_points, 10: n_masks,
    }  # fmt: skip
    position = 0
    for index in range(16):
        count = lists.get(index, 1)
        item = data[2 * position : 2 * (position + count)]
        if len(item) < 2 * count:
            return
        position += count
        field = _field_at(table, note, index)
        if field is None or not count:
            continue
        value: Any = decode_format(item, field.kind if field.kind in FORMATS else "int16u", order)
        if (is_new and index in (12, 13)) or (not is_new and index == 10):
            value = _set_bits(value)
            yield Tag(f"MakerNote {field.name}", value or "(none)", index, 3, value, len(item))
            continue
        tag = make_tag(field.name, index, TIFF_TYPES.get(field.kind, 3), field, value, len(item), order)
        if tag is not None:
            yield tag


def _set_bits(words: list[int]) -> str:
    """Return the numbers of the set bits, separated by commas. Each word has 16 bits, the lowest one first."""
    bits = [16 * index + bit for index, word in enumerate(words) for bit in range(16) if word & 0xFFFF & (1 << bit)]
    return ",".join(map(str, bits))


def read_canon_custom(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of Canon's older custom functions.

    After the first 16-bit word, there is one word per function: its number (8 bits) and its value (8 bits).
    """
    for word in _words(data, order)[1 : 1 + MAX_ENTRIES]:
        field = _field_at(table, note, word >> 8)
        if field is not None:
            tag = make_tag(field.name, word >> 8, 1, field, [word & 0xFF], 1, order)
            if tag is not None:
                yield tag


def read_canon_personal(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of Canon's personal functions. After the length, there is one 16-bit word per function."""
    for index, word in enumerate(_words(data, order)[: 1 + MAX_ENTRIES]):
        field = _field_at(table, note, index) if index else None
        if field is not None:
            tag = make_tag(field.name, index, 3, field, [word], 2, order)
            if tag is not None:
                yield tag


def read_canon_custom2(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of Canon's newer custom functions.

    The structure consists of 32-bit words. Two words are followed by groups. A group begins with its number, its length
    in bytes and the number of its functions. A function is its number, the number of its values, and the values.
    """
    words = struct.unpack(f"{order}{len(data) // 4}I", data[: len(data) // 4 * 4])
    position, n_functions = 2, 0
    while position + 3 <= len(words) and n_functions < MAX_ENTRIES:
        length, count = words[position + 1], words[position + 2]
        end = min(position + 1 + length // 4, len(words))
        inner = position + 3
        for _ in range(min(count, MAX_ENTRIES)):
            n_functions += 1
            if inner + 2 > end or n_functions > MAX_ENTRIES:
                break
            number, n_values = words[inner], words[inner + 1]
            values = words[inner + 2 : inner + 2 + min(n_values, MAX_ITEMS)]
            inner += 2 + n_values
            field = _field_at(table, note, number)
            if field is not None and values and len(values) == n_values:
                signed = [value - (1 << 32) if value >> 31 else value for value in values]
                tag = make_tag(field.name, number, 9, field, signed, 4 * n_values, order)
                if tag is not None:
                    yield tag
        if length < 8:
            return
        position = position + 1 + length // 4


def read_canon_filter(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of Canon's creative filters, whose layout is that of the newer custom functions."""
    yield from read_canon_custom2(table, data, order, note)


# --- others -------------------------------------------------------------------------------------------------------


def read_text_pairs(pattern: str) -> Callable[..., Iterator[Tag]]:
    """Return a reader for structures that are a text with names and values.

    Args:
        pattern: Pattern of one name and its value, with a group for each.
    """
    compiled = re.compile(pattern)

    def read(table: Table, data: bytes, _order: str, note: Note) -> Iterator[Tag]:
        text = data[:8192].decode("latin-1")
        for match, _ in zip(compiled.finditer(text), range(MAX_ENTRIES), strict=False):
            name, value = match[1].strip(), match[2].strip()
            fields = table.fields.get((0, name)) or table.fields.get(name)
            field = note.choose_field(fields) if fields else None
            if field is not None:
                tag = make_tag(field.name, 0, 2, field, value[:MAX_TEXT_BYTES], len(value), "<")
                if tag is not None:
                    yield tag

    return read


def read_plist(table: Table, data: bytes, _order: str, note: Note) -> Iterator[Tag]:
    """Yield the entries of Apple's binary property list."""
    if len(data) > 4096 or not data.startswith(b"bplist00"):
        return
    try:
        document = plistlib.loads(data, fmt=plistlib.FMT_BINARY)
    except (plistlib.InvalidFileException, RecursionError, MemoryError, *ERRORS):
        return
    for name, value in (document if isinstance(document, dict) else {}).items():
        fields = table.fields.get((0, name)) or table.fields.get(name)
        field = note.choose_field(fields) if fields else None
        if (
            field is not None
            and isinstance(value, int | float | str)
            and abs(value if isinstance(value, int) else 0) < 2**63
        ):
            tag = make_tag(field.name, 0, 9, field, value, 0, "<")
            if tag is not None:
                yield tag


def read_nikon_capture(table: Table, data: bytes, _order: str, note: Note) -> Iterator[Tag]:
    """Yield the settings of Nikon Capture.

    After 22 bytes, there are blocks: a number (32 bits), 14 unknown bytes, a length (32 bits) and a value. The length
    includes its own four bytes. All numbers are little-endian.
    """
    position = 22
    for _ in range(MAX_ENTRIES):
        head = data[position : position + 22]
        if len(head) < 22:
            return
        number = int.from_bytes(head[:4], "little")
        length = int.from_bytes(head[18:22], "little") - 4
        value = data[position + 22 : position + 22 + max(length, 0)]
        if length < 0 or len(value) < length:
            return
        position += 22 + length
        children = table.children.get(number)
        child = get_table(children[0].table) if children else None
        fields = table.fields.get((number, str(number)))
        if child is not None:
            yield from read_structure(child, value, "<", note)
        elif fields:
            tag = read_field(table, fields[0], value, number & 0x7FFFFFFF, "<")
            if tag is not None:
                yield tag


def read_phase_one(table: Table, data: bytes, _order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of a Phase One note.

    The note begins with its byte order (II or MM). The 32-bit number at byte 8 is the offset of the directory, and the
    directory begins with the number of its entries and four other bytes. An entry consists of four 32-bit numbers: tag,
    format, length in bytes, and value. If the value is longer than four bytes, its offset in the note takes its place.
    """
    order = ">" if data[:2] == b"MM" else "<"
    if len(data) < 12:
        return
    start = struct.unpack_from(order + "I", data, 8)[0]
    if start + 8 > len(data):
        return
    count = min(struct.unpack_from(order + "I", data, start)[0], MAX_ENTRIES)
    for position in range(start + 8, min(start + 8 + 16 * count, len(data) - 15), 16):
        number, _, length, pointer = struct.unpack_from(order + "4I", data, position)
        field = _field_at(table, note, number)
        if field is None:
            continue
        item = data[position + 12 : position + 12 + length] if length <= 4 else data[pointer : pointer + length]
        kind = field.kind if field.kind in FORMATS or field.kind in TEXT_FORMATS else "undef"
        if len(item) < length or length > MAX_TEXT_BYTES or not length:
            yield Tag(f"MakerNote {field.name}", f"({length:,} bytes)", number, 7, [], length)
            continue
        try:
            tag = make_tag(
                field.name, number, TIFF_TYPES.get(kind, 7), field, decode_format(item, kind, order), length, order
            )
        except ERRORS:
            continue
        if tag is not None:
            yield tag


# Table -> the fields whose values are in units of 1/FocalUnits mm. FocalUnits is a field in the same note.
FOCAL_FIELDS = {"Canon::CameraSettings": ("MaxFocalLength", "MinFocalLength"), "Canon::FocalLength": ("FocalLength",)}


def read_canon_focal(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of one of Canon's structures of fixed layout, with focal lengths converted to mm."""
    tags = list(read_fixed_layout(table, data, order, note))
    units = next((tag for tag in tags if tag.name.endswith(" FocalUnits")), note.tags.get("MakerNote FocalUnits"))
    divisor = units.values[0] if units is not None and units.values else 1
    names = {f"MakerNote {name}" for name in FOCAL_FIELDS[table.name]}
    for tag in tags:
        if tag.name in names:
            raw = int.from_bytes(data[2 * tag.tag : 2 * tag.tag + 2], "little" if order == "<" else "big")
            millimetres = round(raw / divisor, 9) if divisor else raw
            value = int(millimetres) if millimetres == int(millimetres) else millimetres
            yield Tag(tag.name, f"{value} mm", tag.tag, tag.field_type, [value], tag.field_length, memory_bytes=64)
        else:
            yield tag


# Table -> the reader of its structure. Structures that are not listed here have a fixed layout.
READERS: dict[str, Callable[[Table, bytes, str, Any], Iterator[Tag]]] = {
    **dict.fromkeys(FOCAL_FIELDS, read_canon_focal),
    "Canon::AFInfo": read_canon_af,
    "Canon::AFInfo2": read_canon_af,
    **{
        f"CanonCustom::Functions{model}": read_canon_custom
        for model in ("1D", "5D", "10D", "20D", "30D", "350D", "400D", "D30")
    },
    "CanonCustom::Functions2": read_canon_custom2,
    "CanonCustom::PersonalFuncs": read_canon_personal,
    "CanonCustom::PersonalFuncValues": read_canon_personal,
    "Canon::FilterInfo": read_canon_filter,
    "Apple::RunTime": read_plist,
    "Ricoh::Text": read_text_pairs(r"([A-Z][a-z]{1,2})\s*([0-9a-fA-F]+);"),
    "JVC::Text": read_text_pairs(r"([A-Z]+):(.{3,4})"),
    "DJI::Info": read_text_pairs(r"\[([\w ()]+):([^\]]*)\]"),
    "Olympus::TextInfo": read_text_pairs(r"(\w+)=([^\r\n]*)"),
    "NikonCapture::Main": read_nikon_capture,
    "PhaseOne::Main": read_phase_one,
    "GoPro::GPMF": read_gpmf,
    "Qualcomm::Main": read_qualcomm,
    "SigmaRaw::Properties": read_text_pairs(r"(\w+)=([^\r\n]*)"),
}
