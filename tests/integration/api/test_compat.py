# ruff: noqa: E501 -- one line per row of a table
"""Requests of mongodb-rest users: what mongodb-rest responds, what this API responds, and why it differs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pymongo
import pytest

from exifinator.config import Config
from tests.integration.api.fixtures import Api, WireApi, copy_library, open_api, serve_api
from tests.integration.api.library import ODD_KEYS

RECORDS = "/waldo/exif_data"
SONY = '{"Image Make.printable":"SONY"}'


def record_ids(records: Any) -> list[str]:
    return [record["_id"] for record in records]


# Each row: the request, the response of mongodb-rest, the response of this API, and why it differs. The library has 156
# records (so a CSV file has 157 lines), 48 of them from SONY cameras.
TABLE = [
    ("/", "its index page or 404", lambda r: r.json()["records"] == RECORDS, "lists the addresses"),
    ("/dbs", "every database of the server", lambda r: r.json() == ["waldo"], "only the one of the settings"),
    ("/dbs/", "the same", lambda r: r.json() == ["waldo"], ""),
    ("/waldo", "its collections", lambda r: r.json() == ["exif_data"], "only the one of the settings"),
    ("/waldo/", "the same", lambda r: r.json() == ["exif_data"], ""),
    ("/private", "its collections", 404, "only the database of the settings"),
    ("/waldo/secrets", "all its documents", 404, "only the collection of the settings"),
    ("/waldo/thumbnails", "all its documents", 404, "only the collection of the settings"),
    (RECORDS, "every document", lambda r: len(r.json()) == 156, ""),
    (f"{RECORDS}/", "every document", lambda r: len(r.json()) == 156, ""),
    (f"{RECORDS}?limit=3", "3 documents", lambda r: len(r.json()) == 3, ""),
    (f"{RECORDS}?limit=1000", "1000 documents", lambda r: len(r.json()) == 156, ""),
    (f"{RECORDS}?limit=1001", "1001 documents", lambda r: len(r.json()) == 156, ""),
    (f"{RECORDS}?limit=0", "every document", lambda r: len(r.json()) == 156, ""),
    (f"{RECORDS}?limit=-3", "3 documents", lambda r: len(r.json()) == 3, ""),
    (f"{RECORDS}?limit=5&count=true", '{"count": 5}', lambda r: r.json() == {"count": 5}, ""),
    (f"{RECORDS}?skip=150&count=true", "", lambda r: r.json() == {"count": 6}, ""),
    (f"{RECORDS}?skip=1000&count=true", "", lambda r: r.json() == {"count": 0}, ""),
    (f"{RECORDS}?limit=0&output=csv", "every document", lambda r: len(list(csv.reader(io.StringIO(r.text, newline="")))) == 157, ""),
    (f"{RECORDS}?limit=1&_=1700000000000&callback=jQuery1", "unknown parameters are ignored", lambda r: len(r.json()) == 1, ""),
    ("/waldo?_=1", "the same", lambda r: r.json() == ["exif_data"], ""),
    ("/dbs?_=1&_=2", "the same", lambda r: r.json() == ["waldo"], ""),
    (f"{RECORDS}/holiday/2024/IMG_0003.jpg?_=1", "", lambda r: r.json()["bucket"] == "holiday", ""),
    (f"{RECORDS}?skip=150&limit=1000", "all but 150", lambda r: len(r.json()) == 6, ""),
    (f"{RECORDS}?query={SONY}&limit=1000", "SONY's", lambda r: len(r.json()) == 48, ""),
    (f"{RECORDS}?query={SONY.replace(' ', '%20')}&count=1", "", lambda r: r.json() == {"count": 48}, "spaces as %20"),
    (f"{RECORDS}?query={SONY.replace(' ', '+')}&count=1", "", lambda r: r.json() == {"count": 48}, "spaces as +"),
    (f"{RECORDS}?query={quote(SONY)}&count=true", "", lambda r: r.json() == {"count": 48}, "percent-encoded"),
    (f"{RECORDS}?count=1", '{"count": ...}', lambda r: r.json() == {"count": 156}, ""),
    (f'{RECORDS}?query={{"Image Make.printable":"/^so/i"}}&count=1', "", lambda r: r.json() == {"count": 48}, ""),
    (f'{RECORDS}?query={{"Image Make.printable":{{"$regex":"^SO"}}}}&count=1', "", lambda r: r.json() == {"count": 48}, ""),
    (f'{RECORDS}?query={{"Image Make.printable":{{"$regex":"/^so/i"}}}}&count=1', "", lambda r: r.json() == {"count": 48}, ""),
    (f'{RECORDS}?query={{"key":{{"$eq":"/x/i"}}}}&count=1', "", lambda r: r.json() == {"count": 1}, "the string itself"),
    (f'{RECORDS}?query={{"photo":{{"iso":1}}}}&count=1', "a nested value", lambda r: r.json() == {"count": 0}, ""),
    (f'{RECORDS}?query={{"_id":"holiday/2024/IMG_0003.jpg"}}', "", lambda r: record_ids(r.json()) == ["holiday/2024/IMG_0003.jpg"], ""),
    (f'{RECORDS}?query={{"photo.iso":{{"$gte":800}}}}&count=1', "", lambda r: r.json()["count"] > 10, ""),
    (f'{RECORDS}?query={{"photo.taken_at":{{"$lt":{{"$date":"2024-01-03T00:00:00Z"}}}}}}&count=1', "", lambda r: r.json() == {"count": 2}, ""),
    (f'{RECORDS}?fields={{"key":1}}&limit=1', "", lambda r: set(r.json()[0]) == {"_id", "key"}, ""),
    (f'{RECORDS}?fields={{"key":1,"_id":0}}&limit=1', "", lambda r: set(r.json()[0]) == {"key"}, ""),
    (f'{RECORDS}?fields={{"photo":0}}&limit=1', "", lambda r: "photo" not in r.json()[0], ""),
    (f'{RECORDS}?fields=["key"]&limit=1', "", lambda r: set(r.json()[0]) == {"_id", "key"}, ""),
    (f'{RECORDS}?sort={{"size":-1}}&limit=1', "", lambda r: r.json()[0]["size"] == 1000400, ""),
    (f'{RECORDS}?sort=[["size",1]]&limit=1', "", lambda r: r.json()[0]["size"] == 1000000, ""),
    (f'{RECORDS}?sort={{"size":"desc"}}&limit=1', "", lambda r: r.json()[0]["size"] == 1000400, ""),
    (f'{RECORDS}?sort={{"size":"descending"}}&limit=1', "", lambda r: r.json()[0]["size"] == 1000400, ""),
    (f'{RECORDS}?sort=["size"]&limit=1', "", lambda r: r.json()[0]["size"] == 1000000, ""),
    (f'{RECORDS}?sort="size"&limit=1', "", lambda r: r.json()[0]["size"] == 1000000, ""),
    (f"{RECORDS}?query=&limit=1", "every document", lambda r: len(r.json()) == 1, ""),
    (f'{RECORDS}?query={{"_id":{{"$oid":"65a1b2c3d4e5f60718293a4b"}}}}', "", lambda r: r.json() == [], ""),
    (f'{RECORDS}?datatypes={{"_id":"ObjectId"}}', "casts a field of the query", 400, "ids are strings; the query can have $oid and $date"),
    (f"{RECORDS}?query[key]=a", "a nested parameter", 400, "only JSON"),
    (f"{RECORDS}?limit=1&limit=2", "an exception", 400, "a caller's error"),
    (f"{RECORDS}?timeout=false&limit=1", "a cursor without a time limit", lambda r: len(r.json()) == 1, "every query has one"),
    (f'{RECORDS}?hint={{"_id":1}}&limit=1', "", lambda r: len(r.json()) == 1, ""),
    (f'{RECORDS}?hint={{"nothing":1}}&limit=1', "an error 500", 400, "a caller's error"),
    (f"{RECORDS}?explain=true&query={SONY}", "MongoDB's explanation", lambda r: "winningPlan" in r.json(), "only the plan"),
    (f"{RECORDS}?output=csv&limit=2", "CSV", lambda r: r.headers["content-type"].startswith("text/csv"), "the columns of every record, not of the first; no cell is a formula"),
    (f"{RECORDS}?output=json&limit=2", "JSON", lambda r: len(r.json()) == 2, ""),
    (f"{RECORDS}?output=xml", "an exception", 400, "a caller's error"),
    (f"{RECORDS}?query={{", "an exception", 400, "a caller's error"),
    (f"{RECORDS}?snapshot=true&limit=1", "for MongoDB before 4.0", lambda r: len(r.json()) == 1, ""),
    (f"{RECORDS}/holiday/2024/IMG_0003.jpg", "", lambda r: r.json()["_id"] == "holiday/2024/IMG_0003.jpg", "an id with slashes"),
    (f"{RECORDS}/nothing", "404 {ok: 0}", 404, "problem+json"),
]  # fmt: skip


@pytest.mark.parametrize(("path_and_query", "mongodb_rest", "expected", "reason"), TABLE, ids=[row[0] for row in TABLE])
def test_mongodb_rest__each_request__has_the_response_in_the_table(
    api: Api, path_and_query: str, mongodb_rest: str, expected: Any, reason: str
) -> None:
    answer = api.client.get(path_and_query)
    if isinstance(expected, int):
        assert answer.status_code == expected
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == expected
    else:
        assert answer.status_code == 200, answer.text
        assert expected(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", [RECORDS, f"{RECORDS}/holiday/2024/IMG_0003.jpg", "/waldo", "/dbs", "/"])
def test_mongodb_rest__writing_method__is_405(api: Api, method: str, path: str) -> None:
    answer = api.client.request(method, path, json={"a": 1})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("encode", [lambda i: quote(i, safe="/"), lambda i: quote(i, safe="")], ids=["bare", "encoded"])
@pytest.mark.parametrize("name", ODD_KEYS)
def test_get_record__odd_key__is_found(wire_api: WireApi, name: str, encode: Any) -> None:
    id_ = f"odd-keys/{ODD_KEYS[name]}"
    target = f"{RECORDS}/{encode(id_)}".encode()
    if "/." in id_ and b"%2F" not in target:
        target = target.replace(b"/.", b"/%2E")  # HTTP clients remove dot segments that are not encoded
    answer = wire_api.get_raw(target)
    assert answer.status == 200, answer.body
    assert json.loads(answer.body)["_id"] == id_


@pytest.mark.parametrize("hint", ['{"nothing":1}', '"nothing"', '{"photo.location":"2dsphere"}'])
def test_find_records__unusable_hint__is_400_without_the_message_of_mongodb(api: Api, hint: str) -> None:
    answer = api.get(RECORDS, hint=hint).json()
    assert (answer["status"], answer["parameter"]) == (400, "hint")
    assert "exif_data" not in answer["detail"]


def test_find_records__csv_output__neutralises_formulas(api: Api) -> None:
    answer = api.get(RECORDS, query='{"bucket":"holiday","key":"=cmd.csv"}', output="csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert rows[0]["key"] == "'=cmd.csv"
    assert rows[0]["Image Make"] == "Canon"


def test_find_records__head_request__has_the_etag_and_no_body(api: Api) -> None:
    got, head = api.get(RECORDS), api.client.head(RECORDS)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["etag"] == got.headers["etag"]


def test_find_records__etag_is_known__is_not_modified(api: Api) -> None:
    etag = api.get(RECORDS, limit=1).headers["etag"]
    again = api.client.get(RECORDS, params={"limit": 1}, headers={"If-None-Match": f'"other", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert api.client.get(RECORDS, params={"limit": 2}, headers={"If-None-Match": etag}).status_code == 200


def test_find_records__times__always_have_milliseconds(own_library: Config) -> None:
    times = [datetime(2024, 5, 1, 12), datetime(2024, 5, 1, 12, 0, 0, 222000), datetime(1, 1, 1)]
    expected = ["2024-05-01T12:00:00.000Z", "2024-05-01T12:00:00.222Z", "0001-01-01T00:00:00.000Z"]
    with pymongo.MongoClient[Any](own_library.mongodb_uri.get_secret_value()) as client:
        client[own_library.mongodb_database].exif_data.insert_one({"_id": "t", "times": times})
    path = f"/{own_library.mongodb_database}/exif_data"
    with open_api(own_library) as api:
        assert api.get(f"{path}/t").json()["times"] == expected
        assert api.get(path, query='{"_id":"t"}').json()[0]["times"] == expected


@pytest.fixture(scope="module")
def large_library(library: Config) -> Iterator[Config]:
    """Yield a library with 60 records of 100 kB each, too much to be sent in one piece."""
    with copy_library(library) as config, pymongo.MongoClient[Any](config.mongodb_uri.get_secret_value()) as client:
        photos = client[config.mongodb_database].exif_data
        extra = {59: {"only in the last": "=1+1"}}
        photos.insert_many(
            {"_id": f"large/{at:02}", "size": at, "blob": "x" * 100_000, **extra.get(at, {})} for at in range(60)
        )
        yield config


@pytest.mark.parametrize("limit", [0, 60, 5000])
def test_find_records__large_response__is_streamed(large_library: Config, limit: int) -> None:
    path = f"/{large_library.mongodb_database}/exif_data"
    query: dict[str, Any] = {"query": '{"blob":{"$exists":true}}', "sort": '{"_id":1}', "limit": limit}
    with serve_api(large_library) as api:
        with api.client.stream("GET", path, params=query) as answer:
            assert "etag" not in answer.headers
            body = b"".join(answer.iter_bytes())
        assert [record["_id"] for record in json.loads(body)] == [f"large/{at:02}" for at in range(60)]
        text = api.client.get(path, params={**query, "output": "csv"}).text
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert (len(rows), rows[59]["only in the last"]) == (60, "'=1+1")
        assert api.client.head(path, params=query).headers["content-type"] == "application/json"
