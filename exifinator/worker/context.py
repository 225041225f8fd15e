"""The clients and batchers that the jobs of a worker process share."""

from __future__ import annotations

import functools
import logging
import os
import platform
from collections.abc import Callable
from datetime import datetime

import gevent

from exifinator.config import Config, load_config
from exifinator.errors import DeliveryLost
from exifinator.metadata.fetch import fetch_metadata
from exifinator.models import ExifRecord, FetchedMetadata, ImageRef, RangeRead
from exifinator.queue.image_queue import NO_ROOM, PUSHED, REFUSED, UNWANTED, Delivery, ImageQueue, Outcome
from exifinator.queue.redis_client import connect_redis, read_clock
from exifinator.queue.worker_health import WorkerHealth
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
from exifinator.worker.read_limit import MeasuredReader, ReadLimit

log = logging.getLogger(__name__)

# A bulk write of 100 records takes MongoDB and the worker a quarter of the time of 100 single upserts. Larger bulk
# writes are no faster.
RECORDS_PER_BULK = 100
BULK_WAIT_SECONDS = 0.03
IMAGES_PER_PUSH = 50
PUSH_WAIT_SECONDS = 0.005
# The maximum number of local files that a worker process reads at the same time.
FILE_THREADS = 8
# While the jobs of a worker process hold more metadata than this, no more is unpacked or taken from the write queue. A
# small file may unpack to MAX_FILE_BYTES, and each job keeps several copies, so the number of greenlets is no limit.
HELD_BYTES_LIMIT = 16 * 1024**2


