"""Statistics and the hour of the day, against the same records counted here."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from exifinator.records import STATUSES
from tests.integration.api_fixtures import Api
from tests.integration.api_library import make_records

RECORDS = make_records()
# A filter that all pass, so that the photos are grouped instead of counted in the indexes.
ROADS: list[dict[str, str]] = [{}, {"query": '{"size":{"$gt":0}}'}]


def hour_of(record: dict[str, Any]) -> int | None:
    """The hour that the camera's clock showed."""
    taken: datetime | None = record["photo"].get("taken_at")
    if taken is None:
        return None
    return (taken + timedelta(hours=2 if record["photo"].get("taken_offset") == "+02:00" else 0)).hour


@pytest.mark.parametrize("road", ROADS, ids=["everything", "grouped"])
def test_get_statistics__counts__are_those_of_the_records(api: Api, road: dict[str, str]) -> None:
    found = api.get("/statistics", **road).json()
    facets = {name: {row.get("value"): row["count"] for row in rows} for name, rows in found["facets"].items()}
    assert (found["total"], found["cut_short"]) == (len(RECORDS), False)
    assert facets["hour"] == Counter(map(hour_of, RECORDS))
    assert facets["camera"] == Counter(record["photo"].get("camera_model") for record in RECORDS)
    focals = {row["from"]: row["count"] for row in found["facets"]["focal"] if "from" in row}
    assert focals == Counter(record["photo"].get("focal_length_mm") for record in RECORDS if record["photo"])
    assert sum(facets["taken"].values()) == sum(facets["lens"].values()) == len(RECORDS)


@pytest.mark.parametrize("road", ROADS, ids=["everything", "grouped"])
def test_get_statistics__buckets__have_the_share_without_exif(api: Api, road: dict[str, str]) -> None:
    found = api.get("/statistics", **road).json()
    counts = Counter((record["bucket"], record["status"]) for record in RECORDS)
    expected = {bucket: {status: counts[(bucket, status)] for status in STATUSES} for bucket, _ in counts}
    assert {row["bucket"]: {status: row[status] for status in STATUSES} for row in found["buckets"]} == expected
    assert [row["count"] for row in found["buckets"]] == sorted(
        (row["count"] for row in found["buckets"]), reverse=True
    )


def test_get_statistics__filters__hold(api: Api) -> None:
    found = api.get("/statistics", camera="X-T4", bucket="holiday").json()
    assert found["total"] == sum(r["bucket"] == "holiday" and r["photo"].get("camera_model") == "X-T4" for r in RECORDS)
    assert [row["bucket"] for row in found["buckets"]] == ["holiday"]
    assert [row["value"] for row in found["facets"]["camera"]] == ["X-T4"]


@pytest.mark.parametrize(
    ("hours", "is_in"),
    [("13", lambda h: h == 13), ("12-14", lambda h: 12 <= h <= 14), ("15-12", lambda h: h >= 15 or h <= 12)],
)
def test_get_photos__hour__is_the_camera_s(api: Api, hours: str, is_in: Callable[[int], bool]) -> None:
    wanted = {record["_id"] for record in RECORDS if (hour := hour_of(record)) is not None and is_in(hour)}
    found = {photo["id"] for photo in api.get("/photos", hour=hours, limit=1000).json()["photos"]}
    assert found == wanted
    assert wanted
    assert api.get("/statistics", hour=hours).json()["total"] == len(wanted)


@pytest.mark.parametrize("hours", ["24", "-1", "1-", "-", "1-2-3", "noon", "٣", "1.5", "$hour"])
def test_get_photos__no_hour__is_refused(api: Api, hours: str) -> None:
    answer = api.get("/photos", hour=hours)
    assert answer.status_code == 400
    assert "hour" in answer.text


