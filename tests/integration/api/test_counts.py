"""Counts in statistics, facets and the map, compared with this module's counts of the same records."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pymongo
import pytest
from bson import MinKey

from api.aggregations.facet_counter import FacetCounter
from api.aggregations.facets import FacetCounts
from api.aggregations.sampling import SAMPLE_SIZES
from api.database import open_store
from exifinator.config import Config
from exifinator.models import STATUSES
from tests.integration.api.fixtures import Api, open_api
from tests.integration.api.library import make_records
from tests.waiting import eventually

RECORDS = make_records()
Fail = Callable[..., None]
# MongoDB reports error 50 (MaxTimeMSExpired) for a command that exceeds its time limit.
TIMEOUT: dict[str, Any] = {"failCommands": ["aggregate"], "errorCode": 50}
# Two requests for all photos. Without a filter, MongoDB counts index entries. With this one, it groups the photos.
COUNT_METHODS: list[dict[str, str]] = [{}, {"query": '{"size":{"$gt":0}}'}]


@contextlib.contextmanager
def open_photos(config: Config) -> Iterator[pymongo.collection.Collection[dict[str, Any]]]:
    """Yield the collection of a library."""
    with pymongo.MongoClient[dict[str, Any]](config.mongodb_uri.get_secret_value()) as client:
        yield client[config.mongodb_database][config.mongodb_collection]


def hour_of(record: dict[str, Any]) -> int | None:
    """Return the hour on the camera's clock."""
    taken: datetime | None = record["photo"].get("taken_local")
    return taken.hour if taken else None


@pytest.mark.parametrize("count_method", COUNT_METHODS, ids=["everything", "grouped"])
def test_get_statistics__any_count_method__has_the_counts_of_the_records(
    api: Api, count_method: dict[str, str]
) -> None:
    result = api.get("/statistics", **count_method).json()
    facets = {name: {row.get("value"): row["count"] for row in rows} for name, rows in result["facets"].items()}
    assert (result["total"], result["partial"]) == (len(RECORDS), False)
    assert facets["hour"] == Counter(map(hour_of, RECORDS))
    assert facets["camera"] == Counter(record["photo"].get("camera_model") for record in RECORDS)
    focals = {row["from"]: row["count"] for row in result["facets"]["focal"] if "from" in row}
    assert focals == Counter(record["photo"].get("focal_length_mm") for record in RECORDS if record["photo"])
    assert sum(facets["taken"].values()) == sum(facets["lens"].values()) == len(RECORDS)


@pytest.mark.parametrize("count_method", COUNT_METHODS, ids=["everything", "grouped"])
def test_get_statistics__buckets__have_counts_by_status(api: Api, count_method: dict[str, str]) -> None:
    result = api.get("/statistics", **count_method).json()
    counts = Counter((record["bucket"], record["status"]) for record in RECORDS)
    expected = {bucket: {status: counts[(bucket, status)] for status in STATUSES} for bucket, _ in counts}
    assert {row["bucket"]: {status: row[status] for status in STATUSES} for row in result["buckets"]} == expected
    assert [row["count"] for row in result["buckets"]] == sorted(
        (row["count"] for row in result["buckets"]), reverse=True
    )


def test_get_statistics__with_filters__counts_only_matching_photos(api: Api) -> None:
    result = api.get("/statistics", camera="X-T4", bucket="holiday").json()
    assert result["total"] == sum(
        r["bucket"] == "holiday" and r["photo"].get("camera_model") == "X-T4" for r in RECORDS
    )
    assert [row["bucket"] for row in result["buckets"]] == ["holiday"]
    assert [row["value"] for row in result["facets"]["camera"]] == ["X-T4"]


@pytest.mark.parametrize(
    ("hours", "is_in"),
    [("13", lambda h: h == 13), ("12-14", lambda h: 12 <= h <= 14), ("15-12", lambda h: h >= 15 or h <= 12)],
)
def test_get_photos__hour_filter__uses_the_clock_of_the_camera(
    api: Api, hours: str, is_in: Callable[[int], bool]
) -> None:
    expected = {record["_id"] for record in RECORDS if (hour := hour_of(record)) is not None and is_in(hour)}
    result = {photo["id"] for photo in api.get("/photos", hour=hours, limit=1000).json()["photos"]}
    assert result == expected
    assert expected
    assert api.get("/statistics", hour=hours).json()["total"] == len(expected)


