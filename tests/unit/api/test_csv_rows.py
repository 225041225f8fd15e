# ruff: noqa: E501 -- tables read better with a row a line
"""Rows of CSV: values that a spreadsheet must not run, and values that programs must get back unchanged."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

import pytest

from api.export.csv_rows import CsvWriter


def write(column: str, value: Any, *, raw: bool = False) -> str:
    return CsvWriter([column], raw=raw).rows([[value]]).decode().removesuffix("\r\n")


def read(text: str, delimiter: str = ",") -> str:
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))[0]


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "=HYPERLINK(1)", "＝1", "＋1", "－1", "＠x"]
)
def test_writer__what_begins_a_formula__is_text(text: str) -> None:
    assert read(write("description", text)) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "cell"),
    [(-1.5, -1.5), (True, "true"), ({"printable": "=x", "tag": 1}, "'=x"), (["=a", "b"], "'=a; b"), ({"a": 1}, '{"a":1}')],
)  # fmt: skip
def test_writer__value__is_shown(value: Any, cell: Any) -> None:
    assert read(write("description", value)) == str(cell)


def test_writer__no_value__is_empty() -> None:
    assert write("description", None) == ""


@pytest.mark.parametrize("text", ["+08:00", "-03:30", "-1.jpg", "+2024/a-b_c.jpg", "- a.jpg", "Z"])
@pytest.mark.parametrize("column", ["taken_offset", "key", "etag", "id", "_id"])
def test_writer__value_that_a_machine_made__is_exact(column: str, text: str) -> None:
    assert read(write(column, text)) == text


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "@SUM(1)", "+1+cmd|' /C calc'!A0", "-2+HYPERLINK(1)", "＝1"])
def test_writer__formula_in_a_key__is_escaped_nevertheless(text: str) -> None:
    assert read(write("key", text)) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["x;=cmd|' /C calc'!A0;y", "x;  @SUM(1)", "x\t+1+cmd|'a'!A0", "x\n=HYPERLINK(1)", "x;\r\n=1+f(2)", "x;＝f(1)"]
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_writer__formula_behind_another_separator__begins_no_cell(text: str, delimiter: str) -> None:
    row = CsvWriter(["id", "description"]).rows([["a/b", text]]).decode()
    for cells in csv.reader(io.StringIO(row, newline=""), delimiter=delimiter):
        assert not [cell for cell in cells if cell.strip()[:1] in "=@+＝" and cell.strip()]


@pytest.mark.parametrize("text", ["a; -5 degrees", "beach; +1; =)", "one\n- two", "a;b;c"])
def test_writer__ordinary_text_with_separators__is_exact(text: str) -> None:
    assert read(write("description", text)) == text


@pytest.mark.parametrize("text", ["=1", "-1", "x;=f(1)", "@x", 'say "hi"', "a,b", "é\nü", ""])
def test_writer__raw__is_exact(text: str) -> None:
    assert read(write("description", text, raw=True)) == text


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
def test_writer__texts_are_quoted_and_nothing_else(value: Any, field: str) -> None:
    assert write("description", value) == field


def test_writer__names_of_columns__are_escaped_too() -> None:
    """In a CSV of whole records, the headers are the names of tags in files."""
    assert CsvWriter(["_id", "=f(1)"]).header() == b'"_id","\'=f(1)"\r\n'
