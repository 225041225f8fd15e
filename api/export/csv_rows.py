"""Write records as CSV that is safe from formula injection."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from api.http.responses import encode_json

# Excel, LibreOffice and Google Sheets evaluate cells that begin with these (OWASP, "CSV Injection"). A leading
# apostrophe makes them text.
_FORMULA_STARTS = frozenset("=+-@\t\r\n")


def to_cell(value: Any) -> str | int | float:
    """Convert a value to a cell, and escape formulas.

    Tags become their printable form, lists of strings become text separated by "; ", and other nested values JSON.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value[:1] in _FORMULA_STARTS else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"  # all times in MongoDB are UTC
    if isinstance(value, dict) and "printable" in value:
        return to_cell(value["printable"])
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return to_cell("; ".join(value))
    return to_cell(encode_json(value).decode())


# Types that need no conversion. Text needs none either, unless it starts like a formula.
_PLAIN = frozenset({int, float, type(None)})


def rows_as_csv(rows: Iterable[Iterable[Any]]) -> bytes:
    """Return rows in CSV (RFC 4180)."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(
        [
            # Call to_cell only where necessary: calling it for every value would double the run time.
            value
            if (kind := type(value)) in _PLAIN or (kind is str and value[:1] not in _FORMULA_STARTS)
            else to_cell(value)
            for value in row
        ]
        for row in rows
    )
    return buffer.getvalue().encode(errors="replace")