@pytest.mark.parametrize("hours", ["24", "-1", "1-", "-", "1-2-3", "noon", "٣", "1.5", "$hour"])
def test_get_photos__invalid_hour__is_400(api: Api, hours: str) -> None:
    answer = api.get("/photos", hour=hours)
    assert answer.status_code == 400
    assert "hour" in answer.text


@pytest.mark.parametrize("offset", ["nonsense", 7, "+25:00", ["+02:00"], ""], ids=str)
def test_get_statistics__invalid_offset_from_another_program__does_not_fail(
    offset: object, own_library: Config
) -> None:
    """A record that another program stored with an invalid offset counts with the hour of its date."""
    record = {"_id": "elsewhere/a", "bucket": "elsewhere", "status": "ok", "key": "a", "size": 1}
    record |= {"photo": {"taken_local": datetime(2024, 1, 1, 5), "taken_offset": offset}}
    with open_photos(own_library) as photos, open_api(own_library) as api:
        photos.insert_one(record)
        result = api.get("/statistics", bucket="elsewhere").json()
        assert result["facets"]["hour"] == [{"value": 5, "count": 1}]
        assert api.get("/photos", bucket="elsewhere", hour="5").json()["photos"]


# A prefix of the ids of all photos of one bucket. Such a filter is read in one part, because it has no dates.
ONE_PART = {"prefix": "holida"}


@pytest.fixture
def failing_api(failing_library: Config) -> Iterator[Api]:
    """Yield an API that has counted nothing yet, and whose MongoDB can be made to fail."""
    with open_api(failing_library) as running:
        yield running


# Modes of MongoDB's fail point, and the status of the response. The count of all matches runs in parallel with the
# three samples, and counts in the background may use up some of the failures. So only with "alwaysOn" do all attempts
# fail.
SLOW_COMMANDS = pytest.mark.parametrize(
    ("mode", "status"),
    [({"times": 1}, 200), ({"times": 3}, 200), ("alwaysOn", 503)],
    ids=["one-fails", "three-fail", "all-fail"],
)


@SLOW_COMMANDS
def test_get_statistics__queries_exceed_their_time_limit__counts_smaller_samples(
    failing_api: Api, fail: Fail, mode: Any, status: int
) -> None:
    """Make some commands exceed their time limit. The status is 503 if the command for the smallest sample does too."""
    fail("failCommand", mode=mode, **TIMEOUT)
    assert failing_api.get("/statistics", **ONE_PART).status_code == status


@SLOW_COMMANDS
def test_get_map__queries_exceed_their_time_limit__groups_smaller_samples(
    failing_api: Api, fail: Fail, mode: Any, status: int
) -> None:
    fail("failCommand", mode=mode, **TIMEOUT)
    answer = failing_api.get("/map", zoom=3, **ONE_PART)
    assert answer.status_code == status
    if status == 200:
        # Samples are larger than this library, so they contain all matches.
        n_located = sum("location" in record["photo"] for record in RECORDS if record["bucket"] == "holiday")
        assert sum(one["properties"]["count"] for one in answer.json()["features"]) == n_located
        assert answer.json()["partial"] is False


def count_months(api: Api) -> None:
    """Make the API count the photos of each month. Afterwards, it reads photos in several parts, by date.

    On a busy machine, the first request does not wait until they are counted.
    """
    counter: FacetCounter = api.client.app.state.counter  # type: ignore[attr-defined]

    def are_counted() -> bool:
        api.get("/facets", fields="taken")
        return counter._photos_per_month() is not None

    eventually(are_counted)


def request_until_complete(api: Api, fail: Fail, path: str, **params: str) -> list[dict[str, Any]]:
    """Repeat a request until its response covers all photos, and return all responses.

    The query of the first request exceeds its time limit in MongoDB.
    """
    # A count in the background would use up the failure that is meant for the request under test.
    count_months(api)
    fail("failCommand", mode={"times": 1}, **TIMEOUT)
    answers: list[dict[str, Any]] = []

    def is_complete() -> bool:
        answers.append(api.get(path, **params).json())
        return not answers[-1]["partial"]

    eventually(is_complete)
    assert len(answers) > 1
    return answers


