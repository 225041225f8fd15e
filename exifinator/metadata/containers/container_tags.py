"""Collect the container's values that have no EXIF tag, such as `RIFF FrameRate`, in one metadata block.

The block is a JSON object: the name of a tag -> [meaning in words, value]. The names are ExifTool's.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from exifinator.metadata.containers.range_buffer import LocatedMetadata
from exifinator.metadata.limits import MAX_INTEGER

CONTAINER_TAGS = "tags"
# Limits per file, far above what cameras and editors write.
MAX_TAGS = 500
MAX_SAME_NAMES = 20
MAX_NAME_CHARACTERS = 100
MAX_TEXT_CHARACTERS = 4096
UNSAFE = re.compile(r"[^A-Za-z0-9 _:-]")
CONTROL = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
TEXT_TYPE, NUMBER_TYPE, FLOAT_TYPE = 2, 9, 12

Value = str | int | float | list[int] | list[float]


class ContainerTags:
    """Collects the tags of one file. Names that occur again get a number, such as `RIFF StreamType 2`.

    Attributes:
        documents: Name of a tag -> [meaning in words, value].
    """

    def __init__(self) -> None:
        self.documents: dict[str, list[Any]] = {}

    def add(self, name: str, value: Value, printable: str = "") -> None:
        """Add a tag, unless its value is blank or not finite, or the file has too many tags.

        Args:
            name: The group and the name, such as "RIFF FrameRate".
            value: A string, a number or a list of numbers.
            printable: The meaning in words; by default the value as text.
        """
        if isinstance(value, str):
            value = CONTROL.sub("", value).strip()[:MAX_TEXT_CHARACTERS]
        numbers = value if isinstance(value, list) else [value]
        if value in ("", []) or not all(_is_storable(number) for number in numbers):
            return
        name = UNSAFE.sub("_", name)[:MAX_NAME_CHARACTERS]
        free_name = next((key for key in self._candidate_names(name) if key not in self.documents), None)
        if free_name is not None and len(self.documents) < MAX_TAGS:
            printable = CONTROL.sub("", printable)[:MAX_TEXT_CHARACTERS]
            self.documents[free_name] = [printable or " ".join(map(_format, numbers)), value]

    @staticmethod
    def _candidate_names(name: str) -> list[str]:
        return [name, *(f"{name} {number}" for number in range(2, MAX_SAME_NAMES + 1))]

    def get(self, name: str) -> Any:
        """Return the value of a tag; None if there is none."""
        document = self.documents.get(name)
        return document[1] if document else None

    def add_to(self, metadata: LocatedMetadata) -> None:
        """Add the tags to the located metadata as one block."""
        if self.documents:
            metadata.add(CONTAINER_TAGS, json.dumps(self.documents, ensure_ascii=False).encode("utf-8", "replace"))


def _is_storable(value: str | int | float) -> bool:
    if isinstance(value, int):
        return abs(value) <= MAX_INTEGER
    return isinstance(value, str) or math.isfinite(value)


def _format(value: str | int | float) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def decode_container_tags(data: bytes) -> dict[str, dict[str, Any]]:
    """Return the tags of a block as the record stores them, by name."""
    return {name: _document(printable, value) for name, (printable, value) in json.loads(data).items()}


def _document(printable: str, value: Any) -> dict[str, Any]:
    is_text = isinstance(value, str)
    values = value if is_text or isinstance(value, list) else [value]
    is_float = not is_text and any(isinstance(number, float) for number in values)
    return {
        "printable": printable,
        "tag": 0,
        "field_type": TEXT_TYPE if is_text else FLOAT_TYPE if is_float else NUMBER_TYPE,
        "field_length": len(value.encode()) if is_text else 8 * len(values),
        "values": values,
    }
