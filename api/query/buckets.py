"""Find the buckets in which to look for a prefix."""

from __future__ import annotations

from api.database import QUERY_MS, Collection
from api.query.filters import Filters


async def set_searched_buckets(photos: Collection, filters: Filters) -> None:
    """Let `prefix` match keys in all buckets, unless the filters select some buckets.

    The names of the buckets are read from their index, which takes one step per bucket.

    Raises:
        PyMongoError: The query failed.
    """
    if filters.searches_all_buckets:
        names = await photos.distinct("bucket", maxTimeMS=QUERY_MS)
        filters.set_all_buckets(name for name in names if isinstance(name, str))
