"""Open and list batches, in the tests of batches."""

from __future__ import annotations

from typing import Any

from exifinator.batches.model import BatchCounts
from exifinator.batches.runner import Batch
from exifinator.sources.source import parse_source
from tests.integration.batches.elsewhere import SmallPages
from tests.integration.conftest import INTERVALS, Bucket, Installation
from tests.photos import make_jpeg


def open_batch(installation: Installation, source: str, **options: Any) -> Batch:
    lister = SmallPages(installation.s3)
    queue = installation.queue
    batch = Batch([parse_source(source)], lister, installation.store, queue, intervals=INTERVALS, **options)
    batch.open()
    return batch


def list_all(batch: Batch) -> Batch:
    for _ in batch.list_and_queue():
        pass
    return batch


def fill(bucket: Bucket, count: int, prefix: str = "") -> None:
    body = make_jpeg()
    for i in range(count):
        bucket.put(f"{prefix}{i:04}.jpg", body)


def adds_up(n: BatchCounts) -> bool:
    """Return whether each listed object is counted once."""
    return n.listed == n.folders + n.unchanged + n.stored + n.no_exif + n.unsupported + n.damaged + n.failed
