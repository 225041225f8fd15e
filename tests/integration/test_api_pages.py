"""What a page costs and holds where a range has very many values, and boxes around the poles; on a real MongoDB."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pymongo
import pytest
from bson.regex import Regex
from pymongo import AsyncMongoClient
from pymongo.errors import ExecutionTimeout

from api.filters import Filters, within
from api.orders import Order, Place, SortName
from api.paging import _stretches, read_page, spell_out_ranges
from api.ranges import Box
from exifinator.cells import cells_of
from exifinator.indexes import INDEXES

Database = pymongo.database.Database[dict[str, Any]]
# Phones measure time to the microsecond: 1/30 to 1/529 of a second, all of them.
TIMES = [1 / at for at in range(30, 530)]


@pytest.fixture
def database(mongodb_address: str) -> Iterator[Database]:
    with pymongo.MongoClient[dict[str, Any]](mongodb_address, tz_aware=True) as client:
        yield client["pages"]
        client.drop_database("pages")


@pytest.fixture
def phones(database: Database) -> list[dict[str, Any]]:
    """4,000 photos, of which the newer half was taken too slowly for TIMES; a few have no date."""
    rng = random.Random(1)
    start = datetime(1965, 1, 1, tzinfo=UTC)
    records: list[dict[str, Any]] = []
    for at in range(4000):
        photo: dict[str, Any] = {"exposure_seconds": 2.0 if at >= 2000 else rng.choice(TIMES)}
        if at % 100:
            # Some share their moment.
            photo["taken_at"] = start + timedelta(days=at // 3)
        records.append({"_id": f"b/{rng.randrange(10**9):09}", "photo": photo})
    database["photos"].insert_many(records)
    for index in INDEXES:
        database["photos"].create_index(list(index.keys), name=index.name)
    return records


RANGE = Filters(exposure="1/1000-1/30")


def read_pages(address: str, sort: SortName, limit: int, pages: int, wanted: Filters = RANGE) -> list[str]:
    async def read() -> list[str]:
        async with AsyncMongoClient[dict[str, Any]](address, tz_aware=True) as client:
            photos = client["pages"]["photos"]
            order = Order.named(sort)
            filters = await spell_out_ranges(photos, wanted.to_filter(), order)
            ids: list[str] = []
            after: Place | None = None
            for _ in range(pages):
                records, after = await read_page(photos, filters, order, after=after, limit=limit)
                ids += [record["_id"] for record in records]
                if after is None:
                    break
            return ids

    return asyncio.run(read())


@pytest.mark.parametrize("sort", ["-taken", "taken", "-exposure"])
def test_read_page__range_of_500_values__gives_each_photo_once_in_order(
    mongodb_address: str, phones: list[dict[str, Any]], sort: SortName
) -> None:
    def moment(record: dict[str, Any]) -> tuple[datetime, str]:
        undated = datetime(1 if sort == "-taken" else 9999, 1, 1, tzinfo=UTC)
        return record["photo"].get("taken_at", undated), record["_id"]

    expected = sorted(phones[:2000], key=moment, reverse=sort == "-taken")
    if sort == "-exposure":
        # Of equal ones the oldest is first, and before it those without a date.
        expected.sort(key=lambda record: record["_id"])
        expected.sort(key=lambda record: record["photo"].get("taken_at", datetime(1, 1, 1, tzinfo=UTC)))
        expected.sort(key=lambda record: -record["photo"]["exposure_seconds"])
    assert read_pages(mongodb_address, sort, 170, 100) == [record["_id"] for record in expected]


@pytest.mark.usefixtures("phones")
def test_read_page__range_of_500_values__looks_once_at_each_value(mongodb_address: str, database: Database) -> None:
    database.command("profile", 2)
    assert len(read_pages(mongodb_address, "-taken", 50, 1)) == 50
    database.command("profile", 0)
    looks = list(database["system.profile"].find({"op": {"$in": ["query", "command"]}, "keysExamined": {"$gt": 0}}))
    assert len(looks) > 1
    # Each value for itself to know of it and once more for the page, then what the page and its parts show: not the
    # 2,000 photos that pass, nor those that are newer.
    assert sum(look["keysExamined"] for look in looks) <= 2 * len(TIMES) + 5 * 51
    assert sum(look["docsExamined"] for look in looks) <= 5 * 51


SLOW = Filters(exposure="2")
SLOW_MONTH = Filters(exposure="2", taken="1967-01")
SORTS: tuple[SortName, ...] = ("key", "-taken", "iso")


def slow_ids(phones: list[dict[str, Any]], *, year_month: tuple[int, int] | None = None) -> list[str]:
    """Of the photos that passed SLOW, or SLOW_MONTH, in the order of their ids."""
    found = [(record["_id"], record["photo"].get("taken_at")) for record in phones[2000:]]
    return sorted(id_ for id_, at in found if not year_month or (at and (at.year, at.month) == year_month))


@contextlib.contextmanager
def failing(database: Database, finds: int) -> Iterator[None]:
    """The next so many readings take too long for MongoDB."""
    data = {"failCommands": ["find"], "errorCode": 50}
    database.client.admin.command("configureFailPoint", "failCommand", mode={"times": finds}, data=data)
    try:
        yield
    finally:
        database.client.admin.command("configureFailPoint", "failCommand", mode="off")


@contextlib.contextmanager
def watched(database: Database) -> Iterator[list[dict[str, Any]]]:
    """What MongoDB says of each reading, at the end."""
    looks: list[dict[str, Any]] = []
    database.command("profile", 2)
    try:
        yield looks
    finally:
        database.command("profile", 0)
        looks += database["system.profile"].find({"op": "query", "ns": "pages.photos"}).sort("ts", 1)


def test_read_page__another_order_and_many_pass__a_few_steps_along_the_order_do(
    mongodb_address: str, database: Database, phones: list[dict[str, Any]]
) -> None:
    with watched(database) as looks:
        found = read_pages(mongodb_address, "key", 50, 1, SLOW)
    assert found == slow_ids(phones)[:50]
    assert [look["command"]["hint"] for look in looks] == ["_id_"]
    assert looks[0]["docsExamined"] < 200


def test_read_page__few_steps_do_not_do__the_narrowest_index_is_taken(
    mongodb_address: str, database: Database, phones: list[dict[str, Any]]
) -> None:
    with failing(database, 1), watched(database) as looks:
        found = read_pages(mongodb_address, "key", 50, 1, SLOW_MONTH)
    assert found == slow_ids(phones, year_month=(1967, 1))[:50]
    assert looks[-1]["planSummary"].startswith("IXSCAN { photo.taken_at: -1")
    assert looks[-1]["docsExamined"] <= 31 * 3


@pytest.mark.parametrize(("name", "value"), [("_MANY", 1), ("_SORTED_A_MS", 1)], ids=["not narrow", "slow to sort"])
def test_read_page__the_narrowest_would_take_long__the_walk_goes_on(
    mongodb_address: str,
    database: Database,
    phones: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: int,
) -> None:
    monkeypatch.setattr(f"api.paging.{name}", value)
    with failing(database, 1), watched(database) as looks:
        assert read_pages(mongodb_address, "key", 50, 1, SLOW) == slow_ids(phones)[:50]
    assert [look["command"]["hint"] for look in looks] == ["_id_"]


def test_read_page__the_walk_takes_too_long_too__the_narrowest_is_sorted(
    mongodb_address: str, database: Database, phones: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.paging._SORTED_A_MS", 1)
    with failing(database, 2), watched(database) as looks:
        assert read_pages(mongodb_address, "key", 50, 1, SLOW) == slow_ids(phones)[:50]
    assert [look["command"]["hint"] for look in looks] == ["exposure_taken"]


def test_read_page__all_ways_take_too_long__is_a_timeout(
    mongodb_address: str, database: Database, phones: list[dict[str, Any]]
) -> None:
    assert phones
    for sort in SORTS:
        with failing(database, 4), pytest.raises(ExecutionTimeout):
            read_pages(mongodb_address, sort, 50, 1, SLOW_MONTH)


@pytest.mark.parametrize("most", [1, 30_000], ids=["sorted", "by the narrowest"])
def test_read_page__the_order_has_no_index_yet__is_the_same(
    mongodb_address: str, database: Database, phones: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("api.paging._MANY", most)
    wanted = Filters(exposure="1/100-1/30", taken="1966")
    expected = read_pages(mongodb_address, "exposure", 7, 100, wanted)
    times = {record["_id"]: record["photo"]["exposure_seconds"] for record in phones}
    assert [times[id_] for id_ in expected] == sorted(times[id_] for id_ in expected)
    database["photos"].drop_index("exposure_taken")
    assert len(expected) > 20
    assert read_pages(mongodb_address, "exposure", 7, 100, wanted) == expected


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
def test_stretches__condition__only_what_an_index_counts_quickly(condition: Any, counted: list[Any]) -> None:
    assert _stretches(condition) == counted


def test_read_page__very_many_conditions__few_are_counted(mongodb_address: str, database: Database) -> None:
    database["photos"].insert_one({"_id": "b/a", "words": [f"w{at}" for at in range(300)]})
    many = Filters(query=orjson.dumps({"words": {"$all": [f"w{at}" for at in range(200)]}}).decode())
    with failing(database, 1):
        database.command("profile", 2)
        assert read_pages(mongodb_address, "key", 5, 1, many) == ["b/a"]
        database.command("profile", 0)
    assert database["system.profile"].count_documents({"command.aggregate": "photos"}) == 8


def test_within__boxes_of_any_size_and_place__hold_what_their_numbers_say(database: Database) -> None:
    rng = random.Random(2)
    latitudes = [90, -90, 89.99995, -89.99995, 89.9, -80, 0, 45, 60]
    longitudes = [180, -180, 179.99999, 0, 90, -90, 45, -120]
    points = [(float(lng), float(lat)) for lng in longitudes for lat in latitudes]
    points += [(rng.uniform(-180, 180), rng.choice([1, -1]) * rng.uniform(0, 90)) for _ in range(500)]
    places = [
        {"_id": at, "photo": {"location": {"type": "Point", "coordinates": point}}, "cells": cells_of(*point)}
        for at, point in enumerate(points)
    ]
    database["photos"].insert_many(places)
    database["photos"].create_index([("cells", 1)])
    for _ in range(300):
        south, north = sorted(rng.choices([*latitudes, 88.5, 10, rng.uniform(-90, 90)], k=2))
        west, east = rng.choices([*longitudes, 170, -170, 12, rng.uniform(-180, 180)], k=2)
        box = Box(west, south, east, north)
        expected = {
            at
            for at, (lng, lat) in enumerate(points)
            if south <= lat <= north and (west <= lng <= east if west <= east else lng >= west or lng <= east)
        }
        assert {found["_id"] for found in database["photos"].find(within(box), {"_id": 1})} == expected, box
