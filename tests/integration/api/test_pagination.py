"""Pages of photos if a range has very many values: their order and their cost. Also areas around the poles."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pymongo
import pytest
from bson.regex import Regex
from pymongo import AsyncMongoClient, IndexModel
from pymongo.errors import ExecutionTimeout

from api.query.conditions import within
from api.query.filters import PHOTOS_ONLY, Filters
from api.query.pagination import _countable_parts, read_page, spell_out_ranges
from api.query.ranges import Box
from api.query.sort_order import Order, Position, SortName
from exifinator.search_keys.geo_cells import cells_of
from exifinator.storage.indexes import INDEXES
from tests.conftest import Addresses

Database = pymongo.database.Database[dict[str, Any]]
# Phones measure exposure times to the microsecond, so many values occur. Here: 1/30, 1/31, ... 1/529 s.
TIMES = [1 / at for at in range(30, 530)]


def make_phones() -> list[dict[str, Any]]:
    """Make 4,000 photos: the older half exposed for one of TIMES, the newer half for 2 s. A few have no date."""
    rng = random.Random(1)
    start = datetime(1965, 1, 1, tzinfo=UTC)
    records: list[dict[str, Any]] = []
    for at in range(4000):
        photo: dict[str, Any] = {"exposure_seconds": 2.0 if at >= 2000 else rng.choice(TIMES)}
        if at % 100:
            # Some photos were taken at the same time.
            photo["taken_local"] = start + timedelta(days=at // 3)
        records.append({"_id": f"b/{rng.randrange(10**9):09}", "photo": photo})
    return records


@pytest.fixture(scope="module")
def phones() -> list[dict[str, Any]]:
    return make_phones()


@contextlib.contextmanager
def open_database(uri: str) -> Iterator[Database]:
    """Yield a database that no other test uses."""
    with pymongo.MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        database = client[f"pages-{secrets.token_hex(4)}"]
        try:
            yield database
        finally:
            client.drop_database(database.name)


def insert_phones(database: Database, phones: list[dict[str, Any]]) -> None:
    photos = database["photos"]
    photos.insert_many(phones)
    photos.create_indexes([IndexModel(list(index.keys), name=index.name) for index in INDEXES])


@pytest.fixture
def empty_database(mongodb_uri: str) -> Iterator[Database]:
    with open_database(mongodb_uri) as database:
        yield database


@pytest.fixture(scope="module")
def database(mongodb_uri: str, phones: list[dict[str, Any]]) -> Iterator[Database]:
    """Yield a database with the photos of make_phones. Tests must not change it."""
    with open_database(mongodb_uri) as database:
        insert_phones(database, phones)
        yield database


@pytest.fixture
def failing_database(failing_mongodb_uri: str, servers: Addresses, phones: list[dict[str, Any]]) -> Iterator[Database]:
    """Yield the same photos on the mongod for fail points, which no other test uses at the same time."""
    with pymongo.MongoClient[dict[str, Any]](failing_mongodb_uri, tz_aware=True) as client:
        servers.once("failing-pages", lambda: insert_phones(client["pages"], phones))
        yield client["pages"]


# The older half of the photos.
RANGE = Filters(exposure="1/1000-1/30")


def read_pages(database: Database, sort: SortName, limit: int, pages: int, wanted: Filters = RANGE) -> list[str]:
    """Read up to `pages` pages of `limit` photos, and return the ids of the photos."""
    host, port = database.client.address or ("", 0)

    async def read() -> list[str]:
        async with AsyncMongoClient[dict[str, Any]](host, port, tz_aware=True) as client:
            photos = client[database.name]["photos"]
            order = Order.named(sort)
            filter_ = wanted.to_filter(exclude=frozenset({"media_type"}))
            filters = await spell_out_ranges(photos, filter_, order)
            ids: list[str] = []
            after: Position | None = None
            for _ in range(pages):
                records, after = await read_page(
                    photos, filters, order, after=after, limit=limit, restriction=PHOTOS_ONLY
                )
                ids += [record["_id"] for record in records]
                if after is None:
                    break
            return ids

    return asyncio.run(read())


@pytest.mark.parametrize("sort", ["-taken", "taken", "-exposure"])
def test_read_page__range_of_500_values__lists_each_photo_once_in_order(
    database: Database, phones: list[dict[str, Any]], sort: SortName
) -> None:
    def moment(record: dict[str, Any]) -> tuple[datetime, str]:
        undated = datetime(1 if sort == "-taken" else 9999, 1, 1, tzinfo=UTC)
        return record["photo"].get("taken_local", undated), record["_id"]

    expected = sorted(phones[:2000], key=moment, reverse=sort == "-taken")
    if sort == "-exposure":
        # Of photos with the same date, the oldest is first. Photos without a date precede it.
        expected.sort(key=lambda record: record["_id"])
        expected.sort(key=lambda record: record["photo"].get("taken_local", datetime(1, 1, 1, tzinfo=UTC)))
        expected.sort(key=lambda record: -record["photo"]["exposure_seconds"])
    assert read_pages(database, sort, 170, 100) == [record["_id"] for record in expected]


def test_read_page__range_of_500_values__reads_each_value_once(database: Database) -> None:
    with watched(database, "query", "command") as operations:
        assert len(read_pages(database, "-taken", 50, 1)) == 50
    operations = [operation for operation in operations if operation.get("keysExamined")]
    assert len(operations) > 1
    # Each value is read once to find it, and once for the page.
    assert sum(operation["keysExamined"] for operation in operations) <= 2 * len(TIMES) + 5 * 51
    assert sum(operation["docsExamined"] for operation in operations) <= 5 * 51


# The newer half of the photos, and those of one month among them.
SLOW = Filters(exposure="2")
SLOW_MONTH = Filters(exposure="2", taken="1967-01")
SORTS: tuple[SortName, ...] = ("key", "-taken", "iso")


def slow_ids(phones: list[dict[str, Any]], *, year_month: tuple[int, int] | None = None) -> list[str]:
    """Return the photos that match SLOW or SLOW_MONTH, in the order of their ids."""
    records = [(record["_id"], record["photo"].get("taken_local")) for record in phones[2000:]]
    return sorted(id_ for id_, at in records if not year_month or (at and (at.year, at.month) == year_month))


@contextlib.contextmanager
def failing(database: Database, finds: int) -> Iterator[None]:
    """Make the next `finds` find commands exceed their time limit in MongoDB."""
    data = {"failCommands": ["find"], "errorCode": 50}
    database.client.admin.command("configureFailPoint", "failCommand", mode={"times": finds}, data=data)
    try:
        yield
    finally:
        database.client.admin.command("configureFailPoint", "failCommand", mode="off")


@contextlib.contextmanager
def watched(database: Database, *kinds: str) -> Iterator[list[dict[str, Any]]]:
    """Yield a list, and append MongoDB's profile of each operation to it at the end. The default kind is finds."""
    operations: list[dict[str, Any]] = []
    profile = database["system.profile"]
    profile.drop()
    database.command("profile", 2)
    try:
        yield operations
    finally:
        database.command("profile", 0)
        wanted = {"op": {"$in": kinds or ("query",)}, "ns": f"{database.name}.photos"}
        operations += profile.find(wanted).sort("ts", 1)


