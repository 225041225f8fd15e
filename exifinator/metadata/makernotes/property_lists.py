"""Read Apple's binary property lists, which iPhones store in some tags of a MakerNote."""

from __future__ import annotations

import itertools
import plistlib
import struct
from collections.abc import Iterator
from typing import Any

BEGIN = b"bplist00"
MAX_BYTES, MAX_DEPTH, MAX_PARTS = 4096, 8, 200
_ERRORS = (
    plistlib.InvalidFileException, RecursionError, MemoryError, ArithmeticError, LookupError, TypeError, ValueError,
    struct.error,
)  # fmt: skip


def load_property_list(data: bytes) -> Any:
    """Return the content of a property list; None if it is damaged or too long."""
    if len(data) > MAX_BYTES or not data.startswith(BEGIN):
        return None
    try:
        return plistlib.loads(data, fmt=plistlib.FMT_BINARY)
    except _ERRORS:
        return None


def property_list_text(data: bytes) -> str | None:
    """Return a property list as ExifTool shows it, such as `{_0=1,_1=-0.5}` or `True`; None if it is damaged."""
    document = load_property_list(data)
    # A list that contains others many times over is short, but its text is not.
    return None if document is None else "".join(itertools.islice(_parts(document, 0), MAX_PARTS))


def _parts(value: Any, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        yield "..."
    elif isinstance(value, dict):
        yield "{"
        for number, (name, item) in enumerate(sorted(value.items(), key=lambda pair: str(pair[0]))):
            # Like ExifTool, put an underscore before a name that is a number.
            yield f"{',' if number else ''}{'_' if str(name)[:1].isdigit() else ''}{name}="
            yield from _parts(item, depth + 1)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for number, item in enumerate(value):
            if number:
                yield ","
            yield from _parts(item, depth + 1)
        yield "]"
    elif isinstance(value, bytes):
        yield f"({len(value):,} bytes)"
    else:
        yield f"{value:.10g}" if isinstance(value, float) else str(value)[:MAX_BYTES]
