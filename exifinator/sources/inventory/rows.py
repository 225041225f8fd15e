"""Read the objects in one file of an inventory report."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, BinaryIO
from urllib.parse import unquote_plus

from exifinator.errors import PermanentError
from exifinator.extras import require
from exifinator.models import ImageRef
from exifinator.sources.inventory.manifest import Manifest
from exifinator.sources.s3.headers import to_storage_class
from exifinator.sources.s3.responses import ARCHIVE_CLASSES

# Access tiers of INTELLIGENT_TIERING whose objects have to be restored before they can be read.
ARCHIVE_TIERS = frozenset({"ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS", "ARCHIVE", "DEEP_ARCHIVE"})
# A page has as many objects. Each page takes some requests to Redis and MongoDB.
ROWS_PER_BATCH = 5000

Row = Sequence[Any]


def read_objects(file: BinaryIO, manifest: Manifest, name: str) -> Iterator[list[ImageRef]]:
    """Yield the latest versions of the objects in a file, up to ROWS_PER_BATCH at a time. Leave out delete markers.

    Every batch of rows yields a list, which is empty if all its rows are left out. So the number of a list tells how
    far the file has been read.

    Args:
        file: The file, at its start.
        manifest: The manifest of the report.
        name: The name of the file, for error messages.

    Raises:
        PermanentError: The file cannot be read.
        ConfigError: The file is in Parquet, and the package that reads it is not installed.
    """
    try:
        batches = _csv_batches(file) if manifest.file_format == "CSV" else _parquet_batches(file, manifest.columns)
        to_object = _object_reader(manifest)
        for rows in batches:
            yield [ref for ref in map(to_object, rows) if ref is not None]
    except (OSError, EOFError, csv.Error, zlib.error, ValueError, IndexError, TypeError, OverflowError) as exc:
        raise PermanentError(
            f"The inventory file {name} cannot be read ({exc})",
            code="invalid_inventory",
            hint="wait for the next report of the inventory",
        ) from exc


def _csv_batches(file: BinaryIO) -> Iterator[Sequence[Row]]:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        reader = csv.reader(text)
        while rows := list(islice(reader, ROWS_PER_BATCH)):
            yield rows


def _parquet_batches(file: BinaryIO, columns: tuple[str, ...]) -> Iterator[Sequence[Row]]:
    require("api", "arro3", "An inventory in Parquet")
    from arro3.io import read_parquet

    for batch in read_parquet(file, batch_size=ROWS_PER_BATCH):
        names = {name.replace("_", "").lower(): name for name in batch.schema.names}
        yield list(zip(*(batch.column(names[column.lower()]).to_pylist() for column in columns), strict=True))


def _object_reader(manifest: Manifest) -> Callable[[Row], ImageRef | None]:
    """Return a function that turns a row into an object. It returns None for older versions and delete markers."""
    columns = {name: number for number, name in enumerate(manifest.columns)}
    key, size, modified, etag = (columns[name] for name in ("Key", "Size", "LastModifiedDate", "ETag"))
    latest, marker = columns.get("IsLatest"), columns.get("IsDeleteMarker")
    storage_class, tier = columns.get("StorageClass"), columns.get("IntelligentTieringAccessTier")
    bucket = manifest.bucket
    # Only CSV reports have encoded keys.
    decode = unquote_plus if manifest.file_format == "CSV" else str

    def to_object(row: Row) -> ImageRef | None:
        if (latest is not None and _is_false(row[latest])) or (marker is not None and _is_true(row[marker])):
            return None
        encoded = row[key]
        return ImageRef(
            bucket,
            decode(encoded) if "%" in encoded or "+" in encoded else encoded,
            (row[etag] or "").strip('"'),
            int(row[size] or 0),
            _to_time(row[modified]),
            (storage_class is not None and row[storage_class] in ARCHIVE_CLASSES)
            or (tier is not None and row[tier] in ARCHIVE_TIERS),
            to_storage_class(row[storage_class] or "") if storage_class is not None else "",
        )

    return to_object


def _is_true(value: Any) -> bool:
    return value is True or value == "true"


def _is_false(value: Any) -> bool:
    return value is False or value == "false"


def _to_time(value: Any) -> datetime:
    time = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if time.tzinfo is UTC:
        return time
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
