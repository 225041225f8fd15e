"""Counts by value, range and month over any filter, within a time budget."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from bson import json_util
from pymongo.errors import ExecutionTimeout, OperationFailure

from api.clock import LOCAL_HOUR, first_of_month
from api.query import Filter
from api.remembered import Remembered
from api.side_by_side import SideBySide
from api.store import Collection, look_at
from api.wide_counts import WideCounts

# A count that would take longer than the budget is made over so many photos instead, and where the disk is slow over
# fewer: some counts are better than none.
SAMPLES = (50_000, 5_000, 500)
# Counting one value after the other in an index beats grouping as long as there are not too many values.
MAX_INDEXED_VALUES = 400
# MongoDB refuses more than 16 MB in one answer: of very many values the most frequent are kept.
MOST_VALUES = 5000
# Counting everything goes on beside the requests, beyond any budget of theirs, and one query at a time, so that MongoDB
# has the other cores for those who wait.
_WHOLE_MS = 60_000
# What no index holds means reading every photo.
_SCAN_MS = 600_000
_DISTINCT_TOO_BIG = 17217
_ISO = (50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 102400)
_F = (1, 1.4, 2, 2.8, 4, 5.6, 8, 11, 16, 22, 32)
_EXPOSURE = (1 / 8000, 1 / 4000, 1 / 2000, 1 / 1000, 1 / 500, 1 / 250, 1 / 125, 1 / 60, 1 / 30, 1 / 15, 1 / 8, 1 / 4)
_FOCAL = (10, 16, 24, 35, 50, 70, 100, 135, 200, 300, 400, 600)


@dataclass(frozen=True)
class Facet:
    """Where a facet's values are; `edges`: the lower ends of its ranges; indexed: an index begins with it.

    hidden: of use to a route, not by its name in a URL.
    """

    path: str
    indexed: bool = True
    edges: tuple[float, ...] = ()
    hidden: bool = False


FACETS: dict[str, Facet] = {
    "camera": Facet("photo.camera_model"),
    "lens": Facet("photo.lens_model"),
    "iso": Facet("photo.iso", edges=_ISO),
    "f": Facet("photo.f_number", edges=_F),
    "exposure": Facet("photo.exposure_seconds", edges=(*_EXPOSURE, 0.5, 1, 2, 4, 8, 15, 30)),
    "focal": Facet("photo.focal_length_mm", edges=_FOCAL),
    "taken": Facet("photo.taken_at"),
    "day": Facet("photo.taken_at", indexed=False),
    "hour": Facet("photo.taken_at", indexed=False),
    "bucket": Facet("bucket"),
    "folder": Facet("_id", indexed=False),
    "format": Facet("format"),
    "status": Facet("status"),
    "keyword": Facet("photo.keywords"),
    "rating": Facet("photo.rating"),
    "place": Facet("photo.location", indexed=False),
    "bucket_status": Facet("bucket", indexed=False, hidden=True),
}
FACET_NAMES = tuple(name for name, facet in FACETS.items() if not facet.hidden)
Counts = dict[Any, int]


@dataclass(frozen=True)
class Counted:
    """Counts by value of some facets over `counted` photos of `total`.

    cut_short: over a part of the photos only. total: no more than counted where counting it too would take too long,
    which `more` says.
    """

    total: int
    counted: int
    counts: Mapping[str, Counts]
    cut_short: bool = False

    @property
    def more(self) -> bool:
        """Whether there are more photos than `total`, nobody knows how many."""
        return self.cut_short and self.total == self.counted


class FacetCounter:
    """Counts facets. Those of the whole collection are kept for a moment, and counted anew beside the requests.

    gate: what each query waits for that may take long; side_by_side: how the photos of a filter are read.
    """

    def __init__(self, photos: Collection, gate: asyncio.Semaphore) -> None:
        self._photos = photos
        self.side_by_side = SideBySide(lambda: self._whole["taken"].get())
        self._wide: WideCounts[Counted] = WideCounts(gate)
        look = partial(look_at, photos)
        self._whole = {
            name: Remembered(partial(_count_whole, photos, name, gate), seconds=1, look=look) for name in FACETS
        }

    async def count(self, filter_: Filter, names: list[str], *, budget_ms: int, below: str = "") -> Counted:
        """Counts by value of the facets named.

        `taken` is counted by month as (year, month), `day` as (year, month, day), `place` by whether there is one,
        `bucket_status` as (bucket, status), `folder` by what stands in the ids between `below`, with which all of them
        begin, and the next slash.
        Over everything, each value is counted in the facet's index; over a filter, the photos are read once. What
        does not end within the budget is counted over the first of SAMPLES photos and says so; all of them are counted
        beside the requests, for who asks again.
        """
        key = json_util.dumps([filter_, names, below], sort_keys=True)
        if kept := self._wide.get(key):
            return kept
        try:
            if not filter_:
                return await self._count_everything(names, budget_ms)
            group = partial(_group, self._photos, names=names, budget_ms=budget_ms, below=below)
            parts = await self.side_by_side.read(filter_, group)
            # Of very many values each part has its own most frequent ones, which do not add up.
            is_cut = any(len(counts) >= MOST_VALUES for part in parts for counts in part.counts.values())
            return await group(filter_) if is_cut and len(parts) > 1 else _united(parts)
        except (ExecutionTimeout, TimeoutError):
            pass
        total, some = await asyncio.gather(
            self._count_passing(filter_, budget_ms), self._count_some(filter_, names, budget_ms, below)
        )
        some = replace(some, total=max(total, some.counted))
        if filter_ and some.cut_short:
            count_all = partial(_group, self._photos, filter_, names, _WHOLE_MS, below=below)
            self._wide.keep(key, some, count_all)
        return some

    async def _count_passing(self, filter_: Filter, budget_ms: int) -> int:
        """How many photos pass; 0 where even that takes too long. In an index it is a tenth of reading the photos."""
        with suppress(ExecutionTimeout):
            if not filter_:
                return await self._photos.estimated_document_count(maxTimeMS=budget_ms)
            return await self._photos.count_documents(filter_, maxTimeMS=budget_ms)
        return 0

    async def _count_some(self, filter_: Filter, names: list[str], budget_ms: int, below: str) -> Counted:
        for sample in SAMPLES[:-1]:
            with suppress(ExecutionTimeout):
                return await _group(self._photos, filter_, names, budget_ms, below=below, limit=sample)
        return await _group(self._photos, filter_, names, budget_ms, below=below, limit=SAMPLES[-1])

    async def _count_everything(self, names: list[str], budget_ms: int) -> Counted:
        total = await self._photos.estimated_document_count(maxTimeMS=budget_ms)
        async with asyncio.timeout(budget_ms / 1000):
            found = await asyncio.gather(*(self._whole[name].wait() for name in names))
        return Counted(total, total, dict(zip(names, found, strict=True)))

    async def prepare(self) -> None:
        """Count everything once, so that the first who asks need not wait. Raises: PyMongoError."""
        for kept in self._whole.values():
            await kept.wait()

    async def close(self) -> None:
        """End what is being counted."""
        await self._wide.close()
        for kept in self._whole.values():
            await kept.close()


async def _count_whole(photos: Collection, name: str, gate: asyncio.Semaphore) -> Counts:
    """One facet over everything: value by value in its index, or by grouping where that is not faster.

    gate: what each query that may take long waits for.
    """
    facet = FACETS[name]
    total = await photos.estimated_document_count(maxTimeMS=_WHOLE_MS)
    if name == "bucket_status":
        return await _count_statuses(photos, gate)
    spans = await _spans(photos, name) if facet.indexed else None
    if spans is None or len(spans) > MAX_INDEXED_VALUES:
        async with gate:
            return (await _group(photos, {}, [name], _SCAN_MS)).counts[name]

    async def count(filter_: Filter) -> int:
        async with gate:
            return await photos.count_documents(filter_, maxTimeMS=_WHOLE_MS)

    numbers = await asyncio.gather(*(count(span) for span in spans.values()))
    counts = {value: number for value, number in zip(spans, numbers, strict=True) if number}
    missing = total - sum(counts.values())
    # A photo may have several keywords, so of them the rest are not those without.
    return {**counts, None: missing} if missing > 0 and name != "keyword" else counts


async def _count_statuses(photos: Collection, gate: asyncio.Semaphore) -> Counts:
    """By (bucket, status): those that are not `ok`, which are few, are read; the rest of each bucket is."""
    async with gate:
        found = (await _group(photos, {"status": {"$ne": "ok"}}, ["bucket_status"], _SCAN_MS)).counts["bucket_status"]
    counts = dict(found)
    for bucket, number in (await _count_whole(photos, "bucket", gate)).items():
        rest = number - sum(n for (name, _), n in found.items() if name == str(bucket))
        if rest > 0:
            counts[(str(bucket), "ok")] = rest
    return counts


async def _spans(photos: Collection, name: str) -> dict[Any, Filter] | None:
    """A filter for each value that there is; None where they are more than one answer of MongoDB holds."""
    path = FACETS[name].path
    if name == "taken":
        return await _months(photos, path)
    try:
        values = await photos.distinct(path, maxTimeMS=_WHOLE_MS)
    except OperationFailure as error:
        if error.code == _DISTINCT_TOO_BIG:
            return None
        raise
    return {value: {path: value} for value in values if isinstance(value, str | int | float)}


async def _months(photos: Collection, path: str) -> dict[Any, Filter]:
    """A filter for each month from the first photo to the last."""
    dated = {path: {"$type": "date"}}
    ends = []
    for direction in (1, -1):
        found = await photos.find_one(dated, {path: 1}, sort=[(path, direction)], max_time_ms=_WHOLE_MS)
        taken = found["photo"]["taken_at"] if found else None
        if not isinstance(taken, datetime):
            return {}
        ends.append(taken)
    months = range(ends[0].year * 12 + ends[0].month - 1, ends[1].year * 12 + ends[1].month)
    return {
        (at // 12, at % 12 + 1): {path: {"$gte": first_of_month(at), "$lt": first_of_month(at + 1)}} for at in months
    }


async def _group(
    photos: Collection, filter_: Filter, names: list[str], budget_ms: int, *, below: str = "", limit: int = 0
) -> Counted:
    """All facets in one reading of the photos."""
    # What to group by is worked out of a record once, before $facet hands it from branch to branch.
    keys = {name: _key(name, below) for name in names}
    stages: list[dict[str, Any]] = [{"$match": filter_}, {"$project": {"_id": 0, **keys} if keys else {"_id": 1}}]
    if limit:
        stages.insert(1, {"$limit": limit})
    branches: dict[str, Any] = {name: _branch(name) for name in names}
    branches["total"] = [{"$count": "n"}]
    cursor = await photos.aggregate([*stages, {"$facet": branches}], maxTimeMS=budget_ms, allowDiskUse=False)
    (found,) = await cursor.to_list()
    total = found["total"][0]["n"] if found["total"] else 0
    counts = {name: {_value(name, row["_id"]): row["n"] for row in found[name]} for name in names}
    return Counted(total, total, counts, cut_short=bool(limit) and total >= limit)


def _united(parts: list[Counted]) -> Counted:
    """The counts of photos that were read in parts."""
    if len(parts) == 1:
        return parts[0]
    counts = {name: Counter[Any]() for name in parts[0].counts}
    for part in parts:
        for name, numbers in part.counts.items():
            counts[name].update(numbers)
    total = sum(part.total for part in parts)
    return Counted(total, total, counts)


def _key(name: str, below: str) -> Any:
    """What a facet's photos are grouped by: an expression of MongoDB's."""
    path = f"${FACETS[name].path}"
    match name:
        case "taken":  # 202405
            return _digits({"$year": path}, {"$month": path})
        case "day":
            return _digits({"$year": path}, {"$month": path}, {"$dayOfMonth": path})
        case "folder":
            return _segment(path, len(below))
        case "hour":
            return LOCAL_HOUR
        case "bucket_status":
            return {"bucket": path, "status": "$status"}
        case "place":
            return {"$eq": [{"$type": path}, "object"]}
    return path


def _branch(name: str) -> list[dict[str, Any]]:
    key = f"${name}"
    stages: list[dict[str, Any]] = [{"$unwind": key}] if name == "keyword" else []
    most: list[dict[str, Any]] = [{"$sort": {"n": -1, "_id": 1}}, {"$limit": MOST_VALUES}]
    return [*stages, {"$group": {"_id": key, "n": {"$sum": 1}}}, *most]


def _digits(first: Any, *more: Any) -> Any:
    """Numbers below a hundred behind another one, as one number: a date that is quickly grouped by."""
    number = first
    for part in more:
        number = {"$add": [{"$multiply": [number, 100]}, part]}
    return number


def _segment(path: str, start: int) -> dict[str, Any]:
    """What stands from `start` (characters) up to the next slash, with it; null where no slash comes."""
    slash = {"$indexOfCP": [path, "/", start]}
    length = {"$subtract": [{"$add": ["$$slash", 1]}, start]}
    inner = {"$cond": [{"$lt": ["$$slash", 0]}, None, {"$substrCP": [path, start, length]}]}
    return {"$let": {"vars": {"slash": slash}, "in": inner}}


def _value(name: str, key: Any) -> Any:
    if name == "taken":
        return divmod(key, 100) if key is not None else None
    if name == "day":
        return (*divmod(key // 100, 100), key % 100) if key is not None else None
    if name == "bucket_status":
        return (str(key.get("bucket")), str(key.get("status")))
    if isinstance(key, dict | list):  # a record of some other program's
        return str(key)
    return key


def to_rows(name: str, counts: Counts, *, most: int) -> list[dict[str, Any]]:
    """Counts as an answer lists them: ranges, months and days in their order, values by how many there are."""
    if name in ("taken", "day"):
        dated = sorted(key for key in counts if key is not None)
        rows: list[dict[str, Any]] = [{"value": _date(key), "count": counts[key]} for key in dated]
    elif name == "hour":
        rows = [{"value": hour, "count": counts[hour]} for hour in sorted(key for key in counts if key is not None)]
    elif edges := FACETS[name].edges:
        rows = _ranges(counts, edges)
    else:
        # Of equally many in an order that does not change from one answer to the next.
        there = ((value, n) for value, n in counts.items() if value is not None)
        kept = sorted(there, key=lambda pair: (-pair[1], str(pair[0])))
        rows = [{"value": value, "count": n} for value, n in kept[:most]]
    if counts.get(None):
        rows.append({"value": None, "count": counts[None]})
    return rows


def _date(parts: tuple[int, ...]) -> str:
    return "-".join([f"{parts[0]:04}", *(f"{part:02}" for part in parts[1:])])


def _ranges(counts: Counts, edges: tuple[float, ...]) -> list[dict[str, Any]]:
    """Counts by range: from an edge up to the next, without it; below the first and from the last on too.

    least, greatest: of the values that there are, so that a filter between them takes exactly the photos counted.
    """
    found: dict[int, list[float]] = {}
    for value in counts:
        if isinstance(value, int | float):
            # A hair more, so that 1/60 as a camera's float falls on its edge.
            found.setdefault(bisect_right(edges, value * (1 + 1e-6)), []).append(value)
    bounds: list[float | None] = [None, *edges, None]
    return [
        {
            "from": bounds[at],
            "to": bounds[at + 1],
            "least": min(values),
            "greatest": max(values),
            "count": sum(counts[value] for value in values),
        }
        for at, values in sorted(found.items())
    ]
