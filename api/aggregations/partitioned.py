"""Split a query over all photos into date ranges that run in parallel, because MongoDB runs a query on one core."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypeVar

from api.query.local_hour import EVER, first_of_month
from api.query.mongo_filter import Filter, conditions_of
from exifinator.storage.indexes import INDEXES

Result = TypeVar("Result")

# More parts than many machines have cores, because parts are never of exactly the same size.
PARTS = 4
# With this many requests in progress, all cores are busy without parts.
_MAX_PARTITIONED_READERS = 2
_TAKEN = "photo.taken_at"
# Fields whose index continues with the date taken, so that a part is an interval of the index.
_DATED = frozenset(keys[0][0] for keys in (index.keys for index in INDEXES) if _TAKEN in (keys[0][0], keys[1][0]))
# Numbers of photos by (year, month); None: of those without a date.
Months = Mapping[tuple[int, int] | None, int]


class PartitionedReader:
    """Reads in parallel parts while few other requests are reading.

    Args:
        months: Returns how many photos each month has; None while that is unknown.
    """

    def __init__(self, months: Callable[[], Months | None]) -> None:
        self._months = months
        self._readers = 0

    async def read(self, filter_: Filter, read: Callable[[Filter], Awaitable[Result]]) -> list[Result]:
        """Return the results of `read` for parts of a filter: each photo matches one part. Raises: as `read`."""
        is_alone = self._readers < _MAX_PARTITIONED_READERS
        self._readers += 1
        try:
            parts = split_by_taken(filter_, self._months) if is_alone else [filter_]
            # After a failure, wait for the other parts: they would compete with the next query of this request.
            results = await asyncio.gather(*(read(part) for part in parts), return_exceptions=True)
        finally:
            self._readers -= 1
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if not isinstance(result, BaseException)]


def split_by_taken(filter_: Filter, months: Callable[[], Months | None], count: int = PARTS) -> list[Filter]:
    """Split a filter into at most `count` parts by date taken; each photo matches one part.

    The parts have the same number of photos if the matches are spread over time as all photos are. The filter stays
    whole if dates would not help MongoDB to find the photos of a part, because each part would then read all photos.
    """
    conditions = list(conditions_of(filter_))
    paths = {path for path, _ in conditions}
    if not paths & _DATED or "_id" in paths:
        return [filter_]
    bounds = [bound for path, bound in conditions if path == _TAKEN and isinstance(bound, dict)]
    start = max((moment for bound in bounds if (moment := _moment(bound.get("$gte")))), default=EVER[0])
    end = min((moment for bound in bounds if (moment := _moment(bound.get("$lt")))), default=EVER[1])
    edges = _edges(start, end, months() or {}, count)
    if not edges:
        return [filter_]
    # Photos without a date are in the first part; of several dates, which other programs may store, the last counts.
    dates = [{"$not": {"$gte": edges[0]}}, *({"$gte": a, "$not": {"$gte": b}} for a, b in pairwise(edges))]
    return [{"$and": [filter_, {_TAKEN: date}]} for date in (*dates, {"$gte": edges[-1]})]


def _moment(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _edges(start: datetime, end: datetime, months: Months, count: int) -> list[datetime]:
    """Return the moments that split the photos from `start` to before `end` into parts of equal size."""
    intervals: list[tuple[datetime, datetime, float]] = []  # start, exclusive end, photos
    for (year, month), photos in sorted((key, photos) for key, photos in months.items() if key):
        first, last = first_of_month(year * 12 + month - 1), first_of_month(year * 12 + month)
        low, high = max(first, start), min(last, end)
        if low < high:
            intervals.append((low, high, photos * ((high - low) / (last - first))))
    part = sum(share for *_, share in intervals) / count
    edges: list[datetime] = []
    before = 0.0
    for low, high, share in intervals:
        while len(edges) < count - 1 and share and before + share >= (target := part * (len(edges) + 1)):
            edges.append(low + (high - low) * ((target - before) / share))
        before += share
    return sorted(set(edges))
