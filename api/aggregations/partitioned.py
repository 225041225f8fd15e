"""Split a query into date ranges that run in parallel, because MongoDB runs each query on a single core."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypeVar

from api.query.local_hour import EARLIEST, LATEST, first_of_month
from api.query.mongo_filter import Filter, conditions_of
from exifinator.storage.indexes import INDEXES

Result = TypeVar("Result")

# More parts than many machines have cores, because the parts are never exactly equal in size.
PARTS = 4
# With this many requests in progress, the cores are busy anyway, so do not split.
_MAX_PARTITIONED_READERS = 2
_TAKEN = "photo.taken_local"
# Fields whose index continues with the date taken, so that each date range is an interval of the index.
_DATE_INDEXED_FIELDS = frozenset(
    keys[0][0] for keys in (index.keys for index in INDEXES) if _TAKEN in (keys[0][0], keys[1][0])
)
# Number of photos by (year, month). The key None is for photos without a date.
Months = Mapping[tuple[int, int] | None, int]


class PartitionedReader:
    """Runs queries in parallel parts while few other requests are running.

    Args:
        months: Returns the number of photos in each month; None while it is unknown.
    """

    def __init__(self, months: Callable[[], Months | None]) -> None:
        self._months = months
        self._readers = 0

    async def read(self, filter_: Filter, read: Callable[[Filter], Awaitable[Result]]) -> list[Result]:
        """Return the results of `read` for the parts of a filter. Each photo matches one part.

        Raise whatever `read` raises.
        """
        is_idle = self._readers < _MAX_PARTITIONED_READERS
        self._readers += 1
        try:
            parts = split_by_taken(filter_, self._months) if is_idle else [filter_]
            # If a part fails, wait for the others: they would compete with the next query of this request.
            results = await asyncio.gather(*(read(part) for part in parts), return_exceptions=True)
        finally:
            self._readers -= 1
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if not isinstance(result, BaseException)]


def split_by_taken(filter_: Filter, months: Callable[[], Months | None], count: int = PARTS) -> list[Filter]:
    """Split a filter into at most `count` parts by date taken. Each photo matches one part.

    The parts are equal in size if the matching photos are spread over time like all photos. Do not split if no index
    lets MongoDB find the photos of a date range, because each part would then read all photos.
    """
    conditions = list(conditions_of(filter_))
    paths = {path for path, _ in conditions}
    if not paths & _DATE_INDEXED_FIELDS or "_id" in paths:
        return [filter_]
    bounds = [bound for path, bound in conditions if path == _TAKEN and isinstance(bound, dict)]
    start = max((moment for bound in bounds if (moment := _moment(bound.get("$gte")))), default=EARLIEST)
    end = min((moment for bound in bounds if (moment := _moment(bound.get("$lt")))), default=LATEST)
    edges = _edges(start, end, months() or {}, count)
    if not edges:
        return [filter_]
    # The first part includes photos without a date. If another program stored several dates, the last one counts.
    dates = [{"$not": {"$gte": edges[0]}}, *({"$gte": a, "$not": {"$gte": b}} for a, b in pairwise(edges))]
    return [{"$and": [filter_, {_TAKEN: date}]} for date in (*dates, {"$gte": edges[-1]})]


def _moment(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _edges(start: datetime, end: datetime, months: Months, count: int) -> list[datetime]:
    """Return the times that split the photos from `start` to before `end` into parts of equal size."""
    intervals: list[tuple[datetime, datetime, float]] = []  # start, exclusive end, photos
    for (year, month), photos in sorted((key, photos) for key, photos in months.items() if key):
        first, last = first_of_month(year * 12 + month - 1), first_of_month(year * 12 + month)
        low, high = max(first, start), min(last, end)
        if low < high:
            intervals.append((low, high, photos * ((high - low) / (last - first))))
    part_size = sum(photos for *_, photos in intervals) / count
    edges: list[datetime] = []
    seen = 0.0
    for low, high, share in intervals:
        # Place each edge that falls into this interval, as if its photos were spread evenly.
        while len(edges) < count - 1 and share and seen + share >= (target := part_size * (len(edges) + 1)):
            edges.append(low + (high - low) * ((target - seen) / share))
        seen += share
    return sorted(set(edges))
