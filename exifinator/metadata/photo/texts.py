"""Read strings that may be placeholders for "no value": names, serial numbers, titles, descriptions and places."""

from __future__ import annotations

from collections.abc import Callable

from exifinator.metadata.photo.lists import names
from exifinator.metadata.photo.placeholders import (
    NO_COPYRIGHT,
    NO_NAME,
    NO_PLACE,
    NO_SERIAL,
    STOCK_DESCRIPTION,
    STOCK_DESCRIPTIONS,
    STOCK_TITLES,
    WEAK_DESCRIPTIONS,
)
from exifinator.metadata.photo.readers import text_unless
from exifinator.metadata.photo.sources import Raw

description = text_unless(STOCK_DESCRIPTIONS, WEAK_DESCRIPTIONS, pattern=STOCK_DESCRIPTION)
weak_description = text_unless(STOCK_DESCRIPTIONS, pattern=STOCK_DESCRIPTION)
title = text_unless(STOCK_TITLES)
name = text_unless(NO_NAME)
copyright_notice = text_unless(NO_COPYRIGHT)
place = text_unless(NO_PLACE)
_serial = text_unless(NO_NAME, pattern=NO_SERIAL)

# A shorter string is not truncated: the fields that truncate their text have at least 32 bytes.
MIN_TRUNCATED_CHARACTERS = 31


def serial_number(raw: Raw) -> str | None:
    """Read a serial number, which some tags store as a number."""
    if isinstance(raw, list) and len(raw) == 1 and isinstance(raw[0], int):
        raw = str(raw[0])
    return _serial(raw)  # type: ignore[no-any-return]


def model_of_attributes(raw: Raw) -> str | None:
    """Read the model from a text with the model and the serial number, such as `ILCE-7SM3 5072108`."""
    model, _, serial = raw.strip().rpartition(" ") if isinstance(raw, str) else ("", "", "")
    return name(model) if model and serial.isdecimal() else None


def serial_of_attributes(raw: Raw) -> str | None:
    """Read the serial number from a text with the model and the serial number."""
    serial = raw.strip().rpartition(" ")[2] if isinstance(raw, str) else ""
    return serial_number(serial) if serial.isdecimal() else None


def location_part(property_name: str) -> Callable[[Raw], str | None]:
    """Return a reader for a property of the first location in a list of IPTC's locations."""

    def read(raw: Raw) -> str | None:
        first = next((item for item in raw if isinstance(item, dict)), {}) if isinstance(raw, list) else {}
        return place(first.get(f"Iptc4xmpExt:{property_name}"))  # type: ignore[no-any-return]

    return read


def joined_names(raw: Raw) -> str | None:
    """Read the names of all creators, and join them with semicolons."""
    return "; ".join(names(raw)) or None


def most_complete(candidates: list[str]) -> str:
    """Return the first string, or a later one if the first is a damaged copy of it.

    Strings in EXIF are often truncated, or have a question mark in place of each letter that is not ASCII.
    """
    first = candidates[0]
    for other in candidates[1:]:
        if len(first) >= MIN_TRUNCATED_CHARACTERS and len(other) > len(first) and other.startswith(first.rstrip(".… ")):
            return other
        if "?" in first and len(first) == len(other) and not other.isascii():
            same = all(a == b or a == "?" for a, b in zip(first, other, strict=True))
            return other if same else first
    return first
