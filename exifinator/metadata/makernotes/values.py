"""Decode the values in a MakerNote, and print them as ExifTool does."""

from __future__ import annotations

import math
import struct
from typing import Any

from exifinator.metadata import tiff_spec
from exifinator.metadata.makernotes import property_lists
from exifinator.metadata.makernotes.tables import FORMATS, Field, Labels
from exifinator.metadata.tag_values import NUMBER_FORMATS, RATIO_FORMATS, Tag
from exifinator.metadata.text_decoding import decode_text

# ExifTool's name of a type -> the corresponding TIFF type.
TIFF_TYPES = {
    "int8u": 1, "string": 2, "int16u": 3, "int32u": 4, "rational64u": 5, "int8s": 6, "undef": 7, "int16s": 8,
    "int32s": 9, "rational64s": 10, "float": 11, "double": 12, "int16uRev": 3, "int32uRev": 4, "unicode": 2,
}  # fmt: skip
# At most this many values of a list are printed.
MAX_PRINTED_VALUES = 64
# Estimated memory per number, or per eight characters of a string.
BYTES_PER_VALUE = 64
# BSON stores 64-bit integers with a sign.
MAX_INTEGER = 1 << 63
# Errors of a conversion to which the value does not conform.
CONVERSION_ERRORS = (ArithmeticError, LookupError, TypeError, ValueError, struct.error)


def is_text(data: bytes) -> bool:
    """Return whether these bytes are printable ASCII, possibly followed by NULs, spaces or newlines."""
    body = data.rstrip(b"\0 \n\r")
    return bool(body) and all(32 <= byte < 127 for byte in body)


def decode_items(data: bytes, field_type: int, order: str) -> Any:
    """Decode a value of a TIFF type.

    Args:
        data: The bytes of the value.
        field_type: The TIFF type.
        order: Byte order, "<" or ">".

    Returns:
        A string, or a list of numbers. Ratios with a denominator of 0, and floats that are not finite, are None. Bytes
        of the type UNDEFINED are returned unchanged.
    """
    if field_type in tiff_spec.TEXT_TYPES:
        return decode_text(data)
    if field_type == 7:
        return data
    if field_type in RATIO_FORMATS:
        numbers = struct.unpack(f"{order}{len(data) // 4}{RATIO_FORMATS[field_type]}", data)
        return [top / bottom if bottom else None for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)]
    item_bytes = tiff_spec.TYPE_BYTES[field_type]
    values: list[Any] = list(struct.unpack(f"{order}{len(data) // item_bytes}{NUMBER_FORMATS[field_type]}", data))
    return [value if math.isfinite(value) else None for value in values] if field_type in (11, 12) else values


def decode_exiftool_type(data: bytes, kind: str, order: str) -> Any:
    """Decode a value of one of ExifTool's types.

    Args:
        data: The bytes of the value.
        kind: ExifTool's name of the type, such as "int16u".
        order: Byte order, "<" or ">".

    Returns:
        As for decode_items.
    """
    if kind == "string":
        return decode_text(data)
    if kind in ("undef", "?"):
        return data
    if kind == "unicode":
        return data.decode("utf-16-le" if order == "<" else "utf-16-be", "replace").split("\0", 1)[0].rstrip()
    character, item_bytes = FORMATS[kind]
    if kind.endswith("Rev"):
        order = ">" if order == "<" else "<"
    number_bytes = struct.calcsize(character)
    numbers: list[Any] = list(struct.unpack(f"{order}{len(data) // number_bytes}{character}", data))
    if character == "Q":
        numbers = [_storable(number) for number in numbers]
    if kind.startswith("rational"):
        return [top / bottom if bottom else None for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)]
    if kind.startswith("fixed"):
        return [round(number / (1 << 4 * item_bytes), 6) for number in numbers]
    return [value if math.isfinite(value) else None for value in numbers] if character in "fd" else numbers


def print_number(value: Any) -> str:
    """Return a number as ExifTool prints it: with at most ten significant digits, or "undef" for None."""
    if value is None:
        return "undef"
    if type(value) is float:
        return f"{value:.10g}"
    return str(value)


def print_value(field: Field | None, value: Any) -> str:
    """Return a value as text: its label, or else its print form, or else the value itself."""
    single = value[0] if isinstance(value, list) and len(value) == 1 else value
    if field is None:
        return _print_plain(single)
    labels = field.labels
    if isinstance(labels, tuple):
        items = value if isinstance(value, list) else [value]
        return "; ".join(
            _print_item(labels[index] if index < len(labels) else None, item)
            for index, item in enumerate(items[:MAX_PRINTED_VALUES])
        )
    if labels is not None:
        text = labels.get(_print_plain(single) if isinstance(single, list) else single)
        if text is not None:
            return text
        if field.show is None:
            return f"Unknown ({_print_plain(single)})" if isinstance(single, int) else _print_plain(single)
    if field.show is not None:
        return str(field.show(single))
    return _print_plain(single)


def _print_item(labels: Labels | None, item: Any) -> str:
    text = labels.get(item) if labels else None
    return text if text is not None else f"Unknown ({print_number(item)})" if labels else print_number(item)


def _print_plain(value: Any) -> str:
    """Return a value without a label or a print form as text."""
    if isinstance(value, list):
        printed = " ".join(print_number(item) for item in value[:MAX_PRINTED_VALUES])
        return f"{printed} ..." if len(value) > MAX_PRINTED_VALUES else printed
    return value if isinstance(value, str) else print_number(value)


def _storable(value: Any) -> Any:
    """Return a value; None if it is a number that MongoDB cannot store."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return None if isinstance(value, int) and not -MAX_INTEGER <= value < MAX_INTEGER else value


def make_tag(
    name: str, number: int, field_type: int, field: Field | None, value: Any, length: int, order: str
) -> Tag | None:
    """Convert a decoded value, and return its tag. Return None if there is no value after the conversion.

    Args:
        name: The tag's name, without "MakerNote ".
        number: The tag's number, or the index of the field.
        field_type: The TIFF type.
        field: The field, which has the conversion; None if the table has no such tag.
        value: The value as decoded by decode_items or decode_exiftool_type.
        length: The length of the value in bytes.
        order: Byte order, "<" or ">".
    """
    if field is not None and field.convert is not None:
        value = field.convert(value, order)
        if value is None:
            return None
        value = [_storable(item) for item in value] if isinstance(value, list) else _storable(value)
        if value is None:
            return None
    if isinstance(value, bytes):
        text = property_lists.property_list_text(value) if value.startswith(property_lists.BEGIN) else None
        value = text if text is not None else decode_text(value) if is_text(value) else list(value)
    if isinstance(value, int | float):
        value = [value]
    memory_bytes = BYTES_PER_VALUE * (len(value) if isinstance(value, list) else 1 + len(value) // 8)
    return Tag(
        f"MakerNote {name}", print_value(field, value), number, field_type, value, length, memory_bytes=memory_bytes
    )


def decode_field(field: Field, number: int, kind: str, data: bytes, order: str) -> Tag | None:
    """Decode the value of a field of a structure, and return its tag. Return None if there is no valid value.

    Args:
        field: The field.
        number: The tag's number, or the index of the field.
        kind: ExifTool's name of the type of the value.
        data: The bytes of the value.
        order: Byte order, "<" or ">".
    """
    try:
        value = decode_exiftool_type(data, kind, order)
        return make_tag(field.name, number, TIFF_TYPES.get(kind, 7), field, value, len(data), order)
    except CONVERSION_ERRORS:
        return None
