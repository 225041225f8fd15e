"""Count facets over the whole collection, in the background, and mostly from indexes without reading records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Literal

from pymongo.errors import OperationFailure

from api.aggregations.cached_value import StaleWhileRevalidate
from api.aggregations.facets import FACETS, LIST_FACETS, MAX_VALUES, Counts, FacetCounts, count_photos
from api.database import Collection, RecordTotal, read_version
from api.query.filters import NOT_PRIMARY, OTHER_FILES, PHOTOS_ONLY, PRIMARY_PHOTOS
from api.query.local_hour import first_of_month
from api.query.mongo_filter import Filter, combine
from api.shared.values import SharedValues

# About how long the explorer may show outdated counts, marked as such, after the library has changed.
MAX_AGE_SECONDS = 10.0
# To count the files that stacks hide, MongoDB reads the record of each. In a large library, this takes seconds.
_MAX_AGE_IN_STACKS_SECONDS = 60.0
# Up to about this many values, counting the photos of each value in an index is faster than grouping all photos.
MAX_INDEXED_VALUES = 400
# Time limit of a background query.
COLLECTION_MS = 60_000
# Time limit of a background query that uses no index, and therefore reads every photo.
SCAN_MS = 600_000
# MongoDB's error code for a `distinct` that returns more than 16 MB.
_DISTINCT_TOO_BIG = 17217

# A scope has a filter that most records match. _LEFT_OUT has a filter for the records that a scope leaves out.
Scope = Literal["files", "photos", "primaries"]
_FILTERS: dict[Scope, Filter] = {"files": {}, "photos": PHOTOS_ONLY, "primaries": PRIMARY_PHOTOS}
_LEFT_OUT: dict[Scope, Filter] = {"photos": OTHER_FILES, "primaries": {"$or": [OTHER_FILES, NOT_PRIMARY]}}
# The photos and videos that stacks hide.
_HIDDEN = combine(NOT_PRIMARY, PHOTOS_ONLY)


def scope_of(filter_: Filter) -> Scope | None:
    """Return the scope that a filter selects; None if the filter is not that of a scope."""
    return next((scope for scope, scope_filter in _FILTERS.items() if scope_filter == filter_), None)


@dataclass(frozen=True)
class CollectionCounts:
    """Counts of one facet over the whole collection.

    Attributes:
        total: The number of photos.
        counts: The counts by value.
        version: The version of the collection, if it was the same before and after counting; otherwise None.
    """

    total: int
    counts: Counts
    version: object

    def without(self, part: FacetCounts, name: str) -> CollectionCounts:
        """Subtract the counts of the facet `name` in `part`, which covers some of the photos counted here."""
        counts = _subtract(self.counts, part.counts[name])
        version = self.version if self.version == part.version else None
        return CollectionCounts(max(0, self.total - part.total), counts, version)


class CollectionCounter:
    """Counts facets over the whole collection, and caches the counts.

    Args:
        gate: Limits how many slow queries run at the same time.
        clock: Returns seconds, like time.monotonic.
        shared: The counts that all processes share.
    """

    def __init__(
        self,
        photos: Collection,
        total: RecordTotal,
        gate: asyncio.Semaphore,
        clock: Callable[[], float],
        shared: SharedValues | None = None,
    ) -> None:
        self._photos = photos
        self._total = total
        cache = partial(StaleWhileRevalidate, seconds=1, read_version=partial(read_version, photos), clock=clock)
        self._facets: dict[tuple[Scope, str], StaleWhileRevalidate[CollectionCounts]] = {
            (scope, name): cache(
                partial(count, photos, name, gate, self._total),
                max_seconds=MAX_AGE_SECONDS,
                shared=shared.named(f"{scope} {name}") if shared else None,
            )
            for scope, count in _COUNTS.items()
            for name in FACETS
        }
        # Counts of the files that are not the primary of their stack. True: the facets with a partial index, False: the
        # other facets.
        self._in_stacks: dict[bool, StaleWhileRevalidate[FacetCounts]] = {
            is_partial: cache(
                partial(_scan, photos, gate, _HIDDEN, names),
                max_seconds=_MAX_AGE_IN_STACKS_SECONDS,
                shared=shared.named(f"in stacks {is_partial}") if shared else None,
            )
            for is_partial in (False, True)
            if (names := [name for name in FACETS if FACETS[name].in_partial_index == is_partial])
        }

    def known(self, name: str) -> Counts | None:
        """Return the last counts of a facet over all photos; None if there are none yet."""
        cached = self._facets["photos", name].get()
        return cached.counts if cached else None

    async def count(self, scope: Scope, name: str) -> CollectionCounts:
        """Return the counts of a facet. They are cached, and renewed in the background.

        Raises:
            PyMongoError: A query failed.
        """
        if scope != "primaries":
            return await self._facets[scope, name].wait()
        photos, in_stacks = await asyncio.gather(
            self._facets["photos", name].wait(), self._in_stacks[FACETS[name].in_partial_index].wait()
        )
        # If the counts are truncated, rarer values are missing and cannot be subtracted.
        is_truncated = len(in_stacks.counts[name]) >= MAX_VALUES
        return await self._facets[scope, name].wait() if is_truncated else photos.without(in_stacks, name)

    async def count_records(self, scope: Scope, limit_ms: int) -> int:
        """Return the number of records in a scope.

        Raises:
            PyMongoError: A query failed, or took longer than `limit_ms`.
        """
        total = await self._total.count(limit_ms)
        left_out = _LEFT_OUT.get(scope)
        return max(0, total - await self._photos.count_documents(left_out, maxTimeMS=limit_ms)) if left_out else total

    async def prepare(self) -> None:
        """Count the whole collection in advance, so that no request has to wait.

        Raises:
            PyMongoError: A query failed.
        """
        # Partial facets are requested less often, and are quick to count if few photos have the field. But nearly all
        # photos have a maker, and most photos of phones have a 35 mm equivalent. Of the facets over all files, the
        # explorer requests only the media types.
        for name in FACETS:
            if not FACETS[name].in_partial_index or name in ("focal35", "make"):
                await self._facets["photos", name].wait()
        await self._facets["files", "media_type"].wait()
        await self._in_stacks[False].wait()

    async def close(self) -> None:
        """Cancel the counts in progress."""
        for facet in self._facets.values():
            await facet.close()
        for counts in self._in_stacks.values():
            await counts.close()


def are_consistent(counts: list[CollectionCounts]) -> bool:
    """Return whether all facets were counted over the same photos, according to `read_version`."""
    first, *others = counts
    return not others or (first.version is not None and all(other.version == first.version for other in others))


def _subtract(counts: Counts, part: Counts) -> Counts:
    return {value: rest for value, count in counts.items() if (rest := count - part.get(value, 0)) > 0}


async def _scan(photos: Collection, gate: asyncio.Semaphore, filter_: Filter, names: list[str]) -> FacetCounts:
    """Count facets by reading all photos that match, and note whether the collection changed in the meantime."""
    before = await read_version(photos)
    async with gate:
        counts = await count_photos(photos, filter_, names, SCAN_MS)
    is_unchanged = before is not None and before == await read_version(photos)
    return replace(counts, version=before if is_unchanged else None)


async def _group_primaries(
    photos: Collection, name: str, gate: asyncio.Semaphore, _total: RecordTotal
) -> CollectionCounts:
    """Count a facet with many values over the primaries, by reading all of them.

    Args:
        _total: Not used. All functions in _COUNTS have the same parameters.
    """
    grouped = await _scan(photos, gate, PRIMARY_PHOTOS, [name])
    return CollectionCounts(grouped.total, grouped.counts[name], grouped.version)


async def _count_files(
    photos: Collection, name: str, gate: asyncio.Semaphore, records: RecordTotal, *, left_out: Filter | None = None
) -> CollectionCounts:
    """Count one facet over the whole collection, and note whether the collection changed in the meantime.

    Args:
        left_out: The records to leave out. Usually they are few, so their counts are subtracted from those of all
            records, which are counted in the index.
    """
    before = await read_version(photos)
    total = await records.count(COLLECTION_MS)
    counts = await _count_values(photos, name, gate, total)
    if left_out:
        async with gate:
            left_out_counts = await count_photos(photos, left_out, [name], SCAN_MS)
        total = max(0, total - left_out_counts.total)
        counts = _subtract(counts, left_out_counts.counts[name])
    is_unchanged = before is not None and before == await read_version(photos)
    if not is_unchanged and name not in LIST_FACETS:
        total = sum(counts.values())
    return CollectionCounts(total, counts, before if is_unchanged else None)


_COUNTS: dict[Scope, Callable[..., Awaitable[CollectionCounts]]] = {
    "files": _count_files,
    "photos": partial(_count_files, left_out=OTHER_FILES),
    "primaries": _group_primaries,
}


async def _count_values(photos: Collection, name: str, gate: asyncio.Semaphore, total: int) -> Counts:
    """Count one facet over the whole collection: value by value in the index, or by grouping if that is faster.

    Args:
        total: The number of photos.
    """
    facet = FACETS[name]
    if name == "bucket_status":
        return await _count_statuses(photos, gate, total)
    # MongoDB reads a partial index only if the filter says that the field exists.
    with_value: Filter = {facet.path: {"$exists": True}} if facet.in_partial_index else {}
    filters = await _filters_by_value(photos, name, with_value) if facet.indexed else None
    if filters is None or len(filters) > MAX_INDEXED_VALUES:
        async with gate:
            grouped = await count_photos(photos, with_value, [name], SCAN_MS)
        return _with_missing(grouped.counts[name], name, total - grouped.total)

    async def count(filter_: Filter) -> int:
        async with gate:
            return await photos.count_documents(filter_, maxTimeMS=COLLECTION_MS)

    results = await asyncio.gather(*(count(filter_) for filter_ in filters.values()))
    counts = {value: number for value, number in zip(filters, results, strict=True) if number}
    return _with_missing(counts, name, total - sum(counts.values()))


def _with_missing(counts: Counts, name: str, without_value: int) -> Counts:
    """Add the number of photos without a value to the counts, unless a photo can have several values.

    With several values per photo, the sum of the counts does not show how many photos have none.
    """
    return (
        {**counts, None: counts.get(None, 0) + without_value}
        if without_value > 0 and name not in LIST_FACETS
        else counts
    )


async def _count_statuses(photos: Collection, gate: asyncio.Semaphore, total: int) -> Counts:
    """Count by (bucket, status). Read only the few photos that are not `ok`; the rest of each bucket is `ok`."""
    async with gate:
        result = await count_photos(photos, {"status": {"$ne": "ok"}}, ["bucket_status"], SCAN_MS)
    not_ok = result.counts["bucket_status"]
    counts = dict(not_ok)
    for bucket, number in (await _count_values(photos, "bucket", gate, total)).items():
        ok_count = number - sum(n for (name, _), n in not_ok.items() if name == str(bucket))
        if ok_count > 0:
            counts[(str(bucket), "ok")] = ok_count
    return counts


async def _filters_by_value(photos: Collection, name: str, with_value: Filter) -> dict[Any, Filter] | None:
    """Return a filter for each value; None if there are too many values for one MongoDB response.

    Args:
        with_value: A filter for the photos with a value, if the index is partial, else an empty filter.
    """
    path = FACETS[name].path
    if name == "taken":
        return await _filters_by_month(photos, path)
    try:
        values = await photos.distinct(path, with_value, maxTimeMS=COLLECTION_MS)
    except OperationFailure as error:
        if error.code == _DISTINCT_TOO_BIG:
            return None
        raise
    return {value: {path: value} for value in values if isinstance(value, str | int | float)}


async def _filters_by_month(photos: Collection, path: str) -> dict[Any, Filter]:
    """Return a filter for each month from the earliest photo to the latest."""
    has_date = {path: {"$type": "date"}}
    ends = []
    for direction in (1, -1):
        record = await photos.find_one(has_date, {path: 1}, sort=[(path, direction)], max_time_ms=COLLECTION_MS)
        taken_local = record["photo"]["taken_local"] if record else None
        if not isinstance(taken_local, datetime):
            return {}
        ends.append(taken_local)
    months = range(ends[0].year * 12 + ends[0].month - 1, ends[1].year * 12 + ends[1].month)
    return {
        (month // 12, month % 12 + 1): {path: {"$gte": first_of_month(month), "$lt": first_of_month(month + 1)}}
        for month in months
    }
