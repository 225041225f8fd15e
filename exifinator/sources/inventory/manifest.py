"""Parse the manifest of an S3 Inventory report, which names the files of the report.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from exifinator.errors import ConfigError

FORMATS = ("CSV", "Parquet")
# Column -> the name of the option in the inventory's configuration. Without these columns, changed objects could not be
# told from unchanged ones.
NEEDED_COLUMNS = {"Key": "", "Size": "Size", "LastModifiedDate": "LastModifiedDate", "ETag": "ETag"}
# A column in the schema of a Parquet report, such as "required binary bucket (STRING);".
_PARQUET_COLUMN = re.compile(r"\b(?:required|optional)\s+[\w()]+\s+(\w+)")
# Parquet's names of columns are in snake case: "last_modified_date".
_COLUMN_NAMES = (
    "Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size", "LastModifiedDate", "ETag", "StorageClass",
    "IntelligentTieringAccessTier",
)  # fmt: skip
MAX_FILES = 100_000


@dataclass(frozen=True, slots=True)
class InventoryFile:
    """One file of a report.

    Attributes:
        key: Its key in the bucket of the report.
        size_bytes: Its size.
        md5: The MD5 checksum of its bytes, as hexadecimal digits.
    """

    key: str
    size_bytes: int
    md5: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A report: the objects of a bucket at one time.

    Attributes:
        bucket: The bucket whose objects are listed.
        created_at: When the report was begun. Later changes of the bucket may be missing.
        file_format: The format of the files.
        columns: The names of the columns, in the order of a CSV file.
        files: The files.
    """

    bucket: str
    created_at: datetime
    file_format: Literal["CSV", "Parquet"]
    columns: tuple[str, ...]
    files: tuple[InventoryFile, ...]


def parse_manifest(data: bytes, place: str) -> Manifest:
    """Parse the contents of manifest.json.

    Args:
        data: The contents.
        place: Where they come from, for error messages.

    Raises:
        ConfigError: The contents are not those of a manifest, or the report cannot be used.
    """
    try:
        document = json.loads(data)
        file_format = document["fileFormat"]
        manifest = Manifest(
            bucket=_text(document["sourceBucket"]).rpartition(":")[2],
            created_at=datetime.fromtimestamp(int(document["creationTimestamp"]) / 1000, UTC),
            file_format=file_format,
            columns=_columns(file_format, _text(document["fileSchema"])),
            files=tuple(_file(item) for item in document["files"][: MAX_FILES + 1]),
        )
    except (ArithmeticError, AttributeError, KeyError, OSError, TypeError, ValueError) as exc:
        raise ConfigError(
            f"{place} is not the manifest of an S3 Inventory report",
            code="invalid_inventory",
            hint="name the manifest.json in the folder with the date of the report",
        ) from exc
    if file_format not in FORMATS:
        raise ConfigError(
            f"The inventory report {place} has the format {str(file_format)[:40]!r}",
            code="inventory_format",
            hint="choose CSV or Apache Parquet as the output format of the inventory",
        )
    for column, option in NEEDED_COLUMNS.items():
        if column not in manifest.columns:
            raise ConfigError(
                f"The inventory report {place} has no column {column}",
                code="inventory_column",
                hint=f"add {option or column} to the additional metadata fields of the inventory",
            )
    if not manifest.bucket or len(manifest.files) > MAX_FILES:
        raise ConfigError(
            f"The inventory report {place} names no bucket, or more than {MAX_FILES:,} files",
            code="invalid_inventory",
            hint="name a manifest.json that S3 has written",
        )
    return manifest


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


def _columns(file_format: Any, schema: str) -> tuple[str, ...]:
    if file_format != "Parquet":
        return tuple(name.strip() for name in schema.split(","))
    names = {name.replace("_", ""): name for name in _PARQUET_COLUMN.findall(schema)}
    return tuple(name for name in _COLUMN_NAMES if name.lower() in names)


def _file(item: dict[str, Any]) -> InventoryFile:
    return InventoryFile(_text(item["key"]), int(item["size"]), _text(item["MD5checksum"]).lower())
