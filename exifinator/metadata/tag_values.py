"""Decode the values of tags. The names of tags and the meanings of values come from exifread."""

from __future__ import annotations

import math
import struct
from typing import Any, NamedTuple

from exifinator.metadata import tiff_spec
from exifinator.metadata.text_decoding import decode_comment, decode_text, decode_utf16

# exifread's functions raise these on unexpected values.
EXIFREAD_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error)

# Format characters for the `struct` module, by TIFF type.
NUMBER_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}
RATIO_FORMATS = {5: "I", 10: "i"}
FLOAT_TYPES = frozenset({11, 12})

# Tags whose text follows an 8-byte character code (Exif 3.0, 4.6.6.5).
COMMENT_TAGS = frozenset({("EXIF", 0x9286), ("GPS", 0x001B), ("GPS", 0x001C)})
COPYRIGHT = 0x8298
BYTE, UNDEFINED = 1, 7
# GPSVersionID, DNGVersion and DNGBackwardVersion: four numbers that are printed with dots between them.
DOTTED_VERSIONS = frozenset({0x0000, 0xC612, 0xC613})

# Upper bound on the memory that a number in a list takes.
NUMBER_BYTES = 64
# Upper bound on the memory for a byte of text. The byte may become a wide character.
CHARACTER_BYTES = 8
# In `printable`, a list of more than MAX_PRINTED_VALUES values is abbreviated to its first PRINTED_VALUES values, as in
# exifread.
MAX_PRINTED_VALUES = 50
PRINTED_VALUES = 20


class Directory(NamedTuple):
    """How to read the entries of a directory.

    Attributes:
        name: exifread's name of the directory, such as "EXIF".
        base: Position in the TIFF block from which the directory's offsets count, in bytes.
        byte_order: "<" or ">".
    """

    name: str
    base: int
    byte_order: str


