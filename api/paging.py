"""Pages of photos in the order of an index, so that page 10,000 costs what page 1 does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from pymongo.errors import ExecutionTimeout, OperationFailure

from api.orders import TAKEN, Order, Place
from api.query import Filter, conditions_of
from api.store import QUERY_MS, Collection, Document
from exifinator.indexes import INDEXES

# Fields of which a photo has one number, and all photos together not very many.
_RANGED = frozenset({"photo.iso", "photo.f_number", "photo.exposure_seconds", "photo.focal_length_mm"})
# MongoDB merges at most 200 stretches of an index in their order; beyond, it sorts all that it found.
_MAX_SPELLED = 150
# Readings of an index side by side, whose pages are merged here.
_MAX_PARTS = 6


async def spell_out_ranges(collection: Collection, filter_: Filter, order: Order) -> list[Filter]:
    """The same filter with the values that there are in place of a range of numbers, where they are not too many.

    In an index by value and date, each value's photos are in order already and are merged page by page; those of a
    range are not, and would all have to be sorted for each page. So a page costs a look at each value (and a photo for
    each that it shows), whatever the number of photos.
    Returns: filters of which each photo passes one at most; several where one reading would have too many values.
    """
    parts = filter_["$and"] if filter_.keys() == {"$and"} else [filter_]
    # Beside another filter many values are left to MongoDB: that one may have the better index.
    most = _MAX_PARTS if len(parts) == 1 and order.keys[0][0] == TAKEN else 1
    choices = await asyncio.gather(*(_spell_out(collection, part, most) for part in parts))
    if len(choices) == 1:
        return choices[0]
    return [{"$and": [spelled for (spelled,) in choices]}]


async def _spell_out(collection: Collection, part: Filter, most: int) -> list[Filter]:
    if len(part) != 1:
        return [part]
    ((path, bounds),) = part.items()
    if path not in _RANGED or not isinstance(bounds, dict) or not bounds.keys() <= {"$gte", "$lte"}:
        return [part]
    # Jumps from value to value in the index.
    values = await collection.distinct(path, part, maxTimeMS=QUERY_MS)
    if len(values) > most * _MAX_SPELLED:
        return [part]
    return [{path: {"$in": some}} for some in _portions(values)] or [{path: {"$in": []}}]


def _portions(values: list[Any]) -> list[list[Any]]:
    """The values in as few lists of nearly the same length as one reading can take."""
    count = -(-len(values) // _MAX_SPELLED)
    return [values[at::count] for at in range(count)]


async def read_page(
    collection: Collection,
    filters: list[Filter],
    order: Order,
    *,
    after: Place | None,
    limit: int,
    fields: Mapping[str, int] | None = None,
) -> tuple[list[Document], Place | None]:
    """At most `limit` records behind a place, and the place of the last one if there are more.

    filters: each record passes one of them at most; those that pass any are read.
    """
    records: list[Document] = []
    for segment in order.segments_after(after):
        most = limit + 1 - len(records)
        readings = await asyncio.gather(
            *(_read(collection, [filter_, segment], order, most, fields) for filter_ in filters)
        )
        records += order.merge(readings)
        if len(records) > limit:
            return records[:limit], order.place_of(records[limit - 1])
    return records, None


# For what a look at a few photos has to show.
_FEW_STEPS_MS = 25


async def _read(
    collection: Collection, filters: list[Filter], order: Order, limit: int, fields: Mapping[str, int] | None
) -> list[Document]:
    """Photos that pass all of the filters.

    MongoDB tries every index that could help, each as long as the others: where none is good that takes a second, and
    in another order than the newest first, with which the indexes of the filters go on, it often sorts all that passes.
    But where many photos pass, a few steps along the index of the order give a page, so that is tried first; where few
    pass one of the conditions, its index leads to them. Else nobody knows whether to sort or to walk on, and what ends
    first is the answer.
    """
    both = [part for part in filters if part]
    query = {"$and": both} if len(both) > 1 else (both[0] if both else {})
    find = partial(collection.find, query, fields, sort=list(order.keys), limit=limit, allow_disk_use=False)
    is_newest_first = order.keys[0][0] == TAKEN
    conditions = list(conditions_of(query))
    if len(conditions) < 2 and (is_newest_first or not any(filters[:-1])):
        return await find(max_time_ms=QUERY_MS).to_list()
    # Or the index is not there yet.
    with suppress(ExecutionTimeout, OperationFailure):
        return await find(hint=None if is_newest_first else order.index, max_time_ms=_FEW_STEPS_MS).to_list()
    if narrowest := await _narrowest(collection, conditions):
        return await find(hint=narrowest, max_time_ms=QUERY_MS).to_list()
    if is_newest_first:
        return await find(max_time_ms=QUERY_MS).to_list()
    return await _first_of(find(hint=hint, max_time_ms=QUERY_MS).to_list() for hint in (order.index, None))


async def _first_of(readings: Iterable[Awaitable[list[Document]]]) -> list[Document]:
    """What the first that does not fail gives. The others go on to their end, which MongoDB bounds, unheeded."""
    tasks = [asyncio.ensure_future(reading) for reading in readings]
    for task in tasks:
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
    for ended in asyncio.as_completed(tasks):
        with suppress(ExecutionTimeout, OperationFailure):
            return await ended
    return await tasks[-1]


# The index that begins with a field.
_INDEXES = {"_id": "_id_", **{index.keys[0][0]: index.name for index in INDEXES}}
# More take longer to read than MongoDB takes to choose.
_MANY = 30_000


async def _narrowest(collection: Collection, conditions: list[tuple[str, Any]]) -> str | None:
    """The name of the index by which one of the conditions leads to the fewest photos; None where none does."""

    async def count(path: str, condition: Any) -> int:
        with suppress(ExecutionTimeout, OperationFailure):
            return await collection.count_documents(
                {path: condition}, hint=_INDEXES[path], limit=_MANY, maxTimeMS=QUERY_MS
            )
        return _MANY

    found = [(path, value) for path, condition in conditions if path in _INDEXES for value in _stretches(condition)]
    counts = await asyncio.gather(*(count(path, value) for path, value in found))
    fewest, path = min(zip(counts, (path for path, _ in found), strict=True), default=(_MANY, ""))
    return _INDEXES[path] if fewest < _MANY else None


def _stretches(condition: Any) -> list[Any]:
    """What of a condition an index alone can count: each of several words that must all be there by itself."""
    if condition is None:
        return []  # in an index what is not there looks like null, and only the photo tells
    if not isinstance(condition, dict) or condition.keys() <= {"$in", "$gt", "$gte", "$lt", "$lte"}:
        return [condition]
    return list(condition["$all"]) if condition.keys() == {"$all"} else []
