"""Reads all photos that pass a filter in a few parts at once: MongoDB works on one query with one core."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypeVar

from api.clock import EVER, first_of_month
from api.query import Filter, conditions_of
from exifinator.indexes import INDEXES

Found = TypeVar("Found")

# More than many machines have cores: parts are never of quite the same size.
PARTS = 4
# Where so many requests read at once, there is work for every core without parts.
_MOST_AT_ONCE = 2
_TAKEN = "photo.taken_at"
# What leads to photos through an index that goes on with when they were taken: a part is a stretch of it.
_DATED = frozenset(keys[0][0] for keys in (index.keys for index in INDEXES) if _TAKEN in (keys[0][0], keys[1][0]))
# Of photos by (year, month); None: of those without a date.
Months = Mapping[tuple[int, int] | None, int]


class SideBySide:
    """Reads in parts while few do. months: what is known of how the photos spread over time, None while nothing is."""

    def __init__(self, months: Callable[[], Months | None]) -> None:
        self._months = months
        self._readers = 0

    async def read(self, filter_: Filter, read: Callable[[Filter], Awaitable[Found]]) -> list[Found]:
        """What `read` gives for filters of which each photo that passes `filter_` passes one. Raises: as `read`."""
        is_alone = self._readers < _MOST_AT_ONCE
        self._readers += 1
        try:
            parts = split_by_taken(filter_, self._months) if is_alone else [filter_]
            # Where one fails the others are waited for: what comes next would have to share MongoDB with them.
            found = await asyncio.gather(*(read(part) for part in parts), return_exceptions=True)
        finally:
            self._readers -= 1
        for result in found:
            if isinstance(result, BaseException):
                raise result
        return [result for result in found if not isinstance(result, BaseException)]


def split_by_taken(filter_: Filter, months: Callable[[], Months | None], count: int = PARTS) -> list[Filter]:
    """A filter in at most `count` parts by when photos were taken, of which each photo passes one.

    They are of equally many photos where those that pass spread over time as all do. One part where dates would not
    help MongoDB to find a part's photos alone, so that each part would read what all of them read.
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
    # What has no date is in the first part; of several dates, as another program may have stored, the last one counts.
    dates = [{"$not": {"$gte": edges[0]}}, *({"$gte": a, "$not": {"$gte": b}} for a, b in pairwise(edges))]
    return [{"$and": [filter_, {_TAKEN: date}]} for date in (*dates, {"$gte": edges[-1]})]


def _moment(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _edges(start: datetime, end: datetime, months: Months, count: int) -> list[datetime]:
    """The moments that cut the photos from `start` until before `end` into parts of equally many."""
    stretches: list[tuple[datetime, datetime, float]] = []  # from, until before, photos
    for (year, month), photos in sorted((key, photos) for key, photos in months.items() if key):
        first, last = first_of_month(year * 12 + month - 1), first_of_month(year * 12 + month)
        low, high = max(first, start), min(last, end)
        if low < high:
            stretches.append((low, high, photos * ((high - low) / (last - first))))
    part = sum(share for *_, share in stretches) / count
    edges: list[datetime] = []
    before = 0.0
    for low, high, share in stretches:
        while len(edges) < count - 1 and share and before + share >= (wanted := part * (len(edges) + 1)):
            edges.append(low + (high - low) * ((wanted - before) / share))
        before += share
    return sorted(set(edges))
