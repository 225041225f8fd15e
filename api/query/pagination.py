"""Read pages of photos in index order, so that page 10,000 costs no more than page 1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from pymongo.errors import ExecutionTimeout, OperationFailure

from api.database import QUERY_MS, Collection, Document
from api.query.mongo_filter import Filter, combine, conditions_of
from api.query.sort_order import TAKEN, Order, Position
from api.query.word_prefixes import WORDS, WORDS_INDEX, prefixes_of, spell_out_prefix
from exifinator.storage.indexes import INDEXES

Result = TypeVar("Result")

# Single-valued numeric fields with few distinct values.
_LOW_CARDINALITY_FIELDS = frozenset({"photo.iso", "photo.f_number", "photo.exposure_seconds", "photo.focal_length_mm"})
# MongoDB merge-sorts at most 200 intervals of an index. With more, it sorts every match. 150 leaves a margin.
_MAX_VALUES = 150
# Maximum number of parallel queries per page. Order.merge merges their results.
_MAX_PARALLEL_QUERIES = 6


async def spell_out_ranges(collection: Collection, filter_: Filter, order: Order) -> list[Filter]:
    """Replace each numeric range and each beginning of a word with the values that occur, unless there are too many.

    In an index on (value, date), the photos of one value are already in date order, so several values can be merged
    page by page. Across a range they are not, and MongoDB would sort every match for each page. With the values spelled
    out, a page costs one lookup per value plus one read per photo shown, however many photos match.

    Returns:
        Disjoint filters that together match the same photos. There are several if the values do not fit in one query.
    """
    parts = filter_["$and"] if filter_.keys() == {"$and"} else [filter_]
    # Split into parallel queries only if the range is the sole condition and the order is by date. Otherwise keep a
    # range of many values: another condition or the sort order may have a better index, and MongoDB can choose it.
    max_queries = _MAX_PARALLEL_QUERIES if len(parts) == 1 and order.is_by_date else 1
    spelled_out = await _gather([_spell_out(collection, part, max_queries) for part in parts])
    if len(spelled_out) == 1:
        return spelled_out[0]
    # With several parts, `max_queries` is 1, so each part is one filter.
    return [{"$and": [part for (part,) in spelled_out]}]


async def _gather(coroutines: list[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Run coroutines at the same time, and return their results. A single coroutine, the usual case, needs no task."""
    return [await coroutines[0]] if len(coroutines) == 1 else list(await asyncio.gather(*coroutines))


async def _spell_out(collection: Collection, part: Filter, max_queries: int) -> list[Filter]:
    if len(part) != 1:
        return [part]
    ((path, bounds),) = part.items()
    if path == WORDS:
        return [{path: await spell_out_prefix(collection, bounds)}]
    if path not in _LOW_CARDINALITY_FIELDS or not isinstance(bounds, dict) or not bounds.keys() <= {"$gte", "$lte"}:
        return [part]
    # distinct() jumps from value to value in the index (DISTINCT_SCAN).
    values = await collection.distinct(path, part, maxTimeMS=QUERY_MS)
    if len(values) > max_queries * _MAX_VALUES:
        return [part]
    return [{path: {"$in": chunk}} for chunk in _chunks(values)] or [{path: {"$in": []}}]


