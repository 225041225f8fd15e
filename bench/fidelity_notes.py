"""Compare the tags of MakerNotes with ExifTool's answers for the same files, by maker and name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "MakerNote "
# Groups of ExifTool's answers that are no MakerNotes: fields of EXIF and XMP that it lists with them.
OTHER_GROUPS = re.compile(r"IFD\d|ExifIFD|System|File|Composite|CanonRaw|CIFF|MakerUnknown.*|XMP.*")
BINARY = re.compile(r"\(Binary data \d+ bytes.*\)")


@dataclass(frozen=True)
class NoteComparison:
    """One tag of one file. `is_same` is None if ExifTool's answer has no value to compare."""

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


def _same(expected: Any, printed: Any, tag: Mapping[str, Any]) -> bool:
    """Return whether a tag has ExifTool's number, or its text, or is printed as ExifTool prints it."""
    values, shown = tag["values"], str(tag["printable"]).strip()
    wanted, found = _numbers(expected), _numbers(values)
    if wanted and found and len(wanted) == len(found):
        return all(math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-3) for a, b in zip(wanted, found, strict=True))
    texts = {str(expected).strip(), str(printed).strip()}
    return shown in texts or (isinstance(values, str) and values.strip() in texts)


def compare_notes(file: str, answers: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[NoteComparison]:
    """Yield a comparison for each tag of ExifTool's.

    Args:
        file: The file's name.
        answers: "GROUP:NAME" -> (value, printed value).
        document: The record.
    """
    for key, (expected, printed) in answers.items():
        maker, _, name = key.rpartition(":")
        if OTHER_GROUPS.fullmatch(maker):
            continue
        tag = document.get(PREFIX + name)
        if tag is None:
            yield NoteComparison(file, maker, name, expected, None, False, None)
            continue
        # The contents of previews and the like are not kept, only their names and lengths.
        has_value = expected is not None and not BINARY.fullmatch(str(expected))
        is_same = _same(expected, printed, tag) if has_value else None
        yield NoteComparison(file, maker, name, expected, tag["printable"], True, is_same)