@pytest.mark.parametrize("offset", ["nonsense", 7, "+25:00", ["+02:00"], ""], ids=str)
def test_get_statistics__offset_of_another_program__spoils_nothing(api: Api, offset: object, library: Any) -> None:
    """A record that EXIFinator did not make counts with the hour of its date."""
    record = {"_id": "elsewhere/a", "bucket": "elsewhere", "status": "ok", "key": "a", "size": 1}
    record |= {"photo": {"taken_at": datetime(2024, 1, 1, 5), "taken_offset": offset}}
    with pymongo.MongoClient[dict[str, Any]](library.mongodb_uri.get_secret_value()) as client:
        photos = client[library.mongodb_database][library.mongodb_collection]
        photos.insert_one(record)
        try:
            found = api.get("/statistics", bucket="elsewhere").json()
            assert found["facets"]["hour"] == [{"value": 5, "count": 1}]
            assert api.get("/photos", bucket="elsewhere", hour="5").json()["photos"]
        finally:
            photos.delete_one({"_id": record["_id"]})


# All of one bucket, by their ids: photos that dates do not help to find are read in one part.
ONE_READING = {"prefix": "holida"}


# Counting how many pass is tried beside the three samples, and may be before or behind any of them.
@pytest.mark.parametrize(("slow", "status"), [(1, 200), (3, 200), (5, 503)])
def test_get_statistics__slow_server__counts_fewer_and_fewer(api: Api, library: Any, slow: int, status: int) -> None:
    """`slow` of the tries take longer than they may: only where the smallest sample does too there is no answer."""
    data = {"failCommands": ["aggregate"], "errorCode": 50}
    with pymongo.MongoClient[dict[str, Any]](library.mongodb_uri.get_secret_value()) as client:
        client.admin.command("configureFailPoint", "failCommand", mode={"times": slow}, data=data)
        try:
            assert api.get("/statistics", **ONE_READING).status_code == status
        finally:
            client.admin.command("configureFailPoint", "failCommand", mode="off")


@pytest.mark.parametrize(("slow", "status"), [(1, 200), (3, 200), (4, 503)])
def test_get_map__slow_server__groups_fewer_and_fewer(api: Api, library: Any, slow: int, status: int) -> None:
    data = {"failCommands": ["aggregate"], "errorCode": 50}
    with pymongo.MongoClient[dict[str, Any]](library.mongodb_uri.get_secret_value()) as client:
        client.admin.command("configureFailPoint", "failCommand", mode={"times": slow}, data=data)
        try:
            answer = api.get("/map", zoom=3, **ONE_READING)
            assert answer.status_code == status
            if status == 200:
                # A sample that is not full has all that there are.
                whole = sum("location" in record["photo"] for record in RECORDS if record["bucket"] == "holiday")
                assert sum(one["properties"]["count"] for one in answer.json()["features"]) == whole
                assert answer.json()["cut_short"] is False
        finally:
            client.admin.command("configureFailPoint", "failCommand", mode="off")


def ask_until_whole(app: FastAPI, library: Any, path: str, params: dict[str, str]) -> list[dict[str, Any]]:
    """The answers to one request after the other: MongoDB does not end the first in time, the last is of all."""
    slow = {"failCommands": ["aggregate"], "errorCode": 50}
    with (
        TestClient(app, base_url="http://localhost") as client,
        pymongo.MongoClient[dict[str, Any]](library.mongodb_uri.get_secret_value()) as mongo,
    ):
        # How photos spread over time is known before, so that nothing but the request is slow.
        client.get("/facets", params={"fields": "taken"})
        mongo.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=slow)
        answers = [client.get(path, params=params).json()]
        while answers[-1]["cut_short"] and len(answers) < 100:
            time.sleep(0.02)
            answers.append(client.get(path, params=params).json())
    assert len(answers) > 1
    assert answers[-1]["cut_short"] is False
    return answers


