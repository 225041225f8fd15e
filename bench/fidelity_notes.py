"""Compare the tags of MakerNotes and of videos with ExifTool's answers for the same files, by group and name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "MakerNote "
# Groups in ExifTool's answers that are not MakerNotes, although `-MakerNotes:all` lists them.
OTHER_GROUPS = re.compile(r"IFD\d|ExifIFD|System|File|Composite|CanonRaw|CIFF|MakerUnknown.*|XMP.*")
# ExifTool's family 0 of the tags that a record has under ExifTool's family 1, such as `Track1 ImageWidth`.
CONTAINERS = frozenset({"QuickTime", "RIFF", "Matroska", "M2TS", "H264", "XML", "Protobuf"})
BINARY = re.compile(r"\(Binary data \d+ bytes.*\)")


@dataclass(frozen=True)
class NoteComparison:
    """One tag of one file.

    Attributes:
        maker: ExifTool's group: the maker, or the part of a video.
        is_of_container: Whether it is a tag of a video's container, and not of a MakerNote.
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
    is_of_container: bool = False


def _numbers(value: Any) -> list[float] | None:
    parts = value if isinstance(value, list) else str(value).split()
    try:
        return [float(part) for part in parts]
    except (TypeError, ValueError):
        return None


def _is_same(expected: Any, printed: Any, tag: Mapping[str, Any]) -> bool:
    """Return whether a tag has the same numbers or string as ExifTool's value, or the same printed value."""
    values, meaning = tag["values"], str(tag["printable"]).strip()
    if isinstance(expected, list) and isinstance(values, list):
        return [str(item).strip() for item in expected] == [str(item).strip() for item in values]
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
        answers: "FAMILY0:GROUP:NAME" or "GROUP:NAME" -> (value, printed value).
        document: The record of the file. The tags of containers are compared if it is that of a video.
    """
    is_video = document.get("photo", {}).get("media_type") == "video"
    for key, (expected, printed) in answers.items():
        groups, _, name = key.rpartition(":")
        family, _, maker = groups.rpartition(":")
        # ExifTool leaves out the second group if it has the name of the first one.
        is_of_container = (family or maker) in CONTAINERS
        if is_of_container and not is_video:
            continue
        if not is_of_container and OTHER_GROUPS.fullmatch(maker):
            continue
        tag = document.get(f"{maker} {name}" if is_of_container else PREFIX + name)
        if tag is None and is_of_container:
            # The tags of a Matroska file have one group in a record, and several in ExifTool's answers.
            tag = document.get(f"{family} {name}")
        if tag is None:
            yield NoteComparison(file, maker, name, expected, None, False, None, is_of_container)
            continue
        # EXIFinator stores only the name and the length of binary data such as previews.
        has_value = expected is not None and not BINARY.fullmatch(str(expected))
        is_same = _is_same(expected, printed, tag) if has_value else None
        yield NoteComparison(file, maker, name, expected, tag["printable"], True, is_same, is_of_container)
