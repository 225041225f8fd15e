"""The clients and batchers that the jobs of a worker process share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import gevent

from exifinator.config import Config, load_config
from exifinator.models import ExifRecord, FetchedMetadata
from exifinator.queue.image_queue import NO_ROOM, ImageQueue, Outcome
from exifinator.queue.redis_client import connect_redis
from exifinator.retry import backoff_seconds
from exifinator.sources.client import SourceClient
from exifinator.sources.folders.client import FolderClient
from exifinator.sources.s3.client import S3Client
from exifinator.sources.s3.fast_client import FastS3Client
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from exifinator.worker.batcher import Batcher
from exifinator.worker.circuit_breaker import BucketCircuitBreaker
from exifinator.worker.failure_policy import Interrupted
from exifinator.worker.file_threads import FileThreads
from exifinator.worker.isolated import SubprocessReader

# A bulk write of 100 records takes MongoDB and the worker a quarter of the time of 100 single upserts. Larger bulk
# writes are no faster.
RECORDS_PER_BULK = 100
BULK_WAIT_SECONDS = 0.03
IMAGES_PER_PUSH = 50
PUSH_WAIT_SECONDS = 0.005
FILE_THREADS = 8


class WorkerContext:
    """Clients and batchers of one worker process.

    Attributes:
        is_stopping: Whether the worker has begun to stop.
        waiting_for_room: The number of jobs that wait because the write queue is full.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.is_stopping = False
        self.waiting_for_room = 0
        self.subprocess_reader = SubprocessReader()
        s3 = FastS3Client(config) if config.s3_client == "lean" else S3Client(config)
        self.sources = SourceClient(s3, FolderClient(FileThreads(FILE_THREADS).call))
        self.queue = ImageQueue(connect_redis(config), config)
        self.store = Store(connect_mongodb(config), config)
        self.circuit_breaker = BucketCircuitBreaker(self.sources, self.queue.refused_buckets, self.store)
        self._pushes = Batcher(self.queue.push_metadata, limit=IMAGES_PER_PUSH, wait_seconds=PUSH_WAIT_SECONDS)
        self._records = Batcher(self._store_batch, limit=RECORDS_PER_BULK, wait_seconds=BULK_WAIT_SECONDS)

    def push_metadata(self, member: bytes, fetched: FetchedMetadata, on_wait: Callable[[], None]) -> None:
        """Add the metadata of an image to the write queue. If the write queue is full, wait.

        While the queue is full, each attempt extends the lease of the image.

        Args:
            on_wait: Called after each pause. The caller restarts the time limit of the job, which does not include the
                time spent waiting.

        Raises:
            Interrupted: The worker is stopping.
            QueueUnavailable: Redis is unavailable.
        """
        message = fetched.to_bytes()
        attempt = 0
        while self._pushes.submit((member, message)) == NO_ROOM:
            if self.is_stopping:
                raise Interrupted("the worker is stopping while the write queue is full")
            attempt += 1
            self.waiting_for_room += 1
            try:
                gevent.sleep(backoff_seconds(attempt, first_seconds=0.05, max_seconds=2.0, jitter=(0.5, 1.5)))
            finally:
                self.waiting_for_room -= 1
            on_wait()

    def store_record(self, record: ExifRecord, outcome: Outcome, *, is_raw: bool) -> None:
        """Store a record, then acknowledge its image. Return when both are done.

        Raises:
            StoreUnavailable: MongoDB is unavailable.
            RecordRefused: MongoDB rejected the record.
            QueueUnavailable: Redis is unavailable.
        """
        self._records.submit((record, outcome, is_raw))

    def _store_batch(self, batch: list[tuple[ExifRecord, Outcome, bool]]) -> list[Exception | None]:
        errors = self.store.records.upsert([record for record, _, _ in batch])
        self.acknowledge(
            [(outcome, is_raw) for (_, outcome, is_raw), error in zip(batch, errors, strict=True) if error is None]
        )
        return errors

    def acknowledge(self, outcomes: Sequence[tuple[Outcome, bool]]) -> None:
        """Acknowledge images whose records or failed jobs are stored.

        Args:
            outcomes: For each image, its outcome and whether its job is raw.

        Raises:
            QueueUnavailable: Redis is unavailable.
        """
        self.queue.acknowledge([outcome for outcome, is_raw in outcomes if is_raw])
        self.queue.acknowledge_regular([outcome for outcome, is_raw in outcomes if not is_raw])


@functools.cache
def current_context() -> WorkerContext:
    """Return the context of this process.

    The context is global, because MRQ constructs the worker without arguments.
    """
    return WorkerContext(load_config())
