"""Compare MakerNote tags with ExifTool's answers for the same files, by maker and name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "MakerNote "
# Groups in ExifTool's answers that are not MakerNotes, although `-MakerNotes:all` lists them.
OTHER_GROUPS = re.compile(r"IFD\d|ExifIFD|System|File|Composite|CanonRaw|CIFF|MakerUnknown.*|XMP.*")
BINARY = re.compile(r"\(Binary data \d+ bytes.*\)")


@dataclass(frozen=True)
class NoteComparison:
    """One tag of one file.

    Attributes:
        maker: ExifTool's group.
        expected: ExifTool's value.
        actual: EXIFinator's printed value; None if the tag was not found.
        is_same: Whether the values are the same; None if there is no value to compare.
    """

    file: str
    maker: str
    name: str
    expected: Any
    actual: Any
    is_found: bool
    is_same: bool | None


def _numbers(value: Any) -> list[float] | None:
    parts = value if isinstance(value, list) else str(value).split()
    try:
        return [float(part) for part in parts]
    except (TypeError, ValueError):
        return None


def _is_same(expected: Any, printed: Any, tag: Mapping[str, Any]) -> bool:
    """Return whether a tag has the same numbers or string as ExifTool's value, or the same printed value."""
    values, meaning = tag["values"], str(tag["printable"]).strip()
    expected_numbers, numbers = _numbers(expected), _numbers(values)
    if expected_numbers and numbers and len(expected_numbers) == len(numbers):
        return all(
            math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-3) for a, b in zip(expected_numbers, numbers, strict=True)
        )
    accepted = {str(expected).strip(), str(printed).strip()}
    return meaning in accepted or (isinstance(values, str) and values.strip() in accepted)


def compare_notes(file: str, answers: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[NoteComparison]:
    """Yield a comparison for each tag in ExifTool's answers.

    Args:
        file: The name of the file.
        answers: "GROUP:NAME" -> (value, printed value).
        document: The record of the file.
    """
    for key, (expected, printed) in answers.items():
        maker, _, name = key.rpartition(":")
        if OTHER_GROUPS.fullmatch(maker):
            continue
        tag = document.get(PREFIX + name)
        if tag is None:
            yield NoteComparison(file, maker, name, expected, None, False, None)
            continue
        # EXIFinator stores only the name and the length of binary data such as previews.
        has_value = expected is not None and not BINARY.fullmatch(str(expected))
        is_same = _is_same(expected, printed, tag) if has_value else None
        yield NoteComparison(file, maker, name, expected, tag["printable"], True, is_same)
