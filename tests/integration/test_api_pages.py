"""What a page costs and holds where a range has very many values, and boxes around the poles; on a real MongoDB."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
import pytest
from pymongo import AsyncMongoClient

from api.filters import Filters, within
from api.paging import Order, Place, SortName, read_page, spell_out_ranges
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


def read_pages(address: str, sort: SortName, limit: int, pages: int) -> list[str]:
    async def read() -> list[str]:
        async with AsyncMongoClient[dict[str, Any]](address, tz_aware=True) as client:
            photos = client["pages"]["photos"]
            order = Order.named(sort)
            filters = await spell_out_ranges(photos, Filters(exposure="1/1000-1/30").to_filter(), order)
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
        return record["photo"].get("taken_at", datetime(1, 1, 1, tzinfo=UTC)), record["_id"]

    expected = sorted(phones[:2000], key=moment, reverse=sort == "-taken")
    if sort == "-exposure":
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
