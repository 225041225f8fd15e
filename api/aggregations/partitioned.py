"""Split a query into date ranges that run in parallel, because MongoDB runs each query on a single core."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypeVar

from api.query.local_hour import EARLIEST, LATEST, first_of_month
from api.query.mongo_filter import Filter, conditions_of
from api.query.sort_order import TAKEN
from exifinator.storage.indexes import INDEXES

Result = TypeVar("Result")

# Maximum number of parts. Many machines have fewer cores, but the parts are never exactly equal in size.
MAX_PARTS = 4
# With this many requests in progress, the cores are already busy, so do not split a query.
_MAX_PARTITIONED_READERS = 2
# Fields whose index continues with the date taken, so that each date range is an interval of the index.
_DATE_INDEXED_FIELDS = frozenset(
    keys[0][0] for keys in (index.keys for index in INDEXES) if TAKEN in (keys[0][0], keys[1][0])
)
# Number of photos by (year, month). The key None is for photos without a date.
PhotosPerMonth = Mapping[tuple[int, int] | None, int]


class PartitionedReader:
    """Runs queries in parallel parts while few other requests are running.

    Args:
        photos_per_month: Returns the number of photos in each month, or None until the photos have been counted.
    """

    def __init__(self, photos_per_month: Callable[[], PhotosPerMonth | None]) -> None:
        self._photos_per_month = photos_per_month
        self._readers = 0

    async def read(self, filter_: Filter, read: Callable[[Filter], Awaitable[Result]]) -> list[Result]:
        """Return the results of `read` for the parts of a filter. Each matching photo is in exactly one part.

        Raise whatever `read` raises.
        """
        is_idle = self._readers < _MAX_PARTITIONED_READERS
        self._readers += 1
        try:
            parts = split_by_taken(filter_, self._photos_per_month) if is_idle else [filter_]
            # If a part fails, still wait for the other parts. Otherwise, they would compete with the next query of this
            # request.
            results = await asyncio.gather(*(read(part) for part in parts), return_exceptions=True)
        finally:
            self._readers -= 1
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if not isinstance(result, BaseException)]


def split_by_taken(
    filter_: Filter, photos_per_month: Callable[[], PhotosPerMonth | None], count: int = MAX_PARTS
) -> list[Filter]:
    """Split a filter into at most `count` parts by date taken. Each matching photo is in exactly one part.

    The parts are equal in size if the matching photos are spread over time like all photos. A filter is not split if no
    index can find its matches in a date range, or if it has a condition on `_id`, whose index does not contain dates:
    each part would read all matches.
    """
    conditions = list(conditions_of(filter_))
    paths = {path for path, _ in conditions}
    if not paths & _DATE_INDEXED_FIELDS or "_id" in paths:
        return [filter_]
    bounds = [bound for path, bound in conditions if path == TAKEN and isinstance(bound, dict)]
    start = max((moment for bound in bounds if (moment := _to_utc(bound.get("$gte")))), default=EARLIEST)
    end = min((moment for bound in bounds if (moment := _to_utc(bound.get("$lt")))), default=LATEST)
    edges = _split_evenly(start, end, photos_per_month() or {}, count)
    if not edges:
        return [filter_]
    # The first part includes photos without a date. If another program has stored several dates in a
    # photo, the latest one decides.
    dates = [{"$not": {"$gte": edges[0]}}, *({"$gte": a, "$not": {"$gte": b}} for a, b in pairwise(edges))]
    return [{"$and": [filter_, {TAKEN: date}]} for date in (*dates, {"$gte": edges[-1]})]


def _to_utc(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _split_evenly(start: datetime, end: datetime, photos_per_month: PhotosPerMonth, count: int) -> list[datetime]:
    """Return the times that split the photos from `start` to before `end` into parts of equal size."""
    intervals: list[tuple[datetime, datetime, float]] = []  # start, exclusive end, photos
    for (year, month), photos in sorted((key, photos) for key, photos in photos_per_month.items() if key):
        first, last = first_of_month(year * 12 + month - 1), first_of_month(year * 12 + month)
        low, high = max(first, start), min(last, end)
        if low < high:
            intervals.append((low, high, photos * ((high - low) / (last - first))))
    part_size = sum(photos for *_, photos in intervals) / count
    edges: list[datetime] = []
    seen = 0.0
    for low, high, share in intervals:
        # Place each edge that falls into this interval, as if the interval's photos were spread evenly over it.
        while len(edges) < count - 1 and share and seen + share >= (target := part_size * (len(edges) + 1)):
            edges.append(low + (high - low) * ((target - seen) / share))
        seen += share
    return sorted(set(edges))
