"""Make S3 Inventory reports."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

COLUMNS = ("Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass")


def csv_file(rows: Sequence[Sequence[str]]) -> bytes:
    """Return a file of a CSV report."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return gzip.compress(text.getvalue().encode(), mtime=0)


def parquet_file(columns: dict[str, Any]) -> bytes:
    """Return a file of a Parquet report. `columns` are the values by name."""
    from arro3.core import Table
    from arro3.io import write_parquet

    file = io.BytesIO()
    write_parquet(Table(columns), file)
    return file.getvalue()


def manifest(
    bucket: str,
    files: dict[str, bytes],
    created_at: datetime,
    *,
    file_format: str = "CSV",
    schema: str = ", ".join(COLUMNS),
    **changes: Any,
) -> bytes:
    """Return a manifest.json. `files` are the contents of the files by key."""
    document = {
        "sourceBucket": bucket,
        "destinationBucket": "arn:aws:s3:::reports",
        "version": "2016-11-30",
        "creationTimestamp": str(round(created_at.timestamp() * 1000)),
        "fileFormat": file_format,
        "fileSchema": schema,
        "files": [
            {"key": key, "size": len(data), "MD5checksum": hashlib.md5(data, usedforsecurity=False).hexdigest()}
            for key, data in files.items()
        ],
    }
    return json.dumps({**document, **changes}).encode()
