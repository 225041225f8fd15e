"""Open and list batches, in the tests of batches."""

from __future__ import annotations

from typing import Any

from exifinator.batches.runner import Batch
from exifinator.models import ListedPage
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import parse_source
from tests.integration.conftest import INTERVALS, Bucket, Installation
from tests.photos import make_jpeg

PAGE = 10


class SmallPages:
    """An S3 client whose pages contain ten objects, so that a small bucket has many pages."""

    def __init__(self, s3: S3Client) -> None:
        self.s3 = s3
        self.asked: list[tuple[str | None, str]] = []

    def endpoint(self, bucket: str) -> str:
        return self.s3.endpoint(bucket)

    def can_list_ranges(self, bucket: str) -> bool:
        return True

    def list_page(
        self, bucket: str, prefix: str, token: str | None, *, start_after: str = "", max_keys: int = PAGE
    ) -> ListedPage:
        self.asked.append((token, start_after))
        return self.s3.list_page(bucket, prefix, token, start_after=start_after, max_keys=min(max_keys, PAGE))


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
