"""Craft JPEG files whose MakerNotes contain chosen values, to measure how ExifTool converts the values.

In this module, `number` is the chosen value, `order` the byte order ("<" or ">"), and `kind` ExifTool's name of a type.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

from exifinator.metadata.makernotes.ciphers import decipher_nikon
from exifinator.metadata.makernotes.tables import DEFAULT_FORMATS, FORMATS, Child, Table, get_table

# ExifTool's name of a type -> TIFF type.
TYPE_NUMBERS = {
    "int8u": 1, "string": 2, "int16u": 3, "int32u": 4, "rational64u": 5, "int8s": 6, "undef": 7, "int16s": 8,
    "int32s": 9,
    "rational64s": 10, "float": 11, "double": 12, "?": 3,
}  # fmt: skip
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
# The serial number and the shutter count that are the keys of Nikon's enciphered structures.
SERIAL, COUNT = 4242, 4711
# Tag, TIFF type, number of items, and bytes of the value.
Entry = tuple[int, int, int, bytes]


@dataclass(frozen=True)
class Maker:
    """How to craft the MakerNote of a maker.

    Attributes:
        table: The name of the main table.
        make: The camera's make.
        model: The camera's model.
        head: The bytes before the directory.
        base: The position from which offsets count, as in makernotes.headers.Header.
        order: Byte order.
    """

    table: str
    make: str
    model: str
    head: bytes = b""
    base: str = "tiff"
    order: str = "<"


MAKERS = {
    "canon": Maker("Canon::Main", "Canon", "Canon EOS 5D Mark IV"),
    "nikon": Maker("Nikon::Main", "NIKON CORPORATION", "NIKON D300", b"Nikon\0\x02\x10\0\0", "own", ">"),
    "nikon2": Maker("Nikon::Type2", "NIKON", "E950", b"Nikon\0\x01\0"),
    "sony": Maker("Sony::Main", "SONY", "ILCE-7M3", b"SONY DSC \0\0\0"),
    "sony-slt": Maker("Sony::Main", "SONY", "SLT-A77V", b"SONY DSC \0\0\0"),
    "olympus": Maker("Olympus::Main", "OLYMPUS CORPORATION", "E-M1", b"OLYMPUS\0II\x03\0", "note"),
    "panasonic": Maker("Panasonic::Main", "Panasonic", "DMC-GH4", b"Panasonic\0\0\0"),
    "leica2": Maker("Panasonic::Leica2", "Leica Camera AG", "M8 Digital Camera", b"LEICA\0\0\0", "note"),
    "leica5": Maker("Panasonic::Leica5", "LEICA CAMERA AG", "LEICA X1", b"LEICA\0\x01\0", "note"),
    "leica6": Maker("Panasonic::Leica6", "Leica Camera AG", "S2", b"LEICA\0\x02\xff"),
    "leica9": Maker("Panasonic::Leica9", "LEICA CAMERA AG", "LEICA M (Typ 240)", b"LEICA\0\x02\0", "note"),
    "fujifilm": Maker("FujiFilm::Main", "FUJIFILM", "X-T3", b"FUJIFILM\x0c\0\0\0", "note"),
    "pentax": Maker("Pentax::Main", "PENTAX", "PENTAX K-5", b"AOC\0MM", "tiff", ">"),
    "pentax2": Maker("Pentax::Main", "PENTAX RICOH IMAGING", "PENTAX K-3 II", b"PENTAX \0MM", "note", ">"),
    "minolta": Maker("Minolta::Main", "Minolta Co., Ltd.", "DiMAGE 7i"),
    "sigma": Maker("Sigma::Main", "SIGMA", "SIGMA SD10", b"SIGMA\0\0\0\1\0"),
    "sigma2": Maker("Sigma::Main", "SIGMA", "SIGMA DP2 Merrill", b"SIGMA\0\0\0\1\0"),
    "casio": Maker("Casio::Main", "CASIO", "QV-3000EX"),
    "casio2": Maker("Casio::Type2", "CASIO COMPUTER CO.,LTD.", "EX-Z1000", b"QVC\0\0\0", "tiff", ">"),
    "kodak": Maker("Kodak::Main", "EASTMAN KODAK COMPANY", "KODAK DX4900", b"KDK INFO", "tiff", ">"),
    "kodak3": Maker("Kodak::Type3", "EASTMAN KODAK COMPANY", "KODAK DC240", b"", "tiff", ">"),
    "sanyo": Maker("Sanyo::Main", "SANYO Electric Co.,Ltd.", "VPC-MZ3", b"SANYO\0\1\0"),
    "apple": Maker("Apple::Main", "Apple", "iPhone 13", b"Apple iOS\0\0\1MM", "note", ">"),
    "ricoh": Maker("Ricoh::Main", "RICOH", "Caplio GX100", b"Ricoh\0\0\0"),
    "samsung": Maker("Samsung::Type2", "SAMSUNG", "NX300", b"", "note"),
    "dji": Maker("DJI::Main", "DJI", "FC6310"),
    "flir": Maker("FLIR::Main", "FLIR Systems AB", "FLIR i7"),
    "reconyx": Maker("Reconyx::HyperFire", "RECONYX", "HC500", b"", "tiff", "<"),
    "reconyx-uf": Maker("Reconyx::UltraFire", "RECONYX", "UF", b"", "tiff", "<"),
    "reconyx-h2": Maker("Reconyx::HyperFire2", "RECONYX", "HF2", b"", "tiff", "<"),
    "reconyx-mf": Maker("Reconyx::MicroFire", "RECONYX", "MF", b"", "tiff", "<"),
    "casio-qvci": Maker("Casio::QVCI", "CASIO", "QV-7000SX", b"", "tiff", ">"),
    "hp6": Maker("HP::Type6", "Hewlett-Packard", "HP PhotoSmart", b"", "tiff", "<"),
}  # fmt: skip


def sample_match(pattern: str) -> str:
    """Return a short string that matches a regular expression. Use the first of several alternatives."""

    def to_text(items: Any) -> str:
        text = ""
        for op, value in items:
            name = str(op)
            if name == "LITERAL":
                text += chr(value)
            elif name == "ANY":
                text += "0"
            elif name == "IN":
                text += next((chr(v if str(o) == "LITERAL" else v[0]) for o, v in value), "")
            elif name == "BRANCH":
                text += to_text(value[1][0])
            elif name == "SUBPATTERN":
                text += to_text(value[3])
            elif name in ("MAX_REPEAT", "MIN_REPEAT"):
                text += to_text(value[2]) * value[0]
        return text

    return to_text(re._parser.parse(pattern))  # type: ignore[attr-defined]


def pack(kind: str, number: int, count: int, order: str) -> bytes:
    """Return `count` items of one type, all of which have the lowest bits of `number`.

    Floats are `number` / 8, and ratios have a denominator of 10.
    """
    if kind in ("string", "undef", "unicode", "?") or kind not in FORMATS:
        return bytes([number & 0xFF]) * count
    character = FORMATS[kind][0]
    if kind.endswith("Rev"):
        order = ">" if order == "<" else "<"
    if character in "fd":
        return struct.pack(order + character, number / 8) * count
    item_bytes = struct.calcsize(character)
    lowest_bits = number & ((1 << 8 * item_bytes) - 1)
    data = lowest_bits.to_bytes(item_bytes, "little" if order == "<" else "big")
    if kind.startswith("rational"):
        return (data + struct.pack(order + character, 10)) * count
    return data * (FORMATS[kind][1] // item_bytes) * count


def fixed_layout(table: Table, number: int, order: str, length: int = 0) -> bytes:
    """Return a structure of fixed layout in which all fields have the lowest bits of `number`.

    Args:
        table: The table of the structure.
        number: The value of the fields.
        order: Byte order.
        length: Length of the structure in bytes, beyond which fields are left out. 0 for a structure that has room for
            all fields.
    """
    data = bytearray(length or 8)
    for (index, _), fields in table.fields.items():
        kind = fields[0].kind if fields[0].kind != "?" else DEFAULT_FORMATS.get(table.unit, "int8u")
        item = pack(kind, number, fields[0].count or 1, order)
        start = index * table.unit
        if length and start + len(item) > length:
            continue
        if start < 0 or start > 60_000:
            continue
        if start + len(item) > len(data):
            data.extend(bytes(start + len(item) - len(data)))
        data[start : start + len(item)] = item
    return bytes(data)


def encipher_sony(data: bytes) -> bytes:
    """Encipher a structure as Sony does: the inverse of ciphers.decipher_sony."""
    return data.translate(bytes(byte**3 % 249 if byte < 249 else byte for byte in range(256)))


def child_entry(tag: int, child: Child, number: int, order: str, inner: Any = None) -> Entry | None:
    """Return the entry of a tag that contains a structure in which all fields have the lowest bits of `number`.

    Return None if there is no table for the structure.

    Args:
        tag: The tag.
        child: The structure.
        number: The value of the fields.
        order: Byte order of the directory.
        inner: Function (number, order) that returns the bytes of the structure. The default is `fixed_layout`.
    """
    table = get_table(child.table)
    if table is None:
        return None
    length = min(child.sizes) if child.sizes else 8000 if child.cipher == "nikon" and "ShotInfo" in child.table else 0
    field_type = child.type or (7 if table.unit in (0, 1) else {2: 3, 4: 4, 8: 12}[table.unit])
    if child.counts:
        field_type = child.type or {1: 7, 2: 3, 4: 4}.get(table.unit, 7)
        length = min(child.counts) * TYPE_BYTES[field_type]
    inner_order = child.order or order
    data = inner(number, inner_order) if inner else fixed_layout(table, number, inner_order, length)
    data = bytes(child.start) + data
    if (
        not inner
        and table.name.startswith("Canon::")
        and table.unit in (2, 4)
        and table.fields
        and min(k[0] for k in table.fields) >= 1
    ):
        # If no field has the index 0, the structure begins with its length in bytes.
        data = pack("int16u" if table.unit == 2 else "int32u", len(data), 1, order) + data[table.unit :]
    digits = sample_match(child.head.pattern) if child.head else ""
    head = bytes.fromhex(digits + "0" * (len(digits) % 2))
    if child.head and len(head) < 4 and child.cipher == "nikon":
        head = head.ljust(4, b"0")
    if child.cipher == "sony":
        data = encipher_sony(data)
    data = head + data[len(head) :]
    if child.cipher == "nikon":
        data = decipher_nikon(data, SERIAL, COUNT, child.cipher_start)
    return tag, field_type, len(data) // TYPE_BYTES[field_type], data


def directory(entries: list[Entry], at: int, order: str, children: dict[int, list[Entry]] | None = None) -> bytes:
    """Return a directory, followed by its values.

    Args:
        entries: The entries.
        at: Offset of the directory, counted like the offsets in it.
        order: Byte order.
        children: Entries of directories that tags of this directory point to, by tag.
    """
    entries = sorted(entries)
    head = struct.pack(order + "H", len(entries))
    tail = b""
    body = b""
    end = at + 2 + 12 * len(entries) + 4
    for tag, field_type, count, data in entries:
        if children and tag in children:
            body += struct.pack(order + "HHII", tag, 4, 1, end + len(tail))
            tail += directory(children[tag], end + len(tail), order)
            continue
        if len(data) <= 4:
            body += struct.pack(order + "HHI", tag, field_type, count) + data.ljust(4, b"\0")
        else:
            body += struct.pack(order + "HHII", tag, field_type, count, end + len(tail))
            tail += data + b"\0" * (len(data) % 2)
    return head + body + b"\0\0\0\0" + tail


def note(maker: Maker, entries: list[Entry], offset: int, children: dict[int, list[Entry]] | None = None) -> bytes:
    """Return a MakerNote.

    Args:
        maker: The maker.
        entries: The entries of the directory.
        offset: Offset of the MakerNote in the TIFF block, in bytes.
        children: Entries of directories that tags of the main directory point to, by tag.
    """
    if maker.base == "own":
        header = (b"MM\0*" if maker.order == ">" else b"II*\0") + struct.pack(maker.order + "I", 8)
        return maker.head + header + directory(entries, 8, maker.order, children)
    base = 0 if maker.base == "note" else offset
    return maker.head + directory(entries, base + len(maker.head), maker.order, children)


def jpeg(make: str, model: str, order: str, make_note: Any) -> bytes:
    """Return a JPEG with a MakerNote.

    Args:
        make: The camera's make.
        model: The camera's model.
        order: Byte order.
        make_note: Function that returns the MakerNote. Its argument is the offset of the MakerNote in the TIFF block,
            in bytes.

    Raises:
        ValueError: The MakerNote is too long for a JPEG segment.
    """
    make_data, model_data = make.encode() + b"\0", model.encode() + b"\0"

    def block(note_data: bytes) -> tuple[bytes, int]:
        head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
        exif_at = 8 + 2 + 36 + 4 + len(make_data) + len(model_data) + 8
        exif_at += exif_at % 2
        first = directory(
            [(0x10F, 2, len(make_data), make_data.ljust(5, b"\0")),
             (0x110, 2, len(model_data), model_data.ljust(5, b"\0")),
             (0x8769, 4, 1, struct.pack(order + "I", exif_at))], 8, order,
        )  # fmt: skip
        head += first
        head = head.ljust(exif_at, b"\0")
        at = exif_at + 2 + 12 + 4
        return head + directory([(0x927C, 7, len(note_data), note_data.ljust(5, b"\0"))], exif_at, order), at

    _, at = block(b"")
    data, _ = block(make_note(at))
    app1 = b"Exif\0\0" + data
    if len(app1) > 65_000:
        raise ValueError(f"the EXIF segment has {len(app1):,} bytes, more than a JPEG segment can hold")
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + b"\xff\xd9"
