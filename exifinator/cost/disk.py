"""Measure how much disk MongoDB needs for a record."""

from __future__ import annotations

from dataclasses import dataclass

from exifinator.errors import EXIFinatorError
from exifinator.storage.mongodb import mongodb_errors
from exifinator.storage.store import Store

# With fewer records, files that MongoDB allocates in advance would distort the measurement.
MIN_RECORDS = 10_000


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """How much of MongoDB's disk a record takes.

    Attributes:
        compression: The size of records on disk, divided by their size as BSON.
        index_bytes: The size of a record's entries in all indexes.
        low_factor, high_factor: The range of the size on disk, as factors.
    """

    # The figures of docs/scaling.md. Photos that are similar to each other compress up to four times as well.
    compression: float = 0.169
    index_bytes: float = 3090.0
    low_factor: float = 0.5
    high_factor: float = 1.3


def measure_disk_usage(store: Store) -> DiskUsage:
    """Return how much disk the records take. If there are few, or MongoDB does not say, return typical figures."""
    collection = store.records.collection
    try:
        with mongodb_errors("read the size of the records"):
            stats = collection.database.command("collStats", collection.name)
    except EXIFinatorError:
        return DiskUsage()
    if stats["count"] < MIN_RECORDS or not stats["size"]:
        return DiskUsage()
    # The measured files also contain free space, which new records use first.
    return DiskUsage(stats["storageSize"] / stats["size"], stats["totalIndexSize"] / stats["count"], 0.75, 1.25)
