"""Group the copies of a file. Copies have the same fingerprint, which depends on the size too."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymongo.errors import ExecutionTimeout

from api.aggregations.sampling import read_sample
from api.database import Collection
from api.query.mongo_filter import Filter, combine

FINGERPRINT = "fingerprint"
# Maximum number of groups to return. The totals also count the groups beyond it.
MAX_GROUPS = 10_000


@dataclass(frozen=True)
class Group:
    """The copies of one file.

    Attributes:
        size: The size of the file in bytes.
        wasted_bytes: The size of all copies but one.
    """

    fingerprint: str
    count: int
    size: int
    wasted_bytes: int


@dataclass(frozen=True)
class Duplicates:
    """The groups with the most wasted bytes.

    Attributes:
        groups: At most MAX_GROUPS, by wasted bytes, then by fingerprint.
        group_count: The number of all groups.
        extra_copies: The number of copies in all groups, not counting one copy in each group.
        wasted_bytes: The size of the extra copies.
        is_sample: Whether only a sample of the photos was read. The groups of a sample may lack copies.
    """

    groups: list[Group]
    group_count: int
    extra_copies: int
    wasted_bytes: int
    is_sample: bool = False


async def find_duplicates(photos: Collection, filter_: Filter, *, budget_ms: int) -> Duplicates:
    """Group all photos that match or, if that takes too long, a sample of them.

    Args:
        budget_ms: Time limit of each query.

    Raises:
        PyMongoError: A query failed, or exceeded the time limit even for the smallest sample.
    """
    read = partial(read_duplicates, photos, filter_, budget_ms=budget_ms)
    with suppress(ExecutionTimeout):
        return await read()
    return await read_sample(lambda size: read(sample_size=size))


async def read_duplicates(
    photos: Collection, filter_: Filter, *, budget_ms: int, sample_size: int = 0, max_groups: int = MAX_GROUPS
) -> Duplicates:
    """Group the first `sample_size` photos that match, or all if it is 0.

    Raises:
        PyMongoError: A query failed, or exceeded the time limit.
    """
    stages = group_stages(filter_, sample_size=sample_size, max_groups=max_groups)
    options: dict[str, Any] = {"maxTimeMS": budget_ms, "allowDiskUse": True}
    (result,) = await (await photos.aggregate(stages, **options)).to_list()
    rows = result["groups"]
    totals = result["totals"][0] if result["totals"] else {"photos": 0, "groups": 0, "extra": 0, "wasted": 0}
    groups = [Group(str(row["_id"]), row["count"], row["size"], row["wasted"]) for row in rows]
    # If fewer photos match than `sample_size`, all of them were read.
    is_sample = 0 < sample_size <= totals["photos"]
    return Duplicates(groups, totals["groups"], totals["extra"], totals["wasted"], is_sample)


def group_stages(filter_: Filter, *, sample_size: int, max_groups: int) -> list[dict[str, Any]]:
    """Return the stages that group copies. Without a filter, the index contains all fields that the stages read."""
    has_fingerprint = {FINGERPRINT: {"$gte": ""}}
    size = {"$cond": [{"$isNumber": "$size"}, {"$max": [{"$toLong": "$size"}, 0]}, 0]}
    group = {"_id": f"${FINGERPRINT}", "count": {"$sum": 1}, "size": {"$first": size}}
    is_group = {"$gt": ["$count", 1]}
    extra = {"$subtract": ["$count", 1]}
    total = {
        "_id": None,
        "photos": {"$sum": "$count"},
        "groups": {"$sum": {"$cond": [is_group, 1, 0]}},
        "extra": {"$sum": extra},
        "wasted": {"$sum": {"$multiply": [extra, "$size"]}},
    }
    largest_groups = [
        {"$match": {"count": {"$gt": 1}}},
        {"$set": {"wasted": {"$multiply": [extra, "$size"]}}},
        {"$sort": {"wasted": -1, "_id": 1}},
        {"$limit": max_groups},
    ]
    return [
        {"$match": combine(filter_, has_fingerprint)},
        *([{"$limit": sample_size}] if sample_size else []),
        {"$group": group},
        {"$facet": {"groups": largest_groups, "totals": [{"$group": total}]}},
    ]