def test_read_page__many_photos_match__a_short_walk_along_the_sort_order_suffices(
    database: Database, phones: list[dict[str, Any]]
) -> None:
    with watched(database) as operations:
        result = read_pages(database, "key", 50, 1, SLOW)
    assert result == slow_ids(phones)[:50]
    assert [operation["command"]["hint"] for operation in operations] == ["_id_"]
    assert operations[0]["docsExamined"] < 200


def test_read_page__short_walk_times_out__narrowest_index_is_used(
    failing_database: Database, phones: list[dict[str, Any]]
) -> None:
    with failing(failing_database, 1), watched(failing_database) as operations:
        result = read_pages(failing_database, "key", 50, 1, SLOW_MONTH)
    assert result == slow_ids(phones, year_month=(1967, 1))[:50]
    assert operations[-1]["planSummary"].startswith("IXSCAN { photo.taken_local: -1")
    assert operations[-1]["docsExamined"] <= 31 * 3


@pytest.mark.parametrize(
    ("name", "value"), [("_MAX_COUNT", 1), ("_PHOTOS_SORTED_PER_MS", 1)], ids=["not narrow", "slow to sort"]
)
def test_read_page__narrowest_index_would_be_slow__walk_continues(
    failing_database: Database,
    phones: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: int,
) -> None:
    monkeypatch.setattr(f"api.query.pagination.{name}", value)
    with failing(failing_database, 1), watched(failing_database) as operations:
        assert read_pages(failing_database, "key", 50, 1, SLOW) == slow_ids(phones)[:50]
    assert [operation["command"]["hint"] for operation in operations] == ["_id_"]


