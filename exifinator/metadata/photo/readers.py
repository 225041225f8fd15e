"""Read strings and numbers. sources.py describes the arguments and the result of a reader."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from exifinator.metadata.photo.placeholders import NO_TEXT
from exifinator.metadata.photo.sources import Raw, Reader

MAX_TEXT_CHARACTERS = 10_000
# The number that stands for "unknown" and "infinite" (Exif 3.0, 4.6.6.5).
UNKNOWN_NUMBER = 4294967295
_NUMBER = re.compile(r"\s*([-+]?(?:\d{1,15}(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,2})?)\s*(?:/\s*(\d{1,15}(?:\.\d*)?))?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")


def text(raw: Raw) -> str | None:
    """Read a string without surrounding blanks; None if it is blank. If `raw` is a list, read its first string.

    Control characters become spaces, except for tabs and line breaks.
    """
    if type(raw) is list:
        raw = next((item for item in raw if isinstance(item, str)), None)
    if not isinstance(raw, str):
        return None
    value = raw[: MAX_TEXT_CHARACTERS + 1].strip()
    if not value.isprintable():
        value = _CONTROLS.sub(" ", value).strip()
    return value[:MAX_TEXT_CHARACTERS] or None


def texts(raw: Raw) -> list[str]:
    """Read all strings of a list, or a single string. Leave out blank strings."""
    items = raw if type(raw) is list else [raw]
    return [value for item in items if isinstance(item, str) and (value := text(item))]


def joined_texts(raw: Raw) -> str | None:
    """Read all strings of a list, and join them with semicolons."""
    return "; ".join(texts(raw)) or None


def text_unless(*placeholders: frozenset[str], pattern: re.Pattern[str] | None = None) -> Reader:
    """Return a reader of strings that ignores placeholders.

    Args:
        placeholders: Sets of placeholders in lower case, in addition to NO_TEXT.
        pattern: Regular expression for further placeholders, which must match the whole string in lower case.
    """
    all_placeholders = NO_TEXT.union(*placeholders)

    def read(raw: Raw) -> str | None:
        value = text(raw)
        if value is None or (lower := value.lower()) in all_placeholders:
            return None
        return None if pattern and pattern.fullmatch(lower) else value

    return read


def number(raw: Raw) -> float | int | None:
    """Read one number: the first of a list, or a string such as `2.8` or `28/10`."""
    if type(raw) is list:
        raw = raw[0] if raw else None
    if isinstance(raw, str):
        match = _NUMBER.fullmatch(raw)
        if not match:
            return None
        value = float(match[1])
        if match[2] is not None:
            divisor = float(match[2])
            return value / divisor if divisor else None
        return int(value) if value.is_integer() else value
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        return None
    return raw


def numbers(raw: Raw, count: int) -> list[float | int | None]:
    """Read `count` numbers of a list, or of a string with blanks between numbers. Missing numbers are None."""
    if isinstance(raw, str):
        raw = raw[:200].split()
    items = raw if isinstance(raw, list) else []
    return [number([item]) if index < len(items) else None for index, item in _pad(items, count)]


def _pad(items: list[Any], count: int) -> list[tuple[int, Any]]:
    """Return `count` items with their indexes. Missing items are None."""
    return list(enumerate([*items[:count], *[None] * (count - len(items))]))


def in_range(low: float, high: float, *, digits: int | None = None) -> Callable[[Raw], float | int | None]:
    """Return a reader of numbers from `low` to `high`, rounded to `digits` decimals. It ignores other numbers."""

    def read(raw: Raw) -> float | int | None:
        value = number(raw)
        if value is None or not low <= value <= high or value == UNKNOWN_NUMBER:
            return None
        return value if digits is None else round(value, digits)

    return read


def positive(raw: Raw) -> float | int | None:
    """Read a number greater than zero. Ignore EXIF's number for "unknown" and "infinite"."""
    value = number(raw)
    return value if value is not None and 0 < value < UNKNOWN_NUMBER else None


def integer(raw: Raw) -> int | None:
    """Read a positive integer. Ignore numbers of more than 32 bits, because MongoDB has no integers above 64 bits."""
    value = number(raw)
    return round(value) if value is not None and 0.5 <= value < UNKNOWN_NUMBER else None


def whole_number(low: int, high: int) -> Callable[[Raw], int | None]:
    """Return a reader of integers from `low` to `high`. It ignores other numbers."""

    def read(raw: Raw) -> int | None:
        value = number(raw)
        return int(value) if value is not None and low <= value <= high and value == int(value) else None

    return read


def apex(factor: float) -> Callable[[Raw], float | None]:
    """Return a reader of APEX values, which some cameras write instead of exposure times or f-numbers.

    Source: Exif 3.0, annex C.

    Args:
        factor: 0.5 to convert an aperture to an f-number, -1 to convert a shutter speed to seconds.
    """

    def read(raw: Raw) -> float | None:
        value = number(raw)
        return round(float(2 ** (factor * value)), 9) if value is not None and -30 < value < 30 else None

    return read


def code(meanings: Mapping[int, str]) -> Callable[[Raw], str | None]:
    """Return a reader that replaces a number by its meaning. It ignores numbers without a meaning."""

    def read(raw: Raw) -> str | None:
        value = number(raw)
        return meanings.get(int(value)) if value is not None and value == int(value) else None

    return read


def word(raw: Raw) -> str | None:
    """Read the meaning of a MakerNote tag, in lower case. Ignore a number without a meaning."""
    value = text(raw)
    if value is None or (lower := value.lower()) in NO_TEXT or not any(char.isalpha() for char in lower):
        return None
    return None if lower.startswith("unknown") or lower[0] in "[(" else lower


def yes(raw: Raw) -> bool | None:
    """Return True if the value means "yes", else None. A tag that says "no" counts like a missing tag."""
    value = text(raw)
    if value is None:
        return True if number(raw) else None
    return None if value.lower() in ("0", "false", "no", "off", "none", "n/a", "normal", "standard", "single") else True


def present(raw: Raw) -> bool | None:
    """Return True if there is a string or a number, else None."""
    return True if text(raw) or number(raw) is not None else None


def one_of(*codes: int) -> Callable[[Raw], bool | None]:
    """Return a reader that returns True for these numbers, and None for others."""
    return lambda raw: True if number(raw) in codes else None


def flash(raw: Raw) -> bool | None:
    """Read whether the flash fired: the lowest bit of the number in EXIF, or True or False in XMP."""
    if isinstance(raw, str) and raw.strip().lower() in ("true", "false"):
        return raw.strip().lower() == "true"
    value = number(raw)
    return bool(int(value) & 1) if value is not None else None
