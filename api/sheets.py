"""Records as rows of a spreadsheet, whose cells no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from api.answers import encode_json
from api.store import Document

# A cell that begins so is a formula to Excel, LibreOffice and Google Sheets, however it came there (OWASP, "CSV
# Injection"); a leading apostrophe makes it text.
_FORMULA_STARTS = frozenset("=+-@\t\r\n")


def to_cell(value: Any) -> str | int | float:
    """One value as a cell: a tag shows its printable form, what is nested is JSON, and nothing is a formula."""
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


# Cells as they are, as most values; a text is one where it begins no formula.
_PLAIN = frozenset({int, float, type(None)})


def rows_as_csv(rows: Iterable[Iterable[Any]]) -> bytes:
    """Rows in CSV (RFC 4180)."""
    out = io.StringIO()
    csv.writer(out).writerows(
        [
            # A call of to_cell for each would take as long as all else.
            value
            if (kind := type(value)) in _PLAIN or (kind is str and value[:1] not in _FORMULA_STARTS)
            else to_cell(value)
            for value in row
        ]
        for row in rows
    )
    return out.getvalue().encode(errors="replace")


def page_as_csv(records: list[Document]) -> bytes:
    """A page of whole records: a column for each top-level field that any of them has."""
    columns = list(dict.fromkeys(name for record in records for name in record))
    return rows_as_csv([columns, *([record.get(name) for name in columns] for record in records)])
