"""List and watch a batch in a separate process, which tests kill.

This module imports no servers or fixtures of the tests, because the imports would take longer than its work.
"""

from __future__ import annotations

import signal
import sys

from exifinator.batches.runner import Batch, Intervals
from exifinator.config import load_config
from exifinator.models import ListedPage
from exifinator.queue.image_queue import ImageQueue
from exifinator.queue.redis_client import connect_redis
from exifinator.sources import listing
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import parse_source
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store

# Objects per page of a listing.
PAGE = 10


class SmallPages:
    """An S3 client whose pages contain ten objects, so that a small bucket has many pages."""

    def __init__(self, s3: S3Client) -> None:
        self.s3 = s3
        self.requests: list[tuple[str | None, str]] = []

    def endpoint(self, bucket: str) -> str:
        return self.s3.endpoint(bucket)

    def can_list_ranges(self, bucket: str) -> bool:
        return True

    def list_page(
        self, bucket: str, prefix: str, token: str | None, *, start_after: str = "", max_keys: int = PAGE
    ) -> ListedPage:
        self.requests.append((token, start_after))
        return self.s3.list_page(bucket, prefix, token, start_after=start_after, max_keys=min(max_keys, PAGE))


def main(source: str, pausing_phase: str = "", pausing_count: str = "0") -> None:
    """List and watch a batch. Print its id, and then its progress line by line.

    Args:
        source: The source of the batch.
        pausing_phase, pausing_count: In this phase, and with at least so many objects, wait to be killed.
    """
    listing.STARVED_SHARE = -1.0
    config = load_config()
    batch = Batch(
        [parse_source(source)],
        SmallPages(S3Client(config)),
        Store(connect_mongodb(config), config),
        ImageQueue(connect_redis(config), config),
        intervals=Intervals(poll_seconds=0.03, reconcile_seconds=0.1, save_seconds=0.0),
    )
    batch.open()
    print(batch.id, flush=True)

    def report(phase: str, count: int) -> None:
        print(phase, count, flush=True)
        while phase == pausing_phase and count >= int(pausing_count):
            signal.pause()

    for numbers in batch.list_and_queue():
        report("listing", numbers.listed)
    for numbers in batch.wait():
        report("reading", numbers.done)


if __name__ == "__main__":
    main(*sys.argv[1:])
