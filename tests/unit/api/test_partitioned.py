"""Split a filter into parts with equally many photos, and read the parts in parallel while few requests read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from api.aggregations.partitioned import PartitionedReader, split_by_taken

Filter = dict[str, Any]
CAMERA: Filter = {"photo.camera_model": "X-T4"}
# The second year has three times as many photos. Some have no date, and some have the year 9999.
MONTHS: dict[tuple[int, int] | None, int] = {
    **{(2020, month): 100 for month in range(1, 13)},
    **{(2021, month): 300 for month in range(1, 13)},
    None: 50,
    (9999, 12): 0,
    (-5, 3): 0,
    (10_000, 1): 0,
}


def counts_by_month() -> dict[tuple[int, int] | None, int]:
    return MONTHS


def date_conditions(parts: list[Filter]) -> list[Filter]:
    return [part["$and"][1]["photo.taken_local"] for part in parts]


def test_split_by_taken__filter_with_an_index__has_parts_with_equally_many_photos() -> None:
    first, second, third, last = date_conditions(split_by_taken(CAMERA, counts_by_month))
    edges = [datetime(2021, month, 1, tzinfo=UTC) for month in (1, 5, 9)]
    assert first == {"$not": {"$gte": edges[0]}}
    assert second == {"$gte": edges[0], "$not": {"$gte": edges[1]}}
    assert third == {"$gte": edges[1], "$not": {"$gte": edges[2]}}
    assert last == {"$gte": edges[2]}


@pytest.mark.parametrize("nested", [False, True])
def test_split_by_taken__filter_with_a_period__is_split_within_the_period(nested: bool) -> None:
    start, end = datetime(2020, 5, 1, tzinfo=UTC), datetime(2020, 5, 21, tzinfo=UTC)
    period: Filter = {"photo.taken_local": {"$gte": start, "$lt": end}}
    filter_ = {"$and": [{"$and": [CAMERA, period]}, {"status": "ok"}]} if nested else period
    conditions = date_conditions(split_by_taken(filter_, counts_by_month))
    assert conditions == [
        {"$not": {"$gte": datetime(2020, 5, 6, tzinfo=UTC)}},
        {"$gte": datetime(2020, 5, 6, tzinfo=UTC), "$not": {"$gte": datetime(2020, 5, 11, tzinfo=UTC)}},
        {"$gte": datetime(2020, 5, 11, tzinfo=UTC), "$not": {"$gte": datetime(2020, 5, 16, tzinfo=UTC)}},
        {"$gte": datetime(2020, 5, 16, tzinfo=UTC)},
    ]


@pytest.mark.parametrize(
    "filter_",
    [
        {},
        {"size": {"$gt": 1}},
        {"_id": {"$gte": "holiday/"}},
        {"$and": [CAMERA, {"_id": {"$gte": "holiday/"}}]},
        {"$or": [CAMERA]},
        {"photo.taken_local": {"$gte": datetime(1990, 1, 1, tzinfo=UTC), "$lt": datetime(1991, 1, 1, tzinfo=UTC)}},
    ],
    ids=["everything", "no index", "key", "camera and key", "or", "no photos in the period"],
)
def test_split_by_taken__filter_that_dates_do_not_narrow__is_one_part(filter_: Filter) -> None:
    assert split_by_taken(filter_, counts_by_month) == [filter_]


@pytest.mark.parametrize("months", [{}, {None: 5}, {(2020, 1): 0}], ids=["unknown", "no dates", "empty"])
def test_split_by_taken__no_counts__is_one_part(months: dict[tuple[int, int] | None, int]) -> None:
    assert split_by_taken(CAMERA, lambda: months) == [CAMERA]


@pytest.mark.parametrize("bound", ["2020", 5, None], ids=str)
def test_split_by_taken__bounds_that_are_no_dates__are_ignored(bound: object) -> None:
    assert len(split_by_taken({"photo.taken_local": {"$gte": bound, "$lt": bound}}, counts_by_month)) == 4


def test_read__third_simultaneous_reader__reads_the_filter_in_one_part() -> None:
    async def main() -> None:
        reader = PartitionedReader(counts_by_month)
        may_return = asyncio.Event()

        async def read(part: Filter) -> Filter:
            await may_return.wait()
            return part

        reads = [asyncio.create_task(reader.read(CAMERA, read)) for _ in range(3)]
        await asyncio.sleep(0)
        may_return.set()
        assert [len(results) for results in await asyncio.gather(*reads)] == [4, 4, 1]
        assert len(await reader.read(CAMERA, read)) == 4

    asyncio.run(main())


def test_read__one_part_fails__raises_after_the_other_parts_ended() -> None:
    async def main() -> None:
        reader = PartitionedReader(counts_by_month)
        finished: list[Filter] = []

        async def fail(part: Filter) -> None:
            if "$not" not in part["$and"][1]["photo.taken_local"]:
                raise TimeoutError(str(part))
            await asyncio.sleep(0)
            finished.append(part)

        async def read(part: Filter) -> Filter:
            return part

        for times in range(1, 6):
            with pytest.raises(TimeoutError):
                await reader.read(CAMERA, fail)
            assert len(finished) == 3 * times
        assert len(await reader.read(CAMERA, read)) == 4

    asyncio.run(main())