class WorkerContext:
    """Clients and batchers of one worker process.

    Attributes:
        fetched_bytes: The length of the metadata that downloads hold until the write queue has taken it.
        is_stopping: Whether the worker has begun to stop.
        read_limit: How many images this process may fetch at the same time; None if GREENLETS is a number.
        reader: Reads ranges of images, and tells the read limit how long that takes.
        waiting_for_room: The number of jobs that wait because the write queue is full, or because the jobs of this
            process hold too much metadata.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.is_stopping = False
        self.waiting_for_room = 0
        self.fetched_bytes = 0
        self.subprocess_reader = SubprocessReader()
        self.read_limit = ReadLimit() if config.greenlets == "auto" else None
        on_slow_down = self.read_limit.note_trouble if self.read_limit else None
        s3 = FastS3Client(config, on_slow_down) if config.s3_client == "lean" else S3Client(config)
        self.sources = SourceClient(s3, FolderClient(FileThreads(FILE_THREADS).call))
        self.reader = MeasuredReader(self.sources, self.read_limit) if self.read_limit else self.sources
        self.queue = ImageQueue(connect_redis(config), config)
        self.store = Store(connect_mongodb(config), config)
        self.health = WorkerHealth(self.queue.client, self.queue.keys, f"{platform.node()}.{os.getpid()}")
        self.circuit_breaker = BucketCircuitBreaker(self.sources, self.queue.refused_buckets, self.health, self.store)
        self._pushes = Batcher(self.queue.push_metadata, limit=IMAGES_PER_PUSH, wait_seconds=PUSH_WAIT_SECONDS)
        self._records = Batcher(self._store_batch, limit=RECORDS_PER_BULK, wait_seconds=BULK_WAIT_SECONDS)

    def fetch(self, ref: ImageRef, on_wait: Callable[[], None]) -> FetchedMetadata:
        """Fetch the metadata of an image. If the jobs of this process hold too much metadata, wait.

        Args:
            ref: The image.
            on_wait: See push_metadata.

        Raises:
            Interrupted: The worker is stopping.
            EXIFinatorError: See fetch_metadata.
        """
        return fetch_metadata(_PatientReader(self, on_wait), ref, first_read_bytes=self.config.first_read_bytes)

    def push_metadata(self, delivery: Delivery, ref: ImageRef, message: bytes, on_wait: Callable[[], None]) -> bool:
        """Add the metadata of an image to the write queue. If the write queue is full, wait.

        While the queue is full, each attempt extends the lease of the image.

        Args:
            delivery: The delivery of the image.
            ref: The image.
            message: The metadata, from FetchedMetadata.to_bytes.
            on_wait: Called after each pause. The caller restarts the time limit of the job, which does not include the
                time spent waiting.

        Returns:
            False if Redis does not accept the message, for example because it is too large. The caller must then decode
            and store the image itself.

        Raises:
            Interrupted: The worker is stopping.
            DeliveryLost: The image no longer belongs to this delivery.
            QueueUnavailable: Redis is unavailable.
        """
        attempt = 0
        self.fetched_bytes += len(message)
        try:
            while (result := self._pushes.submit((delivery, message))) == NO_ROOM:
                attempt += 1
                self.wait_for_room(attempt, on_wait)
        finally:
            self.fetched_bytes -= len(message)
        if result == UNWANTED:
            raise DeliveryLost(f"{ref.id} was delivered again, or its batch was cancelled")
        if result == REFUSED:
            log.warning(
                "wait: Redis does not accept %d bytes of metadata of %s, so this worker writes the image itself",
                len(message),
                ref.id,
                extra={"action": "wait"},
            )
        return result == PUSHED

    def wait_for_room(self, attempt: int, on_wait: Callable[[], None]) -> None:
        """Pause before the next attempt of a download that waits for other jobs.

        Raises:
            Interrupted: The worker is stopping.
        """
        if self.is_stopping:
            raise Interrupted("the worker is stopping while the write queue is full")
        if self.read_limit:
            self.read_limit.note_trouble()
        self.waiting_for_room += 1
        try:
            gevent.sleep(backoff_seconds(attempt, first_seconds=0.05, max_seconds=2.0, jitter=(0.5, 1.5)))
        finally:
            self.waiting_for_room -= 1
        on_wait()

    def store_record(self, record: ExifRecord, outcome: Outcome) -> None:
        """Store a record, then acknowledge its image. Return when both are done.

        Raises:
            DeliveryLost: The image no longer belongs to this delivery.
            StoreUnavailable: MongoDB is unavailable.
            RecordRefused: MongoDB rejected the record.
            QueueUnavailable: Redis is unavailable.
        """
        self._records.submit((record, outcome))

    def _store_batch(self, batch: list[tuple[ExifRecord, Outcome]]) -> list[Exception | None]:
        """Store the records of images that still belong to their deliveries, then acknowledge these images.

        This process may be stopped between the check and the write, and continue after others have stored newer
        records. MongoDB then keeps the newer records; see RecordStore.upsert.
        """
        errors: list[Exception | None] = [None] * len(batch)
        for i, is_held in enumerate(self.queue.find_held([outcome.as_delivery() for _, outcome in batch])):
            if not is_held:
                errors[i] = DeliveryLost(f"{batch[i][1].image_id} was delivered again, or its batch was cancelled")
        held = [i for i, error in enumerate(errors) if error is None]
        results = self.store.records.upsert([batch[i][0] for i in held], clock=self._read_clock)
        for i, error in zip(held, results, strict=True):
            errors[i] = error
        # If a newer record exists, the image is done too.
        done = [batch[i][1] for i in held if errors[i] is None or isinstance(errors[i], DeliveryLost)]
        # Leases may have expired during the write, or the images were withdrawn because their objects are gone. Newer
        # records were not replaced, but an image that is no longer indexed would have a record again.
        for outcome, is_held in zip(done, self.queue.acknowledge(done), strict=True):
            if not is_held:
                self.store.records.remove_delivered(outcome.image_id, outcome.as_delivery().delivered_at)
        return errors

    def _read_clock(self) -> datetime:
        return read_clock(self.queue.client)


class _PatientReader:
    """Reads ranges of images. After each read, waits until the jobs of the process hold little metadata.

    From a read until the next one, or until the metadata is pushed, no other greenlet runs. So only one image at a time
    can exceed the limit.
    """

    def __init__(self, context: WorkerContext, on_wait: Callable[[], None]) -> None:
        self._context = context
        self._on_wait = on_wait

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        read = self._context.reader.read_range(ref, start, length, if_match=if_match)
        attempt = 0
        while self._context.fetched_bytes > HELD_BYTES_LIMIT:
            attempt += 1
            self._context.wait_for_room(attempt, self._on_wait)
        return read


@functools.cache
def current_context() -> WorkerContext:
    """Return the context of this process.

    The context is global, because MRQ constructs the worker without arguments.
    """
    return WorkerContext(load_config())