def test_get_facets__query_exceeds_its_time_limit__are_sampled_until_counted_in_the_background(
    failing_api: Api, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.aggregations.sampling.SAMPLE_SIZES", (20, 10, 5))
    answers = request_until_complete(failing_api, fail, "/facets", bucket="holiday", fields="camera")
    assert {(answer["total"], answer["more"]) for answer in answers} == {(121, False)}
    counted = [answer["counted"] for answer in answers]
    assert counted == [20] * (len(answers) - 1) + [121]
    assert [sum(row["count"] for row in answer["facets"]["camera"]) for answer in answers] == counted


def test_get_map__query_exceeds_its_time_limit__is_sampled_until_grouped_in_the_background(
    failing_api: Api, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.aggregations.sampling.SAMPLE_SIZES", (20, 10, 5))
    answers = request_until_complete(failing_api, fail, "/map", bucket="holiday", zoom="3")
    n_located = sum("location" in record["photo"] for record in RECORDS if record["bucket"] == "holiday")
    result = [sum(one["properties"]["count"] for one in answer["features"]) for answer in answers]
    assert result == [20] * (len(answers) - 1) + [n_located]


def test_get_map__all_photos_are_being_grouped__uses_a_sample(
    own_library: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until all photos are grouped, the map shows a sample, which contains all photos of this small library."""

    async def group_without_end(photos: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("api.app.build_pyramid", group_without_end)
    with open_photos(own_library) as photos, open_api(own_library) as api:
        photos.database.command("profile", 2)
        answer = api.get("/map", zoom=3).json()
        photos.database.command("profile", 0)
        pipelines = [
            entry["command"]["pipeline"]
            for entry in photos.database["system.profile"].find({"command.aggregate": photos.name})
        ]
    total = {"$match": {"_id": {"$gt": MinKey()}}}  # which is counted in the index when the API starts
    pipelines = [pipeline for pipeline in pipelines if pipeline[0] != total]
    assert pipelines
    assert all({"$limit": SAMPLE_SIZES[0]} in pipeline for pipeline in pipelines)
    n_located = sum("location" in record["photo"] for record in RECORDS)
    assert sum(one["properties"]["count"] for one in answer["features"]) == n_located
    assert answer["partial"] is False


def test_filters__photos_are_read_in_parts__count_each_photo_once(own_library: Config) -> None:
    """Once the distribution of photos over time is known, they are read in parts, by date. Some have no date."""
    buckets = sorted({record["bucket"] for record in RECORDS if len(record["photo"]) < 5})
    expected = [record for record in RECORDS if record["bucket"] in buckets]
    assert any("taken_local" not in record["photo"] for record in expected)
    with open_photos(own_library) as photos, open_api(own_library) as api:
        params: dict[str, Any] = {"bucket": buckets, "fields": "camera,lens,iso,taken,day,hour,keyword,gps"}
        at_once = api.get("/facets", **params, top="1000").json()
        count_months(api)
        assert api.get("/facets", fields="taken").json()["total"] == len(RECORDS)
        photos.database.command("profile", 2)
        in_parts = api.get("/facets", **params, top="1000").json()
        on_map = api.get("/map", bucket=buckets, zoom=3).json()
        photos.database.command("profile", 0)
        n_queries = photos.database["system.profile"].count_documents({"command.aggregate": photos.name})
    assert n_queries == 8
    assert in_parts["total"] == len(expected)
    assert in_parts["facets"] == at_once["facets"]
    cameras = {row["value"]: row["count"] for row in in_parts["facets"]["camera"]}
    assert cameras == Counter(record["photo"].get("camera_model") for record in expected)
    hours = {row["value"]: row["count"] for row in in_parts["facets"]["hour"]}
    assert hours == Counter(map(hour_of, expected))
    keywords = {row["value"]: row["count"] for row in in_parts["facets"]["keyword"]}
    assert keywords == Counter(word for record in expected for word in record["photo"].get("keywords", ()))
    n_located = sum("location" in record["photo"] for record in expected)
    assert sum(one["properties"]["count"] for one in on_map["features"]) == n_located


def test_facets__more_values_than_one_part_returns__are_counted_in_one_query(
    library: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The most frequent values of each part need not be the most frequent ones of all photos."""
    monkeypatch.setattr("api.aggregations.facets.MAX_VALUES", 2)
    params = {"bucket": "holiday", "fields": "iso,keyword,camera"}
    with open_api(library) as api:
        at_once = api.get("/facets", **params).json()["facets"]
        assert api.get("/facets", fields="taken").status_code == 200
        assert api.get("/facets", **params).json()["facets"] == at_once


@pytest.mark.parametrize("coordinates", [[None, 1.0], [], ["a", "b"], [float("nan"), 1.0], 7], ids=str)
def test_get_map__invalid_place_from_another_program__is_left_out(coordinates: object, own_library: Config) -> None:
    record = {"_id": "elsewhere/a", "bucket": "elsewhere", "status": "ok", "key": "a", "size": 1}
    record |= {"photo": {"location": {"type": "Point", "coordinates": coordinates}}}
    with open_photos(own_library) as photos, open_api(own_library) as api:
        photos.insert_one(record)
        answer = api.get("/map", bucket="elsewhere", zoom=3)
        assert (answer.status_code, answer.json()["features"]) == (200, [])


def test_cached_counts__record_is_stored_changed_or_removed__are_counted_again(own_library: Config) -> None:
    """Counts of all photos are cached only until a record changes."""
    with open_photos(own_library) as photos, open_api(own_library) as api:

        def await_cameras(camera: str, *, is_counted: bool) -> dict[str, int]:
            """Wait until the camera is counted, or no longer counted. Return the counts by camera."""

            def count_cameras() -> dict[str, int] | None:
                rows = api.get("/facets", fields="camera").json()["facets"]["camera"]
                result = {row["value"]: row["count"] for row in rows}
                return result if (camera in result) == is_counted else None

            result: dict[str, int] = eventually(count_cameras)  # type: ignore[assignment]
            return result

        before = await_cameras("X-T4", is_counted=True)
        new = {"_id": "holiday/new", "photo": {"camera_model": "New"}, "extracted_at": datetime.now(UTC)}
        photos.insert_one({**RECORDS[0], **new})
        assert await_cameras("New", is_counted=True) == {**before, "New": 1}
        changed = {"photo.camera_model": "Newer", "extracted_at": datetime.now(UTC)}
        photos.update_one({"_id": new["_id"]}, {"$set": changed})
        assert await_cameras("Newer", is_counted=True) == {**before, "Newer": 1}
        photos.delete_one({"_id": new["_id"]})
        assert await_cameras("Newer", is_counted=False) == before


def test_cached_counts__facets_are_counted_at_different_times__are_marked_stale(own_library: Config) -> None:
    now = [1000.0]

    async def ask(counter: FacetCounter, *names: str) -> FacetCounts:
        return await counter.count({}, list(names), budget_ms=600_000)

    def sums(counted: FacetCounts) -> set[int]:
        return {sum(counts.values()) for counts in counted.counts.values()}

    async def run() -> None:
        store = open_store(own_library)
        counter = FacetCounter(store.photos, store.total, asyncio.Semaphore(1), clock=lambda: now[0])
        try:
            many = len(RECORDS)
            first = await ask(counter, "camera")
            assert (first.total, sums(first)) == (many, {many})
            await store.photos.insert_one(
                {**RECORDS[0], "_id": "holiday/new", "extracted_at": datetime(2030, 1, 1, tzinfo=UTC)}
            )
            # The counts by camera are cached, together with the total at that time. The others are current.
            kept = await ask(counter, "camera")
            assert (kept.total, sums(kept), kept.stale) == (many, {many}, False)
            fresh = await ask(counter, "taken", "status")
            assert (fresh.total, sums(fresh)) == (many + 1, {many + 1})
            mixed = await ask(counter, "camera", "taken")
            assert (mixed.total, sums(mixed), mixed.stale) == (many + 1, {many, many + 1}, True)
            # Later, all are counted again, and at the same time.
            now[0] += 1000
            again = await ask(counter, "camera", "taken")
            assert (again.total, sums(again), again.stale) == (many + 1, {many + 1}, False)
        finally:
            await counter.close()
            await store.client.close()

    asyncio.run(run())


def test_start__large_collection__is_counted_before_the_first_request(
    failing_library: Config, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.app.MANY_PHOTOS", 1)
    with open_api(failing_library) as api:
        prepared: Any = api.client.app.state.preparing  # type: ignore[attr-defined]
        eventually(prepared.done)
        fail("failCommand", failCommands=["aggregate", "distinct", "find"], errorCode=50)
        assert api.get("/map", zoom=3).json()["features"]
        assert api.get("/facets", fields="camera,gps").json()["facets"]["camera"]