def test_get_facets__too_many_for_a_request__are_counted_beside_it(
    fresh_app: FastAPI, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.counting.SAMPLES", (20, 10, 5))
    answers = ask_until_whole(fresh_app, library, "/facets", {"bucket": "holiday", "fields": "camera"})
    assert {(answer["total"], answer["more"]) for answer in answers} == {(121, False)}
    counted = [answer["counted"] for answer in answers]
    assert counted == [20] * (len(answers) - 1) + [121]
    assert [sum(row["count"] for row in answer["facets"]["camera"]) for answer in answers] == counted


def test_get_map__too_many_for_a_request__are_grouped_beside_it(
    fresh_app: FastAPI, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.map.SAMPLES", (20, 10, 5))
    answers = ask_until_whole(fresh_app, library, "/map", {"bucket": "holiday", "zoom": "3"})
    whole = sum("location" in record["photo"] for record in RECORDS if record["bucket"] == "holiday")
    found = [sum(one["properties"]["count"] for one in answer["features"]) for answer in answers]
    assert found == [20] * (len(answers) - 1) + [whole]


@pytest.fixture
def fresh_app(library: Any) -> FastAPI:
    """An API that has counted nothing yet."""
    return create_app(library)


def test_get_map__first_after_a_start__groups_everything_once(fresh_app: FastAPI, library: Any) -> None:
    """While everything is being grouped, some photos stand for all; of so few those are all."""
    data = {"failCommands": ["aggregate"], "blockConnection": True, "blockTimeMS": 5000}
    with pymongo.MongoClient[dict[str, Any]](library.mongodb_uri.get_secret_value()) as mongo:
        database = mongo[library.mongodb_database]
        placed = database[library.mongodb_collection].count_documents({"photo.location.type": "Point"})
        database.command("profile", 2)
        mongo.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=data)
        try:
            with TestClient(fresh_app, base_url="http://localhost") as client:
                answer = client.get("/map", params={"zoom": 3}).json()
                # The one that is under way is written down when it ends.
                whole = {"command.aggregate": library.mongodb_collection, "command.pipeline.$limit": {"$exists": False}}
                assert database["system.profile"].count_documents(whole) == 0
            assert sum(one["properties"]["count"] for one in answer["features"]) == placed
            assert answer["cut_short"] is False
        finally:
            mongo.admin.command("configureFailPoint", "failCommand", mode="off")
            database.command("profile", 0)
            database["system.profile"].drop()


def test_filters__read_in_parts__count_each_photo_once(fresh_app: FastAPI, library: Any) -> None:
    """Where it is known how photos spread over time; some of them have no date."""
    buckets = sorted({record["bucket"] for record in RECORDS if len(record["photo"]) < 5})
    wanted = [record for record in RECORDS if record["bucket"] in buckets]
    assert any("taken_at" not in record["photo"] for record in wanted)
    with pymongo.MongoClient[dict[str, Any]](library.mongodb_uri.get_secret_value()) as mongo:
        database = mongo[library.mongodb_database]
        with TestClient(fresh_app, base_url="http://localhost") as client:
            params = {"bucket": buckets, "fields": "camera,lens,iso,taken,day,hour,keyword,place", "top": "1000"}
            at_once = client.get("/facets", params=params).json()
            counted = client.get("/facets", params={"fields": "taken"}).json()
            assert counted["total"] == len(RECORDS)
            database.command("profile", 2)
            try:
                in_parts = client.get("/facets", params=params).json()
                on_map = client.get("/map", params={"bucket": buckets, "zoom": 3}).json()
            finally:
                database.command("profile", 0)
            asked = database["system.profile"].count_documents({"command.aggregate": library.mongodb_collection})
            database["system.profile"].drop()
    assert asked == 8
    assert in_parts["total"] == len(wanted)
    assert in_parts["facets"] == at_once["facets"]
    cameras = {row["value"]: row["count"] for row in in_parts["facets"]["camera"]}
    assert cameras == Counter(record["photo"].get("camera_model") for record in wanted)
    hours = {row["value"]: row["count"] for row in in_parts["facets"]["hour"]}
    assert hours == Counter(map(hour_of, wanted))
    keywords = {row["value"]: row["count"] for row in in_parts["facets"]["keyword"]}
    assert keywords == Counter(word for record in wanted for word in record["photo"].get("keywords", ()))
    placed = sum("location" in record["photo"] for record in wanted)
    assert sum(one["properties"]["count"] for one in on_map["features"]) == placed


def test_facets__more_values_than_a_part_gives__are_counted_in_one(
    fresh_app: FastAPI, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The most frequent of each part are not those of all."""
    monkeypatch.setattr("api.counting.MOST_VALUES", 2)
    params = {"bucket": "holiday", "fields": "iso,keyword,camera"}
    with TestClient(fresh_app, base_url="http://localhost") as client:
        at_once = client.get("/facets", params=params).json()["facets"]
        assert client.get("/facets", params={"fields": "taken"}).status_code == 200
        assert client.get("/facets", params=params).json()["facets"] == at_once


@pytest.mark.parametrize("coordinates", [[None, 1.0], [], ["a", "b"], [float("nan"), 1.0], 7], ids=str)
def test_get_map__place_of_another_program__spoils_nothing(api: Api, coordinates: object, library: Any) -> None:
    record = {"_id": "elsewhere/a", "bucket": "elsewhere", "status": "ok", "key": "a", "size": 1}
    record |= {"photo": {"location": {"type": "Point", "coordinates": coordinates}}}
    with pymongo.MongoClient[dict[str, Any]](library.mongodb_uri.get_secret_value()) as client:
        photos = client[library.mongodb_database][library.mongodb_collection]
        photos.insert_one(record)
        try:
            answer = api.get("/map", bucket="elsewhere", zoom=3)
            assert (answer.status_code, answer.json()["features"]) == (200, [])
        finally:
            photos.delete_one({"_id": record["_id"]})


def test_everything__a_record_is_stored_or_goes__is_counted_anew(fresh_app: FastAPI, library: Any) -> None:
    """What was counted of everything is kept while nothing changes, and no longer."""
    with (
        TestClient(fresh_app, base_url="http://localhost") as client,
        pymongo.MongoClient[dict[str, Any]](library.mongodb_uri.get_secret_value()) as mongo,
    ):
        photos = mongo[library.mongodb_database][library.mongodb_collection]

        def cameras_once(camera: str, there: bool) -> dict[str, int]:
            for _ in range(100):
                rows = client.get("/facets", params={"fields": "camera"}).json()["facets"]["camera"]
                found = {row["value"]: row["count"] for row in rows}
                if (camera in found) == there:
                    return found
                time.sleep(0.1)
            raise AssertionError(f"{camera} in {found}: not {there}")

        before = cameras_once("X-T4", there=True)
        record = {
            **RECORDS[0],
            "_id": "holiday/new",
            "photo": {"camera_model": "New"},
            "extracted_at": datetime.now(UTC),
        }
        photos.insert_one(record)
        try:
            assert cameras_once("New", there=True) == {**before, "New": 1}
            changed = {"photo.camera_model": "Newer", "extracted_at": datetime.now(UTC)}
            photos.update_one({"_id": record["_id"]}, {"$set": changed})
            assert cameras_once("Newer", there=True) == {**before, "Newer": 1}
        finally:
            photos.delete_one({"_id": record["_id"]})
        assert cameras_once("Newer", there=False) == before


def test_start__large_collection__is_counted_before_anyone_asks(
    fresh_app: FastAPI, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.app.MANY_PHOTOS", 1)
    data = {"failCommands": ["aggregate", "distinct", "find"], "errorCode": 50}
    with (
        TestClient(fresh_app, base_url="http://localhost") as client,
        pymongo.MongoClient[dict[str, Any]](library.mongodb_uri.get_secret_value()) as mongo,
    ):
        deadline = time.monotonic() + 30
        while not fresh_app.state.preparing.done():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        mongo.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=data)
        try:
            assert client.get("/map", params={"zoom": 3}).json()["features"]
            assert client.get("/facets", params={"fields": "camera,place"}).json()["facets"]["camera"]
        finally:
            mongo.admin.command("configureFailPoint", "failCommand", mode="off")
