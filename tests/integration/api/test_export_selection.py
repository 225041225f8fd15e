"""Export options: photos by id, the sort order, the columns, and the byte order mark."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.integration.api.fixtures import Api
from tests.integration.api.library import ODD_KEYS

IDS = ["holiday/2024/IMG_0009.jpg", *(f"odd-keys/{key}" for key in ODD_KEYS.values()), "holiday/2024/IMG_0001.jpg"]


def test_export__list_of_ids__has_the_existing_photos_in_that_order(api: Api) -> None:
    answer = api.client.post("/export.csv", params={"raw": "true"}, json={"ids": ["holiday/none.jpg", *IDS, IDS[0]]})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="photos.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert sorted(row["id"] for row in rows) == sorted(IDS)
    assert [row["id"] for row in rows] == [*IDS[1:], IDS[0]]


@pytest.mark.parametrize("file_format", ["ndjson", "geojson", "parquet"])
def test_export__one_id_in_another_format__has_only_that_photo(api: Api, file_format: str) -> None:
    answer = api.client.post(f"/export.{file_format}", json={"ids": IDS[-1:]})
    assert answer.status_code == 200
    assert b"IMG_0001" in answer.content
    assert b"IMG_0002" not in answer.content


@pytest.mark.parametrize("file_format", ["ndjson", "csv", "geojson", "parquet"])
def test_export__unknown_id__is_a_file_without_photos(api: Api, file_format: str) -> None:
    answer = api.client.post(f"/export.{file_format}", json={"ids": ["0"]})
    assert answer.status_code == 200
    assert b"IMG_" not in answer.content


def test_export__a_thousand_long_ids__are_accepted_and_one_more_is_refused(api: Api) -> None:
    ids = [f"holiday/{number:04}{'x' * 1200}" for number in range(1000)]
    assert api.client.post("/export.ndjson", json={"ids": ids}).status_code == 200
    assert api.client.post("/export.ndjson", json={"ids": [*ids, "1"]}).status_code == 400


def test_export__whole_records_by_id__have_all_tags(api: Api) -> None:
    answer = api.client.post("/export.ndjson", params={"whole": "true"}, json={"ids": IDS[:1]})
    assert answer.text.count("\n") == 1
    assert "EXIF ISOSpeedRatings" in answer.text


@pytest.mark.parametrize("sort", ["-taken", "iso", "-camera", "key"])
def test_export__sorted__has_the_order_of_the_photo_list(api: Api, sort: str) -> None:
    filters = {"bucket": ["holiday", "archive"], "sort": sort}
    ids = [photo["id"] for photo in api.get("/photos", limit=1000, **filters).json()["photos"]]
    assert len(ids) > 100
    rows = csv.DictReader(io.StringIO(api.get("/export.csv", raw="true", **filters).text))
    assert [row["id"] for row in rows] == ids
    lines = api.get("/export.ndjson", whole="true", **filters).text.splitlines()
    assert [json.loads(line)["_id"] for line in lines] == ids


@pytest.mark.parametrize("method", ["get", "post"])
def test_export__chosen_columns__are_the_only_ones_and_in_this_order(api: Api, method: str) -> None:
    columns = ["iso", "id", "longitude", "taken_local", "keywords"]
    params = {"columns": ",".join([*columns, "iso"]), "raw": "true"}
    body = {"json": {"ids": IDS}} if method == "post" else {}
    reader = csv.DictReader(io.StringIO(api.client.request(method, "/export.csv", params=params, **body).text))
    rows = {row["id"]: row for row in reader}
    assert reader.fieldnames == columns
    whole = api.client.request(method, "/export.csv", params={"raw": "true"}, **body).text
    expected = {row["id"]: row for row in csv.DictReader(io.StringIO(whole))}
    assert rows == {id_: {name: row[name] for name in columns} for id_, row in expected.items()}
    params = {"columns": ",".join(columns)}
    lines = api.client.request(method, "/export.ndjson", params=params, **body).text.splitlines()
    objects = [json.loads(line) for line in lines]
    assert all(list(item) == columns for item in objects)
    assert {item["id"]: str(item["iso"] or "") for item in objects} == {id_: row["iso"] for id_, row in rows.items()}


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("/export.geojson", {"columns": "id"}, 409),
        ("/export.parquet", {"columns": "id"}, 409),
        ("/export.ndjson", {"columns": "id", "whole": "true"}, 409),
        ("/export.csv", {"columns": "id,nothing"}, 400),
        ("/export.csv", {"columns": ""}, 400),
        ("/export.csv", {"columns": "$where"}, 400),
        ("/export.csv", {"sort": "size"}, 400),
    ],
)
def test_export__invalid_columns_or_sort__are_refused(api: Api, path: str, params: dict[str, str], status: int) -> None:
    assert api.get(path, **params).status_code == status


@pytest.mark.parametrize("method", ["get", "post"])
def test_export__byte_order_mark__comes_first_and_once(api: Api, method: str) -> None:
    body = {"json": {"ids": IDS}} if method == "post" else {}
    answer = api.client.request(method, "/export.csv", params={"bom": "true"}, **body)
    assert answer.content.startswith(b'\xef\xbb\xbf"id"')
    assert answer.content.count(b"\xef\xbb\xbf") == 1
    plain = api.client.request(method, "/export.csv", **body)
    assert plain.content == answer.content[3:]


@pytest.mark.parametrize(
    ("body", "parameters", "status"),
    [
        ({"ids": []}, {}, 400),
        ({"ids": ["a"] * 1001}, {}, 400),
        ({"ids": [""]}, {}, 400),
        ({"ids": [{"$ne": 1}]}, {}, 400),
        ({"ids": ["a"], "filter": {}}, {}, 400),
        ({"ids": ["a"]}, {"camera": "X-T4"}, 400),
        ({"ids": ["a"]}, {"whole": "true"}, 409),
    ],
)
def test_export__wrong_ids_or_options__are_refused(
    api: Api, body: dict[str, object], parameters: dict[str, str], status: int
) -> None:
    assert api.client.post("/export.csv", params=parameters, json=body).status_code == status


def test_export__byte_order_mark_in_another_format__is_refused(api: Api) -> None:
    assert api.get("/export.ndjson", bom="true").json()["parameter"] == "bom"


def test_export__ids_without_the_token__is_401(guarded_api: Api) -> None:
    assert guarded_api.client.post("/export.csv", json={"ids": IDS}).status_code == 401
