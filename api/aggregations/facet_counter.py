"""Count facets over any filter within a time budget.

Counts of the whole collection are cached and refreshed in the background. If counting over a filter exceeds its budget,
the request gets the counts of a sample. All matching photos are then counted in the background for later requests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

from bson import json_util
from pymongo.errors import ExecutionTimeout

from api.aggregations.background import BackgroundCounts
from api.aggregations.collection_counts import COLLECTION_MS, CollectionCounter, Scope, are_consistent, scope_of
from api.aggregations.facets import MAX_VALUES, Counts, FacetCounts, count_photos, merge_counts
from api.aggregations.partitioned import PartitionedReader
from api.aggregations.sampling import read_sample
from api.aggregations.value_search import select_values
from api.database import Collection, RecordTotal, read_version
from api.query.filters import NOT_PRIMARY, OTHER_FILES
from api.query.mongo_filter import Filter, combine
from api.shared.values import SharedValues


class FacetCounter:
    """Counts facets, and caches the counts of the whole collection.

    Args:
        total: Counts all photos.
        gate: Limits how many slow queries run at the same time.
        clock: Returns seconds, like time.monotonic.
        shared: The counts that all processes share. Default: this process counts for itself alone.
    """

    def __init__(
        self,
        photos: Collection,
        total: RecordTotal,
        gate: asyncio.Semaphore,
        *,
        clock: Callable[[], float] = time.monotonic,
        shared: SharedValues | None = None,
    ) -> None:
        self._photos = photos
        self.reader = PartitionedReader(self._photos_per_month)
        self._background: BackgroundCounts[FacetCounts] = BackgroundCounts(gate, shared, "facets")
        self._collection = CollectionCounter(photos, total, gate, clock, shared)

    def _photos_per_month(self) -> Counts | None:
        return self._collection.known("taken")

    async def count(self, filter_: Filter, names: list[str], *, budget_ms: int, id_prefix: str = "") -> FacetCounts:
        """Return counts by value.

        The counts of a whole scope, such as all photos, are cached. With other filters, the matching photos are read
        once for all facets. If reading them exceeds the budget, return the counts of a sample, and start a full count
        in the background for later requests.

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
            if (scope := scope_of(filter_)) is not None:
                return await self._count_all(names, budget_ms, scope)
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
        if scope_of(filter_) is None:
            count_all = partial(count_photos, self._photos, filter_, names, COLLECTION_MS, id_prefix=id_prefix)
            self._background.start(key, sample, partial(self._with_version, count_all))
        return sample

    async def _with_version(self, count_all: Callable[[], Awaitable[FacetCounts]]) -> FacetCounts:
        version = await read_version(self._photos)
        return replace(await count_all(), version=version)

    async def find(
        self,
        filter_: Filter,
        known: FacetCounts,
        name: str,
        text: str,
        *,
        budget_ms: int,
        makes: Mapping[str, str] | None = None,
    ) -> FacetCounts:
        """Return the counts of those values of a facet that contain a search text.

        Args:
            known: The counts of the facet. If they may lack rarer values, MongoDB searches all values.
            name: The facet.
            text: The search text.
            makes: For the facet `camera`: the make of each model, which the text may contain too.
        """
        if len(known.counts[name]) >= MAX_VALUES and not known.is_sample:
            try:
                matches = await count_photos(self._photos, filter_, [name], budget_ms, find=text)
                return replace(known, counts={**known.counts, name: matches.counts[name]})
            except ExecutionTimeout:
                known = replace(known, is_sample=True)
        return replace(known, counts={**known.counts, name: select_values(known.counts[name], text, makes)})

    async def _count_matches(self, filter_: Filter, budget_ms: int) -> int:
        """Return how many photos match; 0 on timeout. With an index, this is ten times as fast as reading them."""
        with suppress(ExecutionTimeout):
            if (scope := scope_of(filter_)) is not None:
                return await self._collection.count_records(scope, budget_ms)
            return await self._photos.count_documents(filter_, maxTimeMS=budget_ms)
        return 0

    async def _count_sample(self, filter_: Filter, names: list[str], budget_ms: int, id_prefix: str) -> FacetCounts:
        count = partial(count_photos, self._photos, filter_, names, budget_ms, id_prefix=id_prefix)
        return await read_sample(lambda size: count(limit=size))

    async def count_in_stacks(self, filter_: Filter, budget_ms: int) -> int | None:
        """Return how many files that match a filter are not the primary of their stack; None on timeout."""
        return await self._count_quickly(combine(NOT_PRIMARY, filter_), budget_ms)

    async def count_other_files(self, filter_: Filter, budget_ms: int) -> int | None:
        """Return how many files that are neither images nor videos match a filter; None on timeout."""
        return await self._count_quickly(combine(filter_, OTHER_FILES), budget_ms)

    async def _count_quickly(self, query: Filter, budget_ms: int) -> int | None:
        photos = self._photos
        with suppress(ExecutionTimeout):
            # Unlike count_documents, this needs no aggregation.
            result = await photos.database.command("count", photos.name, query=query, maxTimeMS=budget_ms)
            return int(result["n"])
        return None

    async def _count_all(self, names: list[str], budget_ms: int, scope: Scope) -> FacetCounts:
        """Return the cached counts of a whole scope.

        Raises:
            TimeoutError: The counts are not cached yet, and counting exceeded `budget_ms`.
        """
        async with asyncio.timeout(budget_ms / 1000):
            cached = await asyncio.gather(*(self._collection.count(scope, name) for name in names))
        counts = {name: facet.counts for name, facet in zip(names, cached, strict=True)}
        if cached and are_consistent(cached):
            return FacetCounts(cached[0].total, cached[0].total, counts, version=cached[0].version)
        total = await self._collection.count_records(scope, budget_ms)
        return FacetCounts(total, total, counts, stale=bool(cached))

    async def count_values(self, name: str) -> Counts:
        """Return the counts of one facet over all photos. They are cached, and renewed in the background.

        Raises:
            PyMongoError: A query failed.
        """
        return (await self._collection.count("photos", name)).counts

    async def prepare(self) -> None:
        """Count the whole collection in advance, so that no request has to wait.

        Raises:
            PyMongoError: A query failed.
        """
        await self._collection.prepare()

    async def close(self) -> None:
        """Cancel the counts in progress."""
        await self._background.close()
        await self._collection.close()
