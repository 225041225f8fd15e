"""Fetch the metadata of images and add it to the write queue, in bounded memory."""

from __future__ import annotations

import logging
from collections.abc import Callable

import gevent

from exifinator.errors import DeliveryLost
from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.first_read import FirstReads
from exifinator.models import FetchedMetadata, ImageRef, RangeRead, RangeReader
from exifinator.queue.image_queue import NO_ROOM, PUSHED, REFUSED, UNWANTED, Delivery, ImageQueue
from exifinator.retry import backoff_seconds
from exifinator.worker.batcher import Batcher
from exifinator.worker.failure_policy import Interrupted

log = logging.getLogger(__name__)

IMAGES_PER_PUSH = 50
PUSH_WAIT_SECONDS = 0.005
# While the jobs of a worker process hold more metadata than this, no more is unpacked or taken from the write queue. A
# small file may unpack to MAX_FILE_BYTES, and each job keeps several copies, so the number of greenlets is no limit.
HELD_BYTES_LIMIT = 16 * 1024**2


class Downloader:
    """Downloads of one worker process. They wait while the write queue is full.

    Args:
        reader: Reads ranges of images.
        queue: The queues.
        first_read_bytes: The size of the first ranged read.
        first_reads: If given, chooses the size instead.
        on_wait_for_room: Called whenever a download has to wait.

    Attributes:
        reader: Reads ranges of images.
        fetched_bytes: The length of the metadata that downloads hold until the write queue has taken it.
        is_stopping: Whether the worker has begun to stop.
        waiting_for_room: The number of jobs that wait because the write queue is full, or because the jobs of this
            process hold too much metadata.
    """

    def __init__(
        self,
        reader: RangeReader,
        queue: ImageQueue,
        *,
        first_read_bytes: int,
        first_reads: FirstReads | None = None,
        on_wait_for_room: Callable[[], None] | None = None,
    ) -> None:
        self.reader = reader
        self.fetched_bytes = 0
        self.is_stopping = False
        self.waiting_for_room = 0
        self._on_wait_for_room = on_wait_for_room
        self._first_read_bytes = first_read_bytes
        self._first_reads = first_reads
        self._pushes = Batcher(queue.push_metadata, limit=IMAGES_PER_PUSH, wait_seconds=PUSH_WAIT_SECONDS)

    def fetch(self, ref: ImageRef, on_wait: Callable[[], None]) -> FetchedMetadata:
        """Fetch the metadata of an image. If the jobs of this process hold too much metadata, wait.

        Args:
            ref: The image.
            on_wait: See push_metadata.

        Raises:
            Interrupted: The worker is stopping.
            EXIFinatorError: See fetch_metadata.
        """
        size = self._first_read_bytes if self._first_reads is None else self._first_reads.choose(ref)
        reader = _PatientReader(self, on_wait)
        return fetch_metadata(reader, ref, first_read_bytes=size, first_reads=self._first_reads)

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
        if self._on_wait_for_room:
            self._on_wait_for_room()
        self.waiting_for_room += 1
        try:
            gevent.sleep(backoff_seconds(attempt, first_seconds=0.05, max_seconds=2.0, jitter=(0.5, 1.5)))
        finally:
            self.waiting_for_room -= 1
        on_wait()


class _PatientReader:
    """Reads ranges of images. After each read, waits until the jobs of the process hold little metadata.

    From a read until the next one, or until the metadata is pushed, no other greenlet runs. So only one image at a time
    can exceed the limit.
    """

    def __init__(self, downloader: Downloader, on_wait: Callable[[], None]) -> None:
        self._downloader = downloader
        self._on_wait = on_wait

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        read = self._downloader.reader.read_range(ref, start, length, if_match=if_match)
        attempt = 0
        while self._downloader.fetched_bytes > HELD_BYTES_LIMIT:
            attempt += 1
            self._downloader.wait_for_room(attempt, self._on_wait)
        return read
