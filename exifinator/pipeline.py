"""What a worker process holds open for its jobs: S3, the queues and the store, with their batches."""

from __future__ import annotations

import functools
import random
from typing import TYPE_CHECKING

import gevent
from mrq.exceptions import JobInterrupt

from exifinator.batching import Batcher
from exifinator.config import Config, load_config
from exifinator.isolated import IsolatedReader
from exifinator.lean_s3 import LeanS3
from exifinator.metrics import Flusher
from exifinator.mongodb import connect_mongodb
from exifinator.queue_control import QueueControl
from exifinator.queues import ImageQueue, Outcome, connect_redis
from exifinator.records import ExifRecord, HeaderBytes, ImageRef
from exifinator.refusals import BucketGuard
from exifinator.s3 import S3
from exifinator.shared_clock import CLOCK
from exifinator.store import Store

if TYPE_CHECKING:
    from exifinator.worker import ImageJob

# A bulk of 100 costs MongoDB and us a quarter of what 100 upserts do; above that nothing is gained.
RECORDS_A_BULK = 100
BULK_WAIT_SECONDS = 0.03
HEADERS_A_PUSH = 50
PUSH_WAIT_SECONDS = 0.005

# What ImageQueue.push_headers says of a message that has to wait.
_NO_ROOM = 0


class Pipeline:
    """The stages' common ground in one worker process."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.stopping = False
        # Reads whose metadata has found no room in the write queue yet.
        self.waiting_for_room = 0
        self.isolated = IsolatedReader()
        self.s3 = LeanS3(config) if config.s3_client == "lean" else S3(config)
        self.queue = ImageQueue(connect_redis(config), config)
        self.store = Store(connect_mongodb(config), config)
        self.guard = BucketGuard(self.s3, self.queue, self.store)
        self.control = QueueControl(self.queue, config)
        self.flusher = Flusher(self.control)
        self._pushes = Batcher(self.queue.push_headers, most=HEADERS_A_PUSH, wait_seconds=PUSH_WAIT_SECONDS)
        self._records = Batcher(self._store_batch, most=RECORDS_A_BULK, wait_seconds=BULK_WAIT_SECONDS)

    def push_header(self, job: ImageJob, member: bytes, header: HeaderBytes) -> None:
        """Queue metadata for a write worker; while the write queue is full, wait.

        The wait is no fault of the job's: its clock starts anew with each try, and the try extends its lease.
        """
        message = header.to_bytes()
        pause_seconds = 0.05
        while self._pushes.submit((member, message)) == _NO_ROOM:
            if self.stopping:
                raise JobInterrupt
            self.waiting_for_room += 1
            try:
                gevent.sleep(pause_seconds * random.uniform(0.5, 1.5))  # noqa: S311
            finally:
                self.waiting_for_room -= 1
            pause_seconds = min(2 * pause_seconds, 2.0)
            job.datestarted = CLOCK.utcnow()

    def store_record(
        self, ref: ImageRef, record: ExifRecord, member: bytes | None, *, bytes_read: int, requests: int
    ) -> None:
        """Store a record and acknowledge its image; returns when both are done.

        member: what the download queue calls the image; None for a job that MRQ keeps itself.
        Raises: StoreUnavailable, RecordRefused, QueueUnavailable.
        """
        outcome = Outcome(member or ref.to_member(), ref.id, record.status, bytes_read, requests)
        self._records.submit((record, outcome, member is None))

    def _store_batch(self, batch: list[tuple[ExifRecord, Outcome, bool]]) -> list[Exception | None]:
        errors = self.store.upsert_records([record for record, _, _ in batch])
        stored = [item for item, error in zip(batch, errors, strict=True) if error is None]
        for always in (False, True):
            self.queue.acknowledge([o for _, o, kept_by_mrq in stored if kept_by_mrq is always], always=always)
        return errors


@functools.cache
def current_pipeline() -> Pipeline:
    """The one pipeline of this process."""
    return Pipeline(load_config())