def format_ratio(numerator: int, denominator: int) -> str:
    """Return a ratio in lowest terms, as exifread prints it. A denominator of 0 is printed too, as in "5/0"."""
    if not denominator:
        return f"{numerator}/0"
    divisor = math.gcd(numerator, denominator)
    if denominator < 0:
        divisor = -divisor
    if denominator == divisor:
        return str(numerator // divisor)
    return f"{numerator // divisor}/{denominator // divisor}"


class Tag:
    """One tag of a directory. It has the attributes of exifread's IfdTag, but takes less time and memory.

    Do not change a tag after decoding it, because photos share tags through a cache.

    Attributes:
        name: The name, such as "Image Make".
        printable: The values as text.
        tag: The tag number.
        field_type: The TIFF type of the values.
        values: A list of numbers (None for NaN, infinity and ratios with denominator 0), or a string.
        field_offset: Offset of the value in the TIFF block, in bytes, if the value is not decoded here (such as the
            MakerNote, which exifread decodes); otherwise 0.
        field_length: Length of the value in bytes.
        memory_bytes: Upper bound on the memory that the values take.
        document: The tag in the form that the record stores.
    """

    __slots__ = (
        "document", "field_length", "field_offset", "field_type", "memory_bytes", "name", "printable", "tag", "values",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        printable: str,
        tag: int,
        field_type: int,
        values: Any,
        length: int,
        *,
        offset: int = 0,
        memory_bytes: int = 0,
    ) -> None:
        self.name = name
        self.printable = printable
        self.tag = tag
        self.field_type = field_type
        self.values = values
        self.field_offset = offset
        self.field_length = length
        self.memory_bytes = memory_bytes
        self.document = {
            "printable": printable,
            "tag": tag,
            "field_type": field_type,
            "field_length": length,
            "values": [] if tag == tiff_spec.MAKER_NOTE else values,
        }


def tag_name(ifd_name: str, tag: int, tag_info: Any) -> str:
    """Return exifread's name for a tag, or a name made from its number if exifread does not know the tag."""
    return f"{ifd_name} {tag_info[0]}" if tag_info else f"{ifd_name} Tag 0x{tag:04X}"


def max_memory_bytes(ifd_name: str, tag: int, field_type: int, length: int) -> int:
    """Return an upper bound on the memory, in bytes, that a value takes after decoding.

    `length` is the size of the value in the file, in bytes.
    """
    if field_type in tiff_spec.TEXT_TYPES or (ifd_name, tag) in COMMENT_TAGS:
        return CHARACTER_BYTES * length
    return NUMBER_BYTES * (length // tiff_spec.TYPE_BYTES[field_type]) * (2 if field_type in RATIO_FORMATS else 1)


def decode_tag(directory: Directory, fields: tuple[Any, ...], data: bytes, tag_info: Any) -> Tag:
    """Decode a tag from the bytes of its value.

    Args:
        directory: The directory of the tag.
        fields: Tag, type, number of values, and the four bytes with the value or its offset.
        data: The bytes of the value.
        tag_info: exifread's (name, meanings of values) for the tag; None for an unknown tag.
    """
    tag, field_type, n_values, _ = fields
    ifd_name, _, byte_order = directory
    values: Any
    if field_type in tiff_spec.TEXT_TYPES:
        values = printable = decode_text(data, all_parts=tag == COPYRIGHT)
    elif (ifd_name, tag) in COMMENT_TAGS:
        values = printable = decode_comment(data, byte_order)
    elif field_type in RATIO_FORMATS:
        numbers = struct.unpack(f"{byte_order}{2 * n_values}{RATIO_FORMATS[field_type]}", data)
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        values = [top / bottom if bottom else None for top, bottom in pairs]
        printable = _format_ratios(pairs)
    elif tag in tiff_spec.XP_TEXTS and ifd_name == "Image":
        values = printable = decode_utf16(data)
    else:
        values = list(struct.unpack(f"{byte_order}{n_values}{NUMBER_FORMATS[field_type]}", data))
        if field_type in FLOAT_TYPES:
            values = [value if math.isfinite(value) else None for value in values]
        printable = _version(tag, field_type, values) or _printable(values, tag_info)
    memory = max_memory_bytes(ifd_name, tag, field_type, len(data))
    return Tag(tag_name(ifd_name, tag, tag_info), printable, tag, field_type, values, len(data), memory_bytes=memory)


def _version(tag: int, field_type: int, values: list[Any]) -> str:
    """Return a version as text: `0232` for four ASCII digits, `1.4.0.0` for four numbers, "" for other values."""
    if len(values) != 4:
        return ""
    if field_type == UNDEFINED and all(48 <= value <= 57 for value in values):
        return bytes(values).decode()
    return ".".join(map(str, values)) if field_type == BYTE and tag in DOTTED_VERSIONS else ""


def _printable(values: list[Any], tag_info: Any) -> str:
    """Return the values as text: their meanings according to exifread, or numbers if exifread knows no meanings."""
    meaning = tag_info[1] if tag_info else None
    if isinstance(meaning, dict):
        return "".join(meaning.get(value) or ("" if value in meaning else repr(value)) for value in values[:64])
    if meaning is not None and not isinstance(meaning, tuple):
        try:
            return str(meaning(values))
        except EXIFREAD_ERRORS:
            return str(values[:PRINTED_VALUES])
    if len(values) == 1:
        return str(values[0])
    if len(values) > MAX_PRINTED_VALUES:
        return f"{str(values[:PRINTED_VALUES])[:-1]}, ... ]"
    return str(values)


def _format_ratios(pairs: list[tuple[int, int]]) -> str:
    if len(pairs) == 1:
        return format_ratio(*pairs[0])
    is_long = len(pairs) > MAX_PRINTED_VALUES
    ratios = ", ".join([format_ratio(*pair) for pair in pairs[: PRINTED_VALUES if is_long else None]])
    return f"[{ratios}, ... ]" if is_long else f"[{ratios}]"
