"""The download queue and the write queue in Redis. This module does not use any of MRQ's classes.

The download queue is a sorted set. Each member stands for an image, and ImageRef.to_member defines the format of
members. The score of a member is the time from which the image may be delivered. A delivery sets this time to one lease
from now. While the worker is alive, it extends the lease. An acknowledgement removes the member. If a worker dies, its
leases expire, and its images are delivered again.

The write queue is a list of limited size. Its elements hold the fetched metadata bytes of images. Until a write worker
takes an element, its image is parked in the download queue.

The names of the set and the list tell MRQ that they are a raw timed set and a raw list.

Changes that need several steps are Redis scripts, which are atomic. All times come from the clock of the Redis server,
so the clocks of the workers do not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from exifinator.config import Config
from exifinator.metrics import observe_queue
from exifinator.models import ImageRef
from exifinator.queue.batch_counters import BatchCounters
from exifinator.queue.keys import QueueKeys
from exifinator.queue.redis_client import redis_errors
from exifinator.queue.refused_buckets import RefusedBuckets
from exifinator.queue.scripts import RedisScripts

# An image is parked for at most this many seconds, and then delivered again. This recovers images whose metadata bytes
# are missing from the write queue. Bytes go missing only if a user empties the write queue by hand: both queues are in
# the same Redis, which loses either all of its data or none.
PARKED_SECONDS = 3600
MEMBERS_PER_CALL = 1000
# When an image of a refused bucket is due, it is postponed by this many seconds instead of being delivered.
REFUSED_BUCKET_DELAY_SECONDS = 5

# Results of push_metadata. NO_ROOM means that the write queue is full. UNWANTED means that the image is no longer in
# the download queue, because another delivery has acknowledged it or its batch was cancelled.
NO_ROOM, PUSHED, UNWANTED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Delivery:
    """The delivery of an image to a worker.

    Attributes:
        member: The member of the download queue that stands for the image.
        count: How often the image has been delivered, including this delivery.
    """

    member: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker did with an image, as it is reported to the queue.

    Attributes:
        member: The member of the download queue that stands for the image.
        result: The status of the image's record, or `failed`. Empty if a regular job will retry the image, which is
            therefore not counted yet.
    """

    member: bytes
    image_id: str
    result: str = ""
    bytes_read: int = 0
    requests: int = 0


def _split_element(element: bytes) -> tuple[bytes, bytes]:
    """Split an element of the write queue, "<length of member>:<member><message>", into the member and the message."""
    start = element.index(b":") + 1
    end = start + int(element[: start - 1])
    return element[start:end], element[end:]


