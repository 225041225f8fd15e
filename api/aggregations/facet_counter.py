"""Count facets over any filter within a time budget.

Counts of the whole collection are cached and refreshed in the background. If counting over a filter exceeds its budget,
the request gets the counts of a sample. All matching photos are then counted in the background for later requests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from bson import json_util
from pymongo.errors import ExecutionTimeout, OperationFailure

from api.aggregations.background import BackgroundCounts
from api.aggregations.cached_value import StaleWhileRevalidate
from api.aggregations.facets import (
    FACETS,
    LIST_FACETS,
    MAX_VALUES,
    Counts,
    FacetCounts,
    count_photos,
    merge_counts,
)
from api.aggregations.partitioned import PartitionedReader
from api.aggregations.sampling import read_sample
from api.aggregations.value_search import select_values
from api.database import Collection, read_version
from api.query.filters import OTHER_FILES, PHOTOS_ONLY
from api.query.local_hour import first_of_month
from api.query.mongo_filter import Filter, combine

# Up to about this many values, counting the photos of each value in an index is faster than grouping all photos.
MAX_INDEXED_VALUES = 400
# The explorer shows counts that are older than the library, marked as such, for at most about this long.
MAX_AGE_SECONDS = 10.0
# Time limit of a background query.
_COLLECTION_MS = 60_000
# Time limit of a background query that uses no index, and therefore reads every photo.
_SCAN_MS = 600_000
# MongoDB's error code for a `distinct` that returns more than 16 MB.
_DISTINCT_TOO_BIG = 17217


@dataclass(frozen=True)
class _CollectionCounts:
    """Counts of one facet over the whole collection.

    Attributes:
        total: The number of photos.
        counts: The counts by value.
        version: The version of the collection, if it was the same before and after counting; otherwise None.
    """

    total: int
    counts: Counts
    version: object


class FacetCounter:
    """Counts facets, and caches the counts of the whole collection.

    Args:
        gate: Limits how many slow queries run at the same time.
        clock: Returns seconds, like time.monotonic.
    """

    def __init__(
        self, photos: Collection, gate: asyncio.Semaphore, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._photos = photos
        self.reader = PartitionedReader(self._photos_per_month)
        self._background: BackgroundCounts[FacetCounts] = BackgroundCounts(gate)
        # By whether other files are left out, and by facet.
        self._collection = {
            (photos_only, name): StaleWhileRevalidate(
                partial(_count_collection, photos, name, gate, photos_only=photos_only),
                seconds=1,
                max_seconds=MAX_AGE_SECONDS,
                read_version=partial(read_version, photos),
                clock=clock,
            )
            for photos_only in (True, False)
            for name in FACETS
        }

    def _photos_per_month(self) -> Counts | None:
        cached = self._collection[True, "taken"].get()
        return cached.counts if cached else None

    async def count(self, filter_: Filter, names: list[str], *, budget_ms: int, id_prefix: str = "") -> FacetCounts:
        """Return counts by value.

        Without a filter, or with PHOTOS_ONLY alone, each value is counted in the index of its facet. With others, the
        matching photos are read once for all facets. If reading them exceeds the budget, return the counts of a
        sample, and start a full count in the background for later requests.

        Args:
            names: The facets to count. Counts are by the value of the facet's field, with these exceptions: `taken` by
                (year, month), `day` by (year, month, day), `hour` by the hour of the day, `gps` by whether there is a
                location, `bucket_status` by (bucket, status), and `folder` by the part of the id from the end of
                `id_prefix` through the next slash.
            budget_ms: Time limit of each query.
            id_prefix: A prefix that all matching ids share.
        """
        key = json_util.dumps([filter_, names, id_prefix], sort_keys=True)
        if cached := self._background.get(key):
            return cached
        try:
            if filter_ in ({}, PHOTOS_ONLY):
                return await self._count_all(names, budget_ms, photos_only=bool(filter_))
            group = partial(count_photos, self._photos, names=names, budget_ms=budget_ms, id_prefix=id_prefix)
            parts = await self.reader.read(filter_, group)
            # Each part keeps only its own most frequent values. If a part has dropped any, the counts of the parts
            # cannot be added up, so count again in one query.
            is_truncated = any(part.is_truncated for part in parts)
            return await group(filter_) if is_truncated and len(parts) > 1 else merge_counts(parts)
        except (ExecutionTimeout, TimeoutError):
            pass
        total, sample = await asyncio.gather(
            self._count_matches(filter_, budget_ms), self._count_sample(filter_, names, budget_ms, id_prefix)
        )
        if not sample.is_sample:
            # The sample contains all matches, so its own total is exact.
            return sample
        sample = replace(sample, total=max(total, sample.sample_size))
        if filter_ not in ({}, PHOTOS_ONLY):
            count_all = partial(count_photos, self._photos, filter_, names, _COLLECTION_MS, id_prefix=id_prefix)
            self._background.start(key, sample, partial(self._with_version, count_all))
        return sample

    async def _with_version(self, count_all: Callable[[], Awaitable[FacetCounts]]) -> FacetCounts:
        version = await read_version(self._photos)
        return replace(await count_all(), version=version)

    async def find(self, filter_: Filter, known: FacetCounts, name: str, text: str, *, budget_ms: int) -> FacetCounts:
        """Return the counts of the values of a facet that contain a text.

        Args:
            known: The counts of the facet. They may lack its rarer values, which are then looked up.
        """
        if len(known.counts[name]) >= MAX_VALUES and not known.is_sample:
            try:
                matches = await count_photos(self._photos, filter_, [name], budget_ms, find=text)
                return replace(known, counts={**known.counts, name: matches.counts[name]})
            except ExecutionTimeout:
                known = replace(known, is_sample=True)
        return replace(known, counts={**known.counts, name: select_values(known.counts[name], text)})

    async def _count_matches(self, filter_: Filter, budget_ms: int) -> int:
        """Return how many photos match; 0 on timeout. With an index, this is ten times as fast as reading them."""
        with suppress(ExecutionTimeout):
            if filter_ in ({}, PHOTOS_ONLY):
                return await _count_records(self._photos, budget_ms, photos_only=bool(filter_))
            return await self._photos.count_documents(filter_, maxTimeMS=budget_ms)
        return 0

    async def _count_sample(self, filter_: Filter, names: list[str], budget_ms: int, id_prefix: str) -> FacetCounts:
        count = partial(count_photos, self._photos, filter_, names, budget_ms, id_prefix=id_prefix)
        return await read_sample(lambda size: count(limit=size))

    async def count_other_files(self, filter_: Filter, budget_ms: int) -> int | None:
        """Return how many files that are neither images nor videos match a filter; None on timeout."""
        photos, query = self._photos, combine(filter_, OTHER_FILES)
        with suppress(ExecutionTimeout):
            # Unlike count_documents, this needs no aggregation.
            result = await photos.database.command("count", photos.name, query=query, maxTimeMS=budget_ms)
            return int(result["n"])
        return None

    async def _count_all(self, names: list[str], budget_ms: int, *, photos_only: bool) -> FacetCounts:
        async with asyncio.timeout(budget_ms / 1000):
            cached = await asyncio.gather(*(self._collection[photos_only, name].wait() for name in names))
        counts = {name: facet.counts for name, facet in zip(names, cached, strict=True)}
        if cached and _are_consistent(cached):
            return FacetCounts(cached[0].total, cached[0].total, counts, version=cached[0].version)
        total = await _count_records(self._photos, budget_ms, photos_only=photos_only)
        return FacetCounts(total, total, counts, stale=bool(cached))

    async def count_values(self, name: str) -> Counts:
        """Return the counts of one facet over all photos. They are cached, and renewed in the background.

        Raises:
            PyMongoError: A query failed.
        """
        return (await self._collection[True, name].wait()).counts

    async def prepare(self) -> None:
        """Count the whole collection in advance, so that no request has to wait.

        Raises:
            PyMongoError: A query failed.
        """
        for (photos_only, name), value in self._collection.items():
            # Partial facets are requested less often, and are quick to count if few photos have the field. Of the
            # facets over all files, the explorer requests only the media types.
            if (photos_only and not FACETS[name].partial) or name == "media_type":
                await value.wait()

    async def close(self) -> None:
        """Cancel the counts in progress."""
        await self._background.close()
        for value in self._collection.values():
            await value.close()


def _are_consistent(counts: list[_CollectionCounts]) -> bool:
    """Return whether all facets were counted over the same photos, according to `read_version`."""
    first, *others = counts
    return not others or (first.version is not None and all(other.version == first.version for other in others))


async def _count_records(photos: Collection, limit_ms: int, *, photos_only: bool) -> int:
    total = await photos.estimated_document_count(maxTimeMS=limit_ms)
    return max(0, total - await photos.count_documents(OTHER_FILES, maxTimeMS=limit_ms)) if photos_only else total


async def _count_collection(
    photos: Collection, name: str, gate: asyncio.Semaphore, *, photos_only: bool
) -> _CollectionCounts:
    """Count one facet over the whole collection, and note whether the collection changed in the meantime.

    Args:
        photos_only: Whether to leave out other files. Usually there are few, so their counts are subtracted from those
            of all records, which are counted in the index.
    """
    before = await read_version(photos)
    total = await photos.estimated_document_count(maxTimeMS=_COLLECTION_MS)
    counts = await _count_values(photos, name, gate, total)
    if photos_only:
        async with gate:
            others = await count_photos(photos, OTHER_FILES, [name], _SCAN_MS)
        total = max(0, total - others.total)
        counts = {
            value: left for value, number in counts.items() if (left := number - others.counts[name].get(value, 0)) > 0
        }
    is_unchanged = before is not None and before == await read_version(photos)
    if not is_unchanged and name not in LIST_FACETS:
        total = sum(counts.values())
    return _CollectionCounts(total, counts, before if is_unchanged else None)


async def _count_values(photos: Collection, name: str, gate: asyncio.Semaphore, total: int) -> Counts:
    """Count one facet over the whole collection: value by value in the index, or by grouping if that is faster.

    Args:
        total: The number of photos.
    """
    facet = FACETS[name]
    if name == "bucket_status":
        return await _count_statuses(photos, gate, total)
    # MongoDB reads a partial index only if the filter says that the field exists.
    with_value: Filter = {facet.path: {"$exists": True}} if facet.partial else {}
    filters = await _filters_by_value(photos, name, with_value) if facet.indexed else None
    if filters is None or len(filters) > MAX_INDEXED_VALUES:
        async with gate:
            grouped = await count_photos(photos, with_value, [name], _SCAN_MS)
        return _with_missing(grouped.counts[name], name, total - grouped.total)

    async def count(filter_: Filter) -> int:
        async with gate:
            return await photos.count_documents(filter_, maxTimeMS=_COLLECTION_MS)

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
        result = await count_photos(photos, {"status": {"$ne": "ok"}}, ["bucket_status"], _SCAN_MS)
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
        return await _months(photos, path)
    try:
        values = await photos.distinct(path, with_value, maxTimeMS=_COLLECTION_MS)
    except OperationFailure as error:
        if error.code == _DISTINCT_TOO_BIG:
            return None
        raise
    return {value: {path: value} for value in values if isinstance(value, str | int | float)}


async def _months(photos: Collection, path: str) -> dict[Any, Filter]:
    """Return a filter for each month from the earliest photo to the latest."""
    dated = {path: {"$type": "date"}}
    ends = []
    for direction in (1, -1):
        record = await photos.find_one(dated, {path: 1}, sort=[(path, direction)], max_time_ms=_COLLECTION_MS)
        taken = record["photo"]["taken_local"] if record else None
        if not isinstance(taken, datetime):
            return {}
        ends.append(taken)
    months = range(ends[0].year * 12 + ends[0].month - 1, ends[1].year * 12 + ends[1].month)
    return {
        (month // 12, month % 12 + 1): {path: {"$gte": first_of_month(month), "$lt": first_of_month(month + 1)}}
        for month in months
    }
