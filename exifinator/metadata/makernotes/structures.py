"""Read the structures in MakerNotes. Most have a fixed layout. READERS has a reader for each other structure.

Sources: https://exiftool.org/TagNames/Nikon.html (Nikon Capture), and on the same site PhaseOne.html, Apple.html,
Ricoh.html, JVC.html, DJI.html and Olympus.html, or observed in sample files. For sample files, ExifTool 13.59
prints the same values.

All readers have the same parameters:

    table       the table of the structure
    data        the structure
    order       the byte order, "<" or ">"
    note        the note that contains the structure
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

from exifinator.metadata.makernotes.canon_structures import (
    FOCAL_FIELDS,
    read_canon_af,
    read_canon_custom,
    read_canon_custom2,
    read_canon_filter,
    read_canon_focal,
    read_canon_personal,
)
from exifinator.metadata.makernotes.fixed_layout import (
    MAX_TEXT_BYTES,
    Note,
    field_at,
    find_nested,
    read_field,
    read_fixed_layout,
)
from exifinator.metadata.makernotes.key_values import read_gpmf, read_qualcomm
from exifinator.metadata.makernotes.property_lists import load_property_list
from exifinator.metadata.makernotes.tables import FORMATS, TEXT_FORMATS, Table, get_table
from exifinator.metadata.makernotes.values import decode_field, make_tag
from exifinator.metadata.tag_values import Tag

# The maximum number of entries per structure, for structures without a fixed layout.
MAX_ENTRIES = 400
# The only type of the settings of Nikon's cameras: a number of 32 bits.
NIKON_SETTING_TYPE = 4


def read_structure(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of a structure. If the structure is truncated, yield those before its end."""
    reader = READERS.get(table.name)
    if reader is not None:
        yield from reader(table, data, order, note)
    elif table.unit:
        yield from read_fixed_layout(table, data, order, note)
        for nested_table, nested_data in find_nested(table, data, order, note):
            yield from read_structure(nested_table, nested_data, order, note)


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
            fields = table.fields_named(name)
            field = note.choose_field(fields) if fields else None
            if field is not None:
                tag = make_tag(field.name, 0, 2, field, value[:MAX_TEXT_BYTES], len(value), "<")
                if tag is not None:
                    yield tag

    return read


def read_plist(table: Table, data: bytes, _order: str, note: Note) -> Iterator[Tag]:
    """Yield the entries of Apple's binary property list."""
    document = load_property_list(data)
    for name, value in (document if isinstance(document, dict) else {}).items():
        fields = table.fields_named(name)
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


def read_nikon_settings(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the settings of Nikon's cameras since 2020.

    After 20 bytes, there are the number of the settings (32 bits), and for each setting its number (16 bits), its type
    (16 bits) and its value (32 bits).
    """
    count = int.from_bytes(data[20:24], "big")
    for position in range(24, min(24 + 8 * count, len(data) - 7), 8):
        number, kind, _ = struct.unpack_from(">HHI", data, position)
        field = field_at(table, note, number) if kind == NIKON_SETTING_TYPE else None
        if field is not None:
            tag = decode_field(field, number, "int32u", data[position + 4 : position + 8], order)
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
        field = field_at(table, note, number)
        if field is None:
            continue
        item = data[position + 12 : position + 12 + length] if length <= 4 else data[pointer : pointer + length]
        kind = field.kind if field.kind in FORMATS or field.kind in TEXT_FORMATS else "undef"
        if len(item) < length or length > MAX_TEXT_BYTES or not length:
            yield Tag(f"MakerNote {field.name}", f"({length:,} bytes)", number, 7, [], length)
            continue
        tag = decode_field(field, number, kind, item, order)
        if tag is not None:
            yield tag


def read_pentax_exposure(table: Table, data: bytes, order: str, note: Note) -> Iterator[Tag]:
    """Yield the tags of Pentax's exposure settings. In a structure of 24 bytes, byte 8 is an additional one."""
    yield from read_fixed_layout(table, data[:8] + data[9:] if len(data) == 24 else data, order, note)


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
    "NikonSettings::Main": read_nikon_settings,
    "PhaseOne::Main": read_phase_one,
    "GoPro::GPMF": read_gpmf,
    "Qualcomm::Main": read_qualcomm,
    "Pentax::AEInfo": read_pentax_exposure,
    "SigmaRaw::Properties": read_text_pairs(r"(\w+)=([^\r\n]*)"),
}
