"""Collect the tags of a movie under ExifTool's names, and print values as ExifTool does."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from exifinator.metadata.limits import MAX_INTEGER, MemoryBudget
from exifinator.metadata.tag_values import CHARACTER_BYTES, NUMBER_BYTES, Tag

# The maximum number of tags of a movie, and the maximum length of a string.
MAX_TAGS = 2000
MAX_TEXT_CHARACTERS = 32 * 1024
MAX_NAME_CHARACTERS = 100
# The maximum length of a string in a sample of timed metadata.
MAX_SAMPLE_TEXT_BYTES = 200
# Memory of a tag, not counting its value.
TAG_OVERHEAD_BYTES = 512
# The types of strings, integers, other numbers and binary data (TIFF 6.0).
TEXT, INTEGER, DOUBLE, UNDEFINED = 2, 9, 12, 7
# Dates are stored as seconds since this date. Source: ISO/IEC 14496-12, 8.2.2.
EPOCH = datetime(1904, 1, 1)
# Some programs count from 1970. A smaller number of seconds cannot be a date of a movie file that counts from 1904.
UNIX_EPOCH, UNIX_EPOCH_SECONDS = datetime(1970, 1, 1), 2_082_844_800
BLANK_DATE = "0000:00:00 00:00:00"


@cache
def table(name: str) -> dict[str, Any]:
    """Return a table of tables.json: the names of tags by id, or of values by number or code."""
    return _tables().get(name, {})


@cache
def _tables() -> dict[str, dict[str, Any]]:
    text = files(__package__).joinpath("tables.json").read_text(encoding="utf-8")
    tables: dict[str, dict[str, Any]] = json.loads(text)
    return tables


def printable_text(data: bytes) -> str:
    """Return the string in a sample of timed metadata, up to its first NUL; "" if it is not printable."""
    text = data[:MAX_SAMPLE_TEXT_BYTES].split(b"\0")[0].decode("utf-8", "replace").strip()
    return text if text.isprintable() else ""


class MovieTags:
    """The tags of a movie.

    Args:
        budget: Limit on the memory that the values take.

    Attributes:
        tags: The tags in the form that the record stores, by group and name such as "QuickTime Duration".
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self.tags: dict[str, dict[str, Any]] = {}
        self._budget = budget

    def add(self, group: str, name: str, value: Any, printed: str | None = None) -> None:
        """Add a tag, unless the movie has a tag of this name already.

        Args:
            group: ExifTool's name of the group, such as "Track1".
            name: ExifTool's name of the tag.
            value: A string, a number, or a list of numbers or strings.
            printed: The value as text. By default, it is derived from `value`.
        """
        full_name = f"{group} {name[:MAX_NAME_CHARACTERS]}"
        if full_name in self.tags or len(self.tags) >= MAX_TAGS:
            return
        if isinstance(value, str):
            # MongoDB stores a string with U+0000, but most tools show only the part before it.
            value = value.replace("\0", "")[:MAX_TEXT_CHARACTERS]
            field_type, values, length = TEXT, value, len(value)
        else:
            values = [_storable(item) for item in (value if isinstance(value, list) else [value])]
            is_text = any(isinstance(item, str) for item in values)
            is_whole = all(isinstance(item, int) for item in values)
            field_type, length = (TEXT if is_text else INTEGER if is_whole else DOUBLE), len(values)
        printed = _printed(values) if printed is None else printed[:MAX_TEXT_CHARACTERS]
        self._budget.spend(TAG_OVERHEAD_BYTES + CHARACTER_BYTES * len(printed) + NUMBER_BYTES * length)
        self.tags[full_name] = Tag(full_name, printed, 0, field_type, values, length).document

    def add_named(self, group: str, name: str, value: Any, names: str) -> None:
        """Add a tag whose values have names in tables.json. A value without a name is printed as "Unknown (value)"."""
        self.add(group, name, value, table(names).get(str(value), f"Unknown ({value})"))

    def add_binary(self, group: str, name: str, data: bytes) -> None:
        """Add a tag with the length of binary data."""
        self._budget.spend(TAG_OVERHEAD_BYTES)
        full_name = f"{group} {name[:MAX_NAME_CHARACTERS]}"
        if len(self.tags) < MAX_TAGS:
            document = Tag(full_name, f"({len(data):,} bytes)", 0, UNDEFINED, [], len(data)).document
            self.tags.setdefault(full_name, document)


def _storable(item: Any) -> Any:
    if isinstance(item, float):
        return item if math.isfinite(item) else None
    return min(max(item, -MAX_INTEGER), MAX_INTEGER) if isinstance(item, int) else item


def _printed(values: Any) -> str:
    if isinstance(values, str):
        return values
    separator = ", " if any(isinstance(item, str) for item in values) else " "
    return separator.join(number_text(item) if isinstance(item, float) else str(item) for item in values)


def whole(number: float) -> float:
    """Return a number without a fraction as an integer, and other numbers unchanged."""
    return int(number) if number == int(number) else number


def number_text(number: float) -> str:
    """Return a number in up to 15 digits, without a trailing ".0"."""
    return f"{number:.15g}"


def definition(row: Any) -> tuple[str, str, dict[str, str]]:
    """Return the name, the type ("" if unknown) and the value names of a tag from its row in tables.json."""
    name, kind, values = (*row, {})[:3] if isinstance(row, list) else (row, "", {})
    return name, kind, values


def duration_text(seconds: float) -> str:
    """Return a duration as ExifTool prints it: "4.97 s", "0:01:05" or "2 days 0:01:05"."""
    if seconds == 0:
        return "0 s"
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    if seconds < 30:
        return f"{sign}{seconds:.2f} s"
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    days = ""
    if hours > 24:
        days = f"{hours // 24} days "
        hours %= 24
    return f"{sign}{days}{hours}:{minutes:02}:{rest:02}"


def date_text(seconds: int) -> str:
    """Return a date of a movie as text; zeros for a date that is blank or out of range."""
    if not seconds:
        return BLANK_DATE
    epoch, count = (EPOCH, seconds) if seconds >= UNIX_EPOCH_SECONDS else (UNIX_EPOCH, seconds)
    try:
        return (epoch + timedelta(seconds=count)).strftime("%Y:%m:%d %H:%M:%S")
    except (OverflowError, ValueError):
        return BLANK_DATE
