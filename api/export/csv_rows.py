"""Write records as CSV, and escape the strings that spreadsheets would run as formulas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from api.export.times import utc_text
from api.http.responses import encode_json

# Excel, LibreOffice and Google Sheets evaluate cells that begin with these (OWASP, "CSV Injection"). A leading
# apostrophe makes them text. The last four are full-width forms.
_FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")
# If a spreadsheet opens the file with another separator, as German and French ones do, a formula in the middle of a
# text begins a cell. It can do harm only with a function call, a command or a reference.
_INNER_FORMULA = re.compile(r"(?<=[;\t\r\n])(?=\s*[=+@＝＋＠－-][^;\t\r\n]*[(|!])")
# Columns whose values people do not type. In these columns, a plus or minus sign before harmless characters is not
# escaped, so that offsets, such as +08:00, and keys are exact.
_MACHINE_MADE = frozenset({"id", "_id", "bucket", "key", "etag", "format", "status", "taken_offset"})
_HARMLESS = re.compile(r"[+-][\w.:/ -]*")


def escape_formulas(text: str) -> str:
    """Put an apostrophe before each part of a text that a spreadsheet would run as a formula."""
    if ";" in text or "\n" in text or "\t" in text or "\r" in text:
        text = _INNER_FORMULA.sub("'", text)
    return f"'{text}" if text[:1] in _FORMULA_STARTS else text


def _to_plain(value: Any) -> str | int | float:
    """Convert a value to a cell.

    Tags become their printable form, lists of strings are joined by "; ", and other nested values become JSON.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, dict) and "printable" in value:
        return _to_plain(value["printable"])
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "; ".join(value)
    return encode_json(value).decode()


class CsvWriter:
    """Writes rows in CSV (RFC 4180). Strings are quoted; numbers, times and empty cells are not.

    Args:
        columns: The names of the columns.
        raw: Whether to leave formulas unescaped.
    """

    def __init__(self, columns: Sequence[str], *, raw: bool = False) -> None:
        self._columns = columns
        self._raw = raw
        self._machine_made = [name in _MACHINE_MADE for name in columns]

    def header(self) -> bytes:
        """Return the header row."""
        return self._encode(",".join([self._quote(name, is_machine_made=False) for name in self._columns]) + "\r\n")

    def rows(self, rows: Iterable[Iterable[Any]]) -> bytes:
        """Return rows in CSV. The values of each row are in the order of the columns."""
        lines = [
            ",".join(
                [
                    self._field(value, is_machine_made)
                    for value, is_machine_made in zip(row, self._machine_made, strict=True)
                ]
            )
            + "\r\n"
            for row in rows
        ]
        return self._encode("".join(lines))

    def _field(self, value: Any, is_machine_made: bool) -> str:
        if value is None:
            return ""
        value_type = type(value)
        if value_type is int or value_type is float:
            return repr(value)
        plain = _to_plain(value)
        if not isinstance(plain, str) or isinstance(value, bool | datetime):
            return str(plain)
        return self._quote(plain, is_machine_made)

    def _quote(self, text: str, is_machine_made: bool) -> str:
        if not self._raw and not (is_machine_made and _HARMLESS.fullmatch(text)):
            text = escape_formulas(text)
        return '"' + text.replace('"', '""') + '"'

    @staticmethod
    def _encode(text: str) -> bytes:
        return text.encode(errors="replace")
