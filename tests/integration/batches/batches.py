"""Open and list batches: helpers of the tests of batches."""

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
    """List and queue all objects of a batch, and return the batch."""
    for _ in batch.list_and_queue():
        pass
    return batch


def fill(bucket: Bucket, count: int, prefix: str = "") -> None:
    """Put photos with the keys 0000.jpg, 0001.jpg and so on into a bucket."""
    body = make_jpeg()
    for i in range(count):
        bucket.put(f"{prefix}{i:04}.jpg", body)


def adds_up(counts: BatchCounts) -> bool:
    """Return whether each listed object is in exactly one of the other counts."""
    done = counts.stored + counts.no_exif + counts.unsupported + counts.damaged + counts.failed
    return counts.listed == counts.folders + counts.unchanged + done