def test_read_page__long_walk_times_out_too__narrowest_index_is_sorted(
    failing_database: Database, phones: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.query.pagination._PHOTOS_SORTED_PER_MS", 1)
    with failing(failing_database, 2), watched(failing_database) as operations:
        assert read_pages(failing_database, "key", 50, 1, SLOW) == slow_ids(phones)[:50]
    assert [operation["command"]["hint"] for operation in operations] == ["exposure_taken_local"]


def test_read_page__every_plan_times_out__raises_a_timeout(
    failing_database: Database, phones: list[dict[str, Any]]
) -> None:
    assert phones
    for sort in SORTS:
        with failing(failing_database, 4), pytest.raises(ExecutionTimeout):
            read_pages(failing_database, sort, 50, 1, SLOW_MONTH)


@pytest.mark.parametrize("max_count", [1, 30_000], ids=["sorted", "by the narrowest"])
def test_read_page__sort_order_has_no_index_yet__lists_the_same_photos(
    empty_database: Database, phones: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, max_count: int
) -> None:
    monkeypatch.setattr("api.query.pagination._MAX_COUNT", max_count)
    insert_phones(empty_database, phones)
    wanted = Filters(exposure="1/100-1/30", taken="1966")
    expected = read_pages(empty_database, "exposure", 7, 100, wanted)
    times = {record["_id"]: record["photo"]["exposure_seconds"] for record in phones}
    assert [times[id_] for id_ in expected] == sorted(times[id_] for id_ in expected)
    empty_database["photos"].drop_index("exposure_taken_local")
    assert len(expected) > 20
    assert read_pages(empty_database, "exposure", 7, 100, wanted) == expected


@pytest.mark.parametrize(
    ("condition", "counted"),
    [
        (100, [100]),
        ({"$gte": 1, "$lte": 2.5}, [{"$gte": 1, "$lte": 2.5}]),
        ({"$in": ["a", "b"]}, [{"$in": ["a", "b"]}]),
        ({"$all": ["a", "b", Regex("c")]}, ["a", "b"]),
        (None, []),
        ({"$in": ["a", None]}, []),
        (Regex("^a"), []),
        ({"$in": [Regex("a")]}, []),
        ({"$ne": 1}, []),
        ({"$not": {"$gt": 1}}, []),
        ({"a": 1}, []),
        ([1, [2]], []),
        ({"$elemMatch": {"$gt": 1}}, []),
    ],
)
def test_countable_parts__condition__are_those_that_an_index_counts_quickly(condition: Any, counted: list[Any]) -> None:
    assert _countable_parts(condition) == counted


def test_read_page__very_many_conditions__only_eight_are_counted(failing_mongodb_uri: str) -> None:
    many = Filters(query=orjson.dumps({"words": {"$all": [f"w{at}" for at in range(200)]}}).decode())
    with open_database(failing_mongodb_uri) as database:
        database["photos"].insert_one({"_id": "b/a", "words": [f"w{at}" for at in range(300)]})
        with failing(database, 1), watched(database, "command") as operations:
            assert read_pages(database, "key", 5, 1, many) == ["b/a"]
    # Eight conditions are counted twice: up to a small limit first, and up to a large one after the walk has timed out.
    assert len([operation for operation in operations if "aggregate" in operation["command"]]) == 2 * 8


def test_within__box_of_any_size_and_place__finds_exactly_the_points_in_it(empty_database: Database) -> None:
    rng = random.Random(2)
    latitudes = [90, -90, 89.99995, -89.99995, 89.9, -80, 0, 45, 60]
    longitudes = [180, -180, 179.99999, 0, 90, -90, 45, -120]
    points = [(float(lng), float(lat)) for lng in longitudes for lat in latitudes]
    points += [(rng.uniform(-180, 180), rng.choice([1, -1]) * rng.uniform(0, 90)) for _ in range(500)]
    places = [
        {"_id": at, "photo": {"location": {"type": "Point", "coordinates": point}}, "cells": cells_of(*point)}
        for at, point in enumerate(points)
    ]
    empty_database["photos"].insert_many(places)
    empty_database["photos"].create_index([("cells", 1)])
    for _ in range(300):
        south, north = sorted(rng.choices([*latitudes, 88.5, 10, rng.uniform(-90, 90)], k=2))
        west, east = rng.choices([*longitudes, 170, -170, 12, rng.uniform(-180, 180)], k=2)
        box = Box(west, south, east, north)
        expected = {
            at
            for at, (lng, lat) in enumerate(points)
            if south <= lat <= north and (west <= lng <= east if west <= east else lng >= west or lng <= east)
        }
        assert {photo["_id"] for photo in empty_database["photos"].find(within(box), {"_id": 1})} == expected, box