class ImageQueue:
    """The download queue and the write queue.

    Every method may raise QueueUnavailable, for example if Redis is down, loading, read-only or full.

    Attributes:
        batches: The counters of the open batches.
        refused_buckets: The state of the circuit breaker, which all workers share.
    """

    def __init__(self, client: redis.Redis, config: Config) -> None:
        self.client = client
        self.keys = QueueKeys.from_config(config)
        self.lease_seconds = config.lease_seconds
        self.batches = BatchCounters(client, self.keys)
        self.refused_buckets = RefusedBuckets(client, self.keys)
        self._max_queued = config.max_queued
        self._write_limit_bytes = config.write_queue_mb * 1024 * 1024
        self._scripts = RedisScripts(client)

    def enqueue(self, refs: Sequence[ImageRef]) -> int:
        """Queue images. An image that is already queued keeps its place.

        Returns:
            How many images were added.
        """
        added = 0
        with redis_errors("queue images"):
            clock: Any = self.client.time()
            now = clock[0] + clock[1] / 1_000_000
            for start in range(0, len(refs), MEMBERS_PER_CALL):
                members: dict[Any, Any] = {ref.to_member(): now for ref in refs[start : start + MEMBERS_PER_CALL]}
                added += int(self.client.zadd(self.keys.downloads, members, nx=True) or 0)
        return added

    def still_queued(self, refs: Sequence[ImageRef]) -> list[bool]:
        """Return for each image whether it is in the download queue, which includes delivered and parked images."""
        if not refs:
            return []
        with redis_errors("read the download queue"):
            members: list[Any] = [ref.to_member() for ref in refs]
            scores: Any = self.client.zmscore(self.keys.downloads, members)
        return [score is not None for score in scores]

    def take_downloads(self, limit: int) -> list[Delivery]:
        """Deliver up to `limit` due images. Deliver none while the write queue is full."""
        keys = self.keys
        with redis_errors("deliver images"):
            flat = self._scripts.run(
                "take_downloads",
                [keys.downloads, keys.deliveries, keys.write_bytes, keys.open_circuits],
                [limit, self.lease_seconds, self._write_limit_bytes, REFUSED_BUCKET_DELAY_SECONDS],
            )
        return [Delivery(flat[i], int(flat[i + 1])) for i in range(0, len(flat), 2)]

    def push_metadata(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[int]:
        """Add images with their fetched metadata bytes to the write queue.

        Args:
            pairs: The member and the message (FetchedMetadata.to_bytes) of each image.

        Returns:
            PUSHED, NO_ROOM or UNWANTED for each image.
        """
        keys = self.keys
        args: list[Any] = [self._write_limit_bytes, self.lease_seconds, PARKED_SECONDS]
        for member, message in pairs:
            args += (member, b"%d:%b%b" % (len(member), member, message))
        with redis_errors("queue metadata"):
            results = self._scripts.run("push_metadata", [keys.writes, keys.write_bytes, keys.downloads], args)
        return [int(result) for result in results]

    def take_writes(self, limit: int, *, reserve: int = 0) -> list[tuple[bytes, bytes]]:
        """Deliver up to `limit` elements of the write queue, oldest first.

        Args:
            reserve: How many elements to leave in the queue for other workers.

        Returns:
            The member and the message (FetchedMetadata.to_bytes) of each image.
        """
        keys = self.keys
        with redis_errors("deliver metadata"):
            flat = self._scripts.run(
                "take_writes",
                [keys.writes, keys.write_bytes, keys.downloads],
                [limit, self.lease_seconds, reserve, PARKED_SECONDS],
            )
        for waited_microseconds in flat[1::2]:
            observe_queue(waited_microseconds / 1_000_000)
        return [_split_element(element) for element in flat[0::2]]

    def acknowledge(self, outcomes: Iterable[Outcome]) -> None:
        """Acknowledge the images of raw jobs: remove them from the download queue, and count them.

        Each image is counted for the open batches that cover it. However often an image was delivered, it is counted
        only once, when it leaves the download queue.
        """
        self._acknowledge("acknowledge", outcomes)

    def acknowledge_regular(self, outcomes: Iterable[Outcome]) -> None:
        """Acknowledge the images of regular jobs, which are retries and requeues.

        Each image is counted for the open batches that cover it, although it has already left the download queue. If
        the image was queued again in the meantime, it is removed from the download queue, because it is done.
        """
        self._acknowledge("acknowledge_regular", outcomes)

    def _acknowledge(self, script: str, outcomes: Iterable[Outcome]) -> None:
        args: list[Any] = []
        for outcome in outcomes:
            args += (outcome.member, outcome.image_id, outcome.result, outcome.bytes_read, outcome.requests)
        if not args:
            return
        keys = self.keys
        with redis_errors("acknowledge images"):
            self._scripts.run(
                script,
                [keys.downloads, keys.deliveries, keys.batches, keys.batch_counts_prefix, keys.metrics],
                args,
            )

    def extend_leases(self, members: Sequence[bytes]) -> None:
        """Extend the leases of images to one full lease from now. Ignore images that have left the queue."""
        with redis_errors("extend leases"):
            for start in range(0, len(members), MEMBERS_PER_CALL):
                chunk = members[start : start + MEMBERS_PER_CALL]
                self._scripts.run("extend_leases", [self.keys.downloads], [self.lease_seconds, *chunk])

    def release(self, members: Sequence[bytes]) -> None:
        """Return images to the queue as if they had not been delivered, so that they are due immediately."""
        if members:
            with redis_errors("release images"):
                self._scripts.run("release", [self.keys.downloads, self.keys.deliveries], list(members))

    def count_delivery(self, ref: ImageRef) -> int:
        """Count the attempt of a regular job as another delivery of its image.

        Returns:
            How often the image has been delivered.
        """
        with redis_errors("count deliveries"):
            return int(self.client.hincrby(self.keys.deliveries, ref.to_member(), 1))

    def sizes(self) -> tuple[int, int]:
        """Return the length of the download queue, which includes delivered images, and that of the write queue."""
        with redis_errors("read the sizes of the queues"):
            pipe = self.client.pipeline(transaction=False)
            pipe.zcard(self.keys.downloads)
            pipe.llen(self.keys.writes)
            downloads, writes = pipe.execute()
        return int(downloads), int(writes)

    def is_full(self) -> bool:
        """Return whether the download queue holds MAX_QUEUED images or more."""
        with redis_errors("read the sizes of the queues"):
            size: Any = self.client.zcard(self.keys.downloads)
        return int(size) >= self._max_queued
