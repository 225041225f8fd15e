"""Exports in each format: their photos, their columns, and requests that are refused."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import math
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from api.export.formats import stream_parquet
from tests.integration.api.fixtures import Api
from tests.integration.api.library import make_records

RECORDS = make_records()


def test_export__ndjson__has_every_photo(api: Api) -> None:
    answer = api.get("/export.ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert {line["id"] for line in lines} == {record["_id"] for record in RECORDS}
    assert answer.headers["content-disposition"] == 'attachment; filename="photos.ndjson"'


def test_export__whole_ndjson__has_the_tags(api: Api) -> None:
    line = json.loads(api.get("/export.ndjson", whole="true", camera="X-T4", iso="100").text.splitlines()[0])
    assert line["Image Make"]["printable"] == "FUJIFILM"


def test_export__csv__has_every_photo_and_no_formula(api: Api) -> None:
    rows = list(csv.DictReader(io.StringIO(api.get("/export.csv").text, newline="")))
    assert {row["id"] for row in rows} == {record["_id"] for record in RECORDS}
    (formula,) = (row for row in rows if row["id"] == "holiday/=cmd.csv")
    assert formula["description"].startswith("'=HYPERLINK")
    assert formula["camera_model"] == "'@SUM(1+1)"
    assert formula["artist"] == "'\t-1+1"
    assert any(row["longitude"].startswith("-") for row in rows)


def test_export__times__have_milliseconds_and_a_separate_utc_column(api: Api) -> None:
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(api.get("/export.csv").text, newline=""))}
    lines = {line["id"]: line for line in map(json.loads, api.get("/export.ndjson").text.splitlines())}
    utc = 0
    for record in RECORDS:
        row, line = rows[record["_id"]], lines[record["_id"]]
        taken, has_offset = record["photo"].get("taken_at"), bool(record["photo"].get("taken_offset"))
        shown = f"{taken:%Y-%m-%dT%H:%M:%S}.000" if taken else ""
        in_utc = f"{shown}Z" if taken and has_offset else ""
        utc += bool(in_utc)
        expected = (in_utc or shown, in_utc, f"{record['extracted_at']:%Y-%m-%dT%H:%M:%S}.000Z")
        assert (row["taken_at"], row["taken_utc"], row["extracted_at"]) == expected
        photo = line["photo"]
        result = photo.get("taken_at", ""), photo.get("taken_utc", ""), line["extracted_at"]
        assert result == expected
        assert photo.get("taken_local", "") == row["taken_local"]
    assert 0 < utc < len(RECORDS)


def test_export__csv__escapes_formulas_but_no_offsets_unless_raw(api: Api) -> None:
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(api.get("/export.csv").text, newline=""))}
    assert {row["taken_offset"] for row in rows.values()} == {"+02:00", ""}
    assert rows["holiday/=cmd.csv"]["key"] == "'=cmd.csv"
    raw = {row["id"]: row for row in csv.DictReader(io.StringIO(api.get("/export.csv", raw="true").text, newline=""))}
    assert raw["holiday/=cmd.csv"]["key"] == "=cmd.csv"
    assert raw["holiday/=cmd.csv"]["description"].startswith("=HYPERLINK")


@pytest.mark.parametrize(
    ("path", "parameter"), [("/export.csv", "whole"), ("/export.parquet", "whole"), ("/export.ndjson", "raw")]
)
def test_export__option_of_another_format__is_refused(api: Api, path: str, parameter: str) -> None:
    answer = api.get(path, **{parameter: "true"})
    assert (answer.status_code, answer.json()["parameter"]) == (409, parameter)


def test_export__geojson__is_one_feature_collection(api: Api) -> None:
    result = api.get("/export.geojson", bucket="holiday").json()
    assert len(result["features"]) == 121
    by_id = {feature["id"]: feature for feature in result["features"]}
    assert by_id["holiday/2024/IMG_0000.jpg"]["geometry"]["coordinates"] == [2.3522, 48.8566]
    assert by_id["holiday/2024/IMG_0001.jpg"]["geometry"] is None


def test_export__parquet__is_readable_by_arrow(api: Api, tmp_path: Path) -> None:
    from arro3.io import read_parquet

    file = tmp_path / "photos.parquet"
    file.write_bytes(api.get("/export.parquet").content)
    table = read_parquet(str(file)).read_all()
    assert table.num_rows == len(RECORDS)
    assert sorted(table["id"].to_pylist()) == sorted(record["_id"] for record in RECORDS)
    rows = zip(
        *(table[name].to_pylist() for name in ("id", "taken_at", "taken_utc", "size", "iso", "keywords", "latitude")),
        strict=True,
    )
    result = {id_: values for id_, *values in rows}
    for record in RECORDS:
        photo = record["photo"]
        taken = photo["taken_at"].replace(tzinfo=None) if "taken_at" in photo else None
        words = "; ".join(photo["keywords"]) if "keywords" in photo else None
        latitude = photo["location"]["coordinates"][1] if "location" in photo else None
        utc = taken.replace(tzinfo=UTC) if taken and photo.get("taken_offset") else None
        assert result[record["_id"]] == [taken, utc, record["size"], photo.get("iso"), words, latitude]


def test_stream_parquet__values_of_the_wrong_type__are_null(tmp_path: Path) -> None:
    from arro3.io import read_parquet

    photos = [
        {"iso": "fast", "f_number": 4, "flash_fired": 1},
        {"iso": math.inf, "software": 7},
        {"iso": 200.5},
        "none",
    ]

    async def chunks() -> AsyncIterator[list[dict[str, Any]]]:
        yield [{"_id": f"b/{at}", "size": "big", "photo": photo} for at, photo in enumerate(photos)]

    async def read() -> bytes:
        return b"".join([piece async for piece in stream_parquet(chunks())])

    file = tmp_path / "photos.parquet"
    file.write_bytes(asyncio.run(read()))
    table = read_parquet(str(file)).read_all()
    result = {name: table[name].to_pylist() for name in ("id", "size", "iso", "f_number", "flash_fired", "software")}
    assert result == {
        "id": ["b/0", "b/1", "b/2", "b/3"],
        "size": [None] * 4,
        "iso": [None, None, 200, None],
        "f_number": [4.0, None, None, None],
        "flash_fired": [None] * 4,
        "software": [None, "7", None, None],
    }


@pytest.mark.parametrize("file_format", ["ndjson", "csv", "geojson", "parquet"])
def test_export__no_photo_matches__is_a_valid_empty_file(api: Api, file_format: str) -> None:
    answer = api.get(f"/export.{file_format}", camera="none")
    assert answer.status_code == 200
    if file_format == "geojson":
        assert answer.json()["features"] == []


def test_export__head_request__has_headers_and_no_body(api: Api) -> None:
    answer = api.client.head("/export.csv")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize("path", ["/export.xls", "/export.", "/export", "/export.csv?iso=x", "/export.csv?limit=5"])
def test_export__invalid_request__is_reported_before_anything_is_sent(api: Api, path: str) -> None:
    answer = api.client.get(path)
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"
