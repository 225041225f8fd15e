"""Pages of photos in the order of an index, so that page 10,000 costs what page 1 does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
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
            *(_read(collection, filter_, segment, order, most, fields) for filter_ in filters)
        )
        records += order.merge(readings)
        if len(records) > limit:
            return records[:limit], order.place_of(records[limit - 1])
    return records, None


# Milliseconds for a few steps along an order, and to see which index is narrow.
_FEW_STEPS_MS, _LOOK_MS = 25, 100
# So many photos are read by an index and sorted in a millisecond, about.
_SORTED_A_MS = 300


async def _read(
    collection: Collection, filter_: Filter, segment: Filter, order: Order, limit: int, fields: Mapping[str, int] | None
) -> list[Document]:
    """Photos of a segment of the order that pass a filter.

    MongoDB tries every index that could help, each as long as the others: where none is good that takes a second, and
    in another order than by date, with which the indexes of the filters go on, it often sorts all that passes. But
    where many photos pass, a few steps along the index of the order give a page, so that is tried first. Else, how many
    there are by the narrowest of the conditions says how long it takes to read and sort those: for so long the walk
    goes on. So a page takes about twice what the better of the two ways takes, whichever that is.
    """
    both = [part for part in (filter_, segment) if part]
    query = {"$and": both} if len(both) > 1 else (both[0] if both else {})
    conditions = list(conditions_of(query))
    is_by_date = order.keys[0][0] == TAKEN
    find = partial(collection.find, query, fields, sort=list(order.keys), limit=limit, allow_disk_use=False)
    if not filter_ or (is_by_date and len(conditions) == 1):
        return await find(max_time_ms=QUERY_MS).to_list()
    # By date MongoDB chooses, and well where it can choose at once.
    walk = None if is_by_date else order.index

    async def attempt(hint: str | None, most_ms: int) -> list[Document] | None:
        """None: it took longer, or there is no such index yet."""
        with suppress(ExecutionTimeout, OperationFailure):
            return await find(hint=hint, max_time_ms=most_ms).to_list()
        return None

    found = await attempt(walk, _FEW_STEPS_MS)
    if found is None and (narrow := await _narrowest(collection, conditions)):
        name, count = narrow
        sorting_ms = count // _SORTED_A_MS
        if not is_by_date and sorting_ms > 2 * _FEW_STEPS_MS:
            found = await attempt(walk, sorting_ms)
        if found is None:
            # On a slow disk it takes several times as long.
            found = await attempt(name, min(QUERY_MS, 200 + 8 * sorting_ms))
    if found is not None:
        return found
    try:
        return await find(hint=walk, max_time_ms=QUERY_MS).to_list()
    except ExecutionTimeout:
        raise
    except OperationFailure:  # there is no such index yet
        return await find(max_time_ms=QUERY_MS).to_list()


# The index that begins with a field.
_INDEXES = {"_id": "_id_", **{index.keys[0][0]: index.name for index in INDEXES}}
# More are not counted: to read and sort them takes as long as a query may.
_MANY = 150_000
# A filter may have hundreds of conditions.
_MOST_COUNTED = 8


async def _narrowest(collection: Collection, conditions: list[tuple[str, Any]]) -> tuple[str, int] | None:
    """The index by which one of the conditions leads to the fewest photos, and how many; None where none is narrow."""

    async def count(path: str, condition: Any) -> int:
        with suppress(ExecutionTimeout, OperationFailure):
            return await collection.count_documents(
                {path: condition}, hint=_INDEXES[path], limit=_MANY, maxTimeMS=_LOOK_MS
            )
        return _MANY

    found = [(path, value) for path, condition in conditions if path in _INDEXES for value in _stretches(condition)]
    found = found[:_MOST_COUNTED]
    counts = await asyncio.gather(*(count(path, value) for path, value in found))
    fewest, path = min(zip(counts, (path for path, _ in found), strict=True), default=(_MANY, ""))
    return (_INDEXES[path], fewest) if fewest < _MANY else None


def _stretches(condition: Any) -> list[Any]:
    """What of a condition an index alone can count: each of several words that must all be there by itself.

    Not what looks like null, which only the photo tells from what is not there, and no pattern, for which all values
    would have to be looked at.
    """
    operators = condition if isinstance(condition, dict) else {"$in": [condition]}
    if operators.keys() == {"$all"}:
        return [word for word in operators["$all"] if isinstance(word, str)]
    values = [item for value in operators.values() for item in (value if isinstance(value, list) else [value])]
    is_plain = all(isinstance(value, str | int | float | datetime) for value in values)
    return [condition] if is_plain and operators.keys() <= {"$in", "$gt", "$gte", "$lt", "$lte"} else []
