# ruff: noqa: E501 -- keep each row of a table on one line
"""CsvWriter escapes text that a spreadsheet would run as a formula, and writes all other values unchanged."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

import pytest

from api.export.csv_rows import CsvWriter


def write_cell(column: str, value: Any, *, raw: bool = False) -> str:
    return CsvWriter([column], raw=raw).rows([[value]]).decode().removesuffix("\r\n")


def read_first_cell(text: str, delimiter: str = ",") -> str:
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))[0]


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "=HYPERLINK(1)", "＝1", "＋1", "－1", "＠x"]
)
def test_writer__text_that_begins_like_a_formula__is_escaped(text: str) -> None:
    assert read_first_cell(write_cell("description", text)) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "cell"),
    [(-1.5, -1.5), (True, "true"), ({"printable": "=x", "tag": 1}, "'=x"), (["=a", "b"], "'=a; b"), ({"a": 1}, '{"a":1}')],
)  # fmt: skip
def test_writer__number_boolean_tag_list_or_object__is_written_as_text(value: Any, cell: Any) -> None:
    assert read_first_cell(write_cell("description", value)) == str(cell)


def test_writer__missing_value__is_an_empty_cell() -> None:
    assert write_cell("description", None) == ""


@pytest.mark.parametrize("text", ["+08:00", "-03:30", "-1.jpg", "+2024/a-b_c.jpg", "- a.jpg", "Z"])
@pytest.mark.parametrize("column", ["taken_offset", "key", "etag", "id", "_id"])
def test_writer__offset_key_or_etag_with_a_sign__is_not_escaped(column: str, text: str) -> None:
    assert read_first_cell(write_cell(column, text)) == text


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "@SUM(1)", "+1+cmd|' /C calc'!A0", "-2+HYPERLINK(1)", "＝1"])
def test_writer__formula_in_a_key__is_escaped(text: str) -> None:
    assert read_first_cell(write_cell("key", text)) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["x;=cmd|' /C calc'!A0;y", "x;  @SUM(1)", "x\t+1+cmd|'a'!A0", "x\n=HYPERLINK(1)", "x;\r\n=1+f(2)", "x;＝f(1)"]
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_writer__formula_after_another_separator__begins_no_cell(text: str, delimiter: str) -> None:
    row = CsvWriter(["id", "description"]).rows([["a/b", text]]).decode()
    for cells in csv.reader(io.StringIO(row, newline=""), delimiter=delimiter):
        assert not [cell for cell in cells if cell.strip()[:1] in "=@+＝" and cell.strip()]


@pytest.mark.parametrize("text", ["a; -5 degrees", "beach; +1; =)", "one\n- two", "a;b;c"])
def test_writer__ordinary_text_with_separators__is_unchanged(text: str) -> None:
    assert read_first_cell(write_cell("description", text)) == text


@pytest.mark.parametrize("text", ["=1", "-1", "x;=f(1)", "@x", 'say "hi"', "a,b", "é\nü", ""])
def test_writer__raw_mode__leaves_text_unchanged(text: str) -> None:
    assert read_first_cell(write_cell("description", text, raw=True)) == text


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("a", '"a"'),
        ("", '""'),
        ('a"b', '"a""b"'),
        (None, ""),
        (5, "5"),
        (-0.5, "-0.5"),
        (True, "true"),
        (datetime(2024, 5, 1, 12), "2024-05-01T12:00:00.000Z"),
        (["a", "b"], '"a; b"'),
        ({"printable": 5}, "5"),
        ("\ud800", '"?"'),
    ],
)
def test_writer__values_of_all_types__quotes_only_strings(value: Any, field: str) -> None:
    assert write_cell("description", value) == field


def test_writer__column_name_like_a_formula__is_escaped() -> None:
    """In a CSV of whole records, the column names are tag names, which files can choose freely."""
    assert CsvWriter(["_id", "=f(1)"]).header() == b'"_id","\'=f(1)"\r\n'
