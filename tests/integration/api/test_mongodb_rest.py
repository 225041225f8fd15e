"""The API's answers compared with those of npm's mongodb-rest, which tests/data/mongodb_rest/record.py recorded."""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Iterator

import pymongo
import pytest

from exifinator.config import Config
from tests.data.mongodb_rest.record import ANSWERS, COLLECTION, REQUESTS, fill
from tests.integration.api.fixtures import Api, open_api

RECORDED = {answer["request"]: answer for answer in json.loads(ANSWERS.read_text(encoding="utf-8"))}
IN_CSV = [request for request in REQUESTS if "output=csv" in request]
# The API serves only its own database.
IN_JSON = [request for request in REQUESTS if request not in ("/dbs", *IN_CSV)]
# mongodb-rest writes dates and objects as JavaScript's String() does: "Wed May 01 2024 ..." and "[object Object]".
PLAIN_COLUMNS = ("_id", "key", "size")


@pytest.fixture(scope="module")
def records_api(library: Config) -> Iterator[tuple[Api, str]]:
    """Yield the API over the records that mongodb-rest served, and the path of their collection."""
    name = f"rest-{secrets.token_hex(4)}"
    uri = library.mongodb_uri.get_secret_value()
    fill(uri, name)
    try:
        with open_api(library.model_copy(update={"mongodb_database": name})) as api:
            yield api, f"/{name}/exif_data"
    finally:
        with pymongo.MongoClient[dict[str, object]](uri) as client:
            client.drop_database(name)


def test_recorded_responses__every_request__is_there_and_succeeded() -> None:
    assert list(RECORDED) == list(REQUESTS)
    assert {answer["status"] for answer in RECORDED.values()} == {200}
    assert len(RECORDED[COLLECTION]["body"]) == 60, "the collection must have more records than a page of the API"


@pytest.mark.parametrize("request_", IN_JSON)
def test_find_records__json_request__equals_the_response_of_mongodb_rest(
    records_api: tuple[Api, str], request_: str
) -> None:
    api, path = records_api
    database = path.rpartition("/")[0]
    answer = api.client.get(request_.replace(COLLECTION, path).replace("/waldo", database))
    assert answer.status_code == 200, answer.text
    assert answer.json() == RECORDED[request_]["body"]


@pytest.mark.parametrize("request_", IN_CSV)
def test_find_records__csv_request__has_the_rows_of_mongodb_rest(records_api: tuple[Api, str], request_: str) -> None:
    api, path = records_api
    answer = api.client.get(request_.replace(COLLECTION, path))
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, RECORDED[request_]["type"])
    assert _read_csv(answer.text) == _read_csv(RECORDED[request_]["body"])


def _read_csv(text: str) -> list[list[object]]:
    # JavaScript has only floats, so mongodb-rest writes 0.0 as 0.
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [[*(row[name] for name in PLAIN_COLUMNS), float(row["ratio"])] for row in rows]