def _chunks(values: list[Any]) -> list[list[Any]]:
    """Split values into the fewest lists, of about equal length, that each fit in one query."""
    count = -(-len(values) // _MAX_VALUES)
    return [values[offset::count] for offset in range(count)]


async def read_page(
    collection: Collection,
    filters: list[Filter],
    order: Order,
    *,
    after: Position | None,
    limit: int,
    fields: Mapping[str, int] | None = None,
    restriction: Filter | None = None,
) -> tuple[list[Document], Position | None]:
    """Return at most `limit` records after a position. If there are more, also return the position of the last one.

    Args:
        filters: Disjoint filters. A record is included if it matches any of them.
        restriction: A filter that nearly all records match, so that it has no influence on which index is used.
    """
    records: list[Document] = []
    for segment in order.segments_after(after):
        remaining = limit + 1 - len(records)
        results = await _gather(
            [_read(collection, filter_, segment, order, remaining, fields, restriction) for filter_ in filters]
        )
        records += order.merge(results)
        if len(records) > limit:
            return records[:limit], order.position_of(records[limit - 1])
    return records, None


# Time limits (ms) for a short walk along the sort order's index, and for counting the matches of one condition.
_SHORT_WALK_MS, _COUNT_MS = 25, 100
# If fewer photos match than this, read and sort them without trying a walk first.
_MAX_RARE_MATCHES = 5_000
# Roughly how many photos MongoDB can read through an index and sort per millisecond.
_PHOTOS_SORTED_PER_MS = 300


@dataclass(frozen=True)
class _Attempt:
    """One way to run a query: with the index `hint` (None: MongoDB chooses), for at most `limit_ms`."""

    hint: str | None
    limit_ms: int


async def _read(
    collection: Collection,
    filter_: Filter,
    segment: Filter,
    order: Order,
    limit: int,
    fields: Mapping[str, int] | None,
    restriction: Filter | None,
) -> list[Document]:
    """Return the first `limit` photos that match a filter and the restriction in one segment of the sort order."""
    conditions = list(conditions_of(combine(filter_, segment)))
    query = combine(filter_, segment, restriction or {})
    find = partial(
        collection.find, filter=query, projection=fields, sort=list(order.keys), limit=limit, allow_disk_use=False
    )
    has_prefix = any(path == WORDS and any(prefixes_of(condition)) for path, condition in conditions)
    if not filter_ or (order.is_by_date and len(conditions) == 1 and not has_prefix):
        # If the restriction leaves few of the matches, such as RAW files in stacks, comparing indexes takes seconds.
        hint = _dated_index(*conditions[0]) if filter_ and len(conditions) == 1 and restriction else None
        return await _find_with_hint(find, hint)
    records = await _read_by_prefix(collection, conditions, find) if has_prefix and order.is_by_date else None
    if records is not None:
        return records
    async with aclosing(_plan(collection, conditions, order)) as plan:
        async for attempt in plan:
            # If the attempt timed out or its index does not exist yet, make the next attempt.
            with suppress(ExecutionTimeout, OperationFailure):
                return await find(hint=attempt.hint, max_time_ms=attempt.limit_ms).to_list()
    return await _find_with_hint(find, _sort_index_hint(order))


async def _find_with_hint(find: Callable[..., Any], hint: str | None) -> list[Document]:
    try:
        return list(await find(hint=hint, max_time_ms=QUERY_MS).to_list())
    except ExecutionTimeout:
        raise
    except OperationFailure:  # the index does not exist yet
        return list(await find(max_time_ms=QUERY_MS).to_list())


# Up to this many photos, reading and sorting the index entries of a prefix is faster than a walk along the dates.
_MAX_SORTED_ENTRIES = 10_000


async def _read_by_prefix(
    collection: Collection, conditions: list[tuple[str, Any]], find: Callable[..., Any]
) -> list[Document] | None:
    """Read the first photos with a word that has a prefix, if few photos match and the index contains all conditions.

    Sort the entries of the index on words, and fetch only the photos to return.

    Returns:
        None if the conditions need other fields, or if too many photos match.
    """
    if [path for path, _ in conditions if path not in (TAKEN, "_id")] != [WORDS]:
        return None
    words = next(condition for path, condition in conditions if path == WORDS)
    with suppress(ExecutionTimeout, OperationFailure):
        limit = _MAX_SORTED_ENTRIES
        if await collection.count_documents({WORDS: words}, hint=WORDS_INDEX, limit=limit, maxTimeMS=_COUNT_MS) < limit:
            entries = await find(projection={"_id": 1}, hint=WORDS_INDEX, max_time_ms=QUERY_MS).to_list()
            positions = {entry["_id"]: position for position, entry in enumerate(entries)}
            chosen = find(filter={"_id": {"$in": list(positions)}}, hint="_id_", sort=None, max_time_ms=QUERY_MS)
            records: list[Document] = sorted(await chosen.to_list(), key=lambda record: positions[record["_id"]])
            # If photos were deleted in the meantime, the page would be incomplete.
            return records if len(records) == len(entries) else None
    return None


def _dated_index(path: str, condition: Any) -> str | None:
    """Return the index that has all matches of a condition in the order of dates; None if there is none."""
    if path in (TAKEN, "_id") or (isinstance(condition, dict) and condition.keys() != {"$in"}):
        return None
    return _INDEX_BY_FIELD.get(path) if _countable_parts(condition) else None


def _sort_index_hint(order: Order) -> str | None:
    # For date order, give no hint: unless MongoDB has to compare several indexes (see _plan), it chooses well.
    return None if order.is_by_date else order.index


async def _plan(collection: Collection, conditions: list[tuple[str, Any]], order: Order) -> AsyncGenerator[_Attempt]:
    """Yield the attempts to make, quickest first. The caller stops at the first one that returns in time.

    Without a hint, MongoDB tries all candidate indexes against each other. If none of them is good, this takes about a
    second. In orders other than by date, MongoDB often picks the index of a filter. Such an index continues by date, so
    MongoDB has to sort every match.

    If many photos match, a short walk along the sort order's index fills a page, so try this first. Otherwise, estimate
    from the match count of the narrowest condition how long reading and sorting its matches would take. Let the walk
    continue for that long, and then read and sort the matches. A page then takes at most about twice as long as with
    the better of the two plans.
    """
    walk = _sort_index_hint(order)
    # Rare words are frequent in searches, and counting a few of their entries is faster than a walk.
    has_words = any(path == WORDS for path, _ in conditions)
    rare_condition = await _narrowest(collection, conditions, limit=_MAX_RARE_MATCHES) if has_words else None
    if rare_condition is not None:
        index, _ = rare_condition
        yield _Attempt(index, QUERY_MS)
    yield _Attempt(walk, _SHORT_WALK_MS)
    narrowest = rare_condition or await _narrowest(collection, conditions)
    if narrowest is None:
        return
    index, count = narrowest
    sorting_ms = count // _PHOTOS_SORTED_PER_MS
    if walk is not None and sorting_ms > 2 * _SHORT_WALK_MS:
        yield _Attempt(walk, sorting_ms)
    # Allow 200 ms plus eight times the estimate, because a slow disk takes several times longer.
    yield _Attempt(index, min(QUERY_MS, 200 + 8 * sorting_ms))


# Maps a field to the index that starts with it.
_INDEX_BY_FIELD = {"_id": "_id_", **{index.keys[0][0]: index.name for index in INDEXES}}
# Count at most this many matches: reading and sorting more could take longer than QUERY_MS.
_MAX_COUNT = 150_000
# Count only this many conditions: a filter may have hundreds.
_MAX_COUNTED_CONDITIONS = 8


async def _narrowest(
    collection: Collection, conditions: list[tuple[str, Any]], limit: int | None = None
) -> tuple[str, int] | None:
    """Return the index and match count of the condition with the fewest matches.

    Returns:
        None if no condition has fewer than `limit` matches (default: _MAX_COUNT).
    """
    limit = limit or _MAX_COUNT

    async def count(path: str, condition: Any) -> int:
        with suppress(ExecutionTimeout, OperationFailure):
            return await collection.count_documents(
                {path: condition}, hint=_INDEX_BY_FIELD[path], limit=limit, maxTimeMS=_COUNT_MS
            )
        return limit

    countable = [
        (path, value)
        for path, condition in conditions
        if path in _INDEX_BY_FIELD
        for value in ([condition] if path == WORDS and any(prefixes_of(condition)) else _countable_parts(condition))
    ][:_MAX_COUNTED_CONDITIONS]
    counts = await _gather([count(path, value) for path, value in countable])
    fewest, path = min(zip(counts, (path for path, _ in countable), strict=True), default=(limit, ""))
    return (_INDEX_BY_FIELD[path], fewest) if fewest < limit else None


def _countable_parts(condition: Any) -> list[Any]:
    """Return the parts of a condition that can be counted in an index alone. Each word of `$all` is a part.

    Exclude null, which an index cannot tell from a missing value, and regular expressions, which scan every value.
    """
    operators = condition if isinstance(condition, dict) else {"$in": [condition]}
    if operators.keys() == {"$all"}:
        return [word for word in operators["$all"] if isinstance(word, str)]
    values = [item for value in operators.values() for item in (value if isinstance(value, list) else [value])]
    is_plain = all(isinstance(value, str | int | float | datetime) for value in values)
    return [condition] if is_plain and operators.keys() <= {"$in", "$gt", "$gte", "$lt", "$lte"} else []
