"""The download queue and the write queue in Redis. This module does not use any of MRQ's classes.

The download queue is a sorted set. Each member stands for an image, and ImageRef.to_member defines the format of
members. The score of a member is the time from which the image may be delivered. A delivery sets this time to one lease
from now. While the worker is alive, it extends the lease. An acknowledgement removes the member. If a worker dies, its
leases expire, and its images are delivered again.

A worker that was stopped for longer than its lease and then continues has lost its images to other deliveries. Every
delivery has a number, and each method that takes deliveries ignores those that have lost their image.

The write queue is a list of limited size. Its elements hold the fetched metadata bytes of images. Until a write worker
takes an element, its image is parked in the download queue.

The names of the set and the list tell MRQ that they are a raw timed set and a raw list.

Changes that need several steps are Redis scripts, which are atomic. All times come from the clock of the Redis server,
so the clocks of the workers do not matter.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import redis

from exifinator.config import Config
from exifinator.errors import MetadataNotQueued, QueueUnavailable
from exifinator.metrics import observe_queue
from exifinator.models import FetchedMetadata, ImageRef
from exifinator.queue.batch_counters import BatchCounters
from exifinator.queue.batch_limits import BatchLimits
from exifinator.queue.keys import QueueKeys
from exifinator.queue.redis_client import redis_errors
from exifinator.queue.refused_buckets import RefusedBuckets
from exifinator.queue.scripts import RedisScripts
from exifinator.queue.withdrawals import Withdrawals

# An image is parked for at most this many seconds, and then delivered again. This recovers images whose metadata bytes
# are missing from the write queue. Bytes go missing only if a user empties the write queue by hand: both queues are in
# the same Redis, which loses either all of its data or none.
PARKED_SECONDS = 3600
MEMBERS_PER_CALL = 1000
# When an image of a refused bucket is due, it is postponed by this many seconds instead of being delivered.
REFUSED_BUCKET_DELAY_SECONDS = 5
# When an image of a batch that has reached its limit is due, it is postponed by this many seconds.
LIMIT_DELAY_SECONDS = 60

# Redis keeps the response to an acknowledgement for this long, so that a repeated request gets the same response. The
# client sends a request up to four times, and waits up to 30 seconds for each response.
RESPONSE_SECONDS = 300

# Up to this many bytes are sent to Redis in one push, unless a single message is larger. Besides the write queue, Redis
# keeps each request in memory until the whole request has arrived.
BYTES_PER_PUSH = 4 * 1024**2
# Stop taking elements from the write queue in one call after this many bytes, because Redis holds two more copies of
# them until it has sent them.
BYTES_PER_TAKE = 4 * 1024**2
# Results of push_metadata. NO_ROOM means that the write queue has no room for the message. UNWANTED means that the
# delivery has lost the image. REFUSED means that Redis responds, but does not accept this message: it is larger than
# `proto-max-bulk-len`, for example.
NO_ROOM, PUSHED, UNWANTED, REFUSED = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Delivery:
    """The delivery of an image to a worker.

    Attributes:
        member: The member of the download queue that stands for the image.
        number: The time of the delivery, in microseconds of the Redis server's clock.
        count: How often the image has been delivered, including this delivery. 0 if it came from the write queue.
    """

    member: bytes
    number: int
    count: int = 0

    @property
    def delivered_at(self) -> datetime:
        """The time of the delivery, cut to milliseconds like all times in MongoDB."""
        return datetime.fromtimestamp(self.number // 1000 / 1000, UTC)


class ReadCost(NamedTuple):
    """What it cost to read an image.

    Attributes:
        bytes_read: The number of bytes read from S3.
        requests: The number of ranged GETs.
        storage_class: The image's storage class, on which the prices depend. Empty for STANDARD, or if it is unknown.
    """

    bytes_read: int = 0
    requests: int = 0
    storage_class: str = ""

    @classmethod
    def of(cls, fetched: FetchedMetadata) -> ReadCost:
        """Return what it cost to fetch the metadata of an image."""
        return cls(fetched.bytes_read, fetched.requests, fetched.storage_class)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker did with an image, as it is reported to the queue.

    Attributes:
        member: The member of the download queue that stands for the image.
        result: The status of the image's record, `failed`, or `deleted` if its object is gone and an event has reported
            this. Empty if a regular job will retry the image, which is therefore not counted yet.
        delivery: The number of the delivery. 0 for a regular job, which is not delivered by the download queue.
        storage_class: See ReadCost.
    """

    member: bytes
    image_id: str
    result: str = ""
    bytes_read: int = 0
    requests: int = 0
    delivery: int = 0
    storage_class: str = ""

    def as_delivery(self) -> Delivery:
        """Return the delivery of the image."""
        return Delivery(self.member, self.delivery)


def _split_element(element: bytes) -> tuple[bytes, bytes]:
    """Split an element of the write queue, as scripts/_element.lua describes it, into the member and the message."""
    start = element.index(b":") + 1
    end = start + int(element[: start - 1].partition(b",")[0])
    return element[start:end], element[end:]


def _flatten(deliveries: Sequence[Delivery]) -> list[Any]:
    """Return the members and numbers of deliveries as arguments for a script."""
    return [part for delivery in deliveries for part in (delivery.member, delivery.number)]


class ImageQueue:
    """The download queue and the write queue.

    Every method may raise QueueUnavailable, for example if Redis is down, loading, read-only or full.

    Attributes:
        batches: The counters of the open batches.
        refused_buckets: The state of the circuit breaker, which all workers share.
        withdrawals: The images whose objects are gone.
        max_queued: The length of the download queue from which no more images should be queued.
    """

    def __init__(self, client: redis.Redis, config: Config) -> None:
        self.client = client
        self.keys = QueueKeys.from_config(config)
        self.lease_seconds = config.lease_seconds
        self.batches = BatchCounters(client, self.keys)
        self.batch_limits = BatchLimits(client, self.keys, self.batches)
        self.refused_buckets = RefusedBuckets(client, self.keys)
        self.withdrawals = Withdrawals(client, self.keys, config.lease_seconds)
        self.max_queued = config.max_queued
        self._write_limit_bytes = config.write_queue_mb * 1024 * 1024
        self._scripts = RedisScripts(client)

    def enqueue(self, refs: Sequence[ImageRef]) -> int:
        """Queue images. An image that is already queued keeps its place.

        Returns:
            How many images were added.
        """
        added = 0
        with redis_errors("queue images"):
            pipe = self.client.pipeline(transaction=False)
            pipe.time()
            pipe.exists(self.keys.withdrawn)
            clock, has_withdrawals = pipe.execute()
            # Formatted once: redis-py would format it for each image.
            score = b"%d.%06d" % clock
            for start in range(0, len(refs), MEMBERS_PER_CALL):
                chunk = refs[start : start + MEMBERS_PER_CALL]
                if has_withdrawals:
                    self.withdrawals.restore(chunk)
                pairs = [part for ref in chunk for part in (score, ref.to_member())]
                command = ("ZADD", self.keys.downloads, "NX", *pairs)
                added += int(self.client.execute_command(*command))  # type: ignore[no-untyped-call]
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
        queues = [keys.downloads, keys.deliveries, keys.write_bytes, keys.open_circuits, keys.in_progress]
        delays = (REFUSED_BUCKET_DELAY_SECONDS, LIMIT_DELAY_SECONDS)
        with redis_errors("deliver images"):
            flat = self._scripts.run(
                "take_downloads",
                [*queues, keys.batches, keys.batch_counts_prefix, keys.batch_limits],
                [limit, self.lease_seconds, self._write_limit_bytes, *delays],
            )
        return [Delivery(flat[i], int(flat[i + 2]), int(flat[i + 1])) for i in range(0, len(flat), 3)]

    def push_metadata(self, pairs: Sequence[tuple[Delivery, bytes]]) -> list[int]:
        """Add images with their fetched metadata bytes to the write queue.

        Args:
            pairs: The delivery and the message (FetchedMetadata.to_bytes) of each image.

        Returns:
            PUSHED, NO_ROOM, UNWANTED or REFUSED for each image.

        Raises:
            MetadataNotQueued: Redis is unavailable, perhaps because of one of the messages.
        """
        results: list[int] = []
        start, size_bytes = 0, 0
        for i, (_, message) in enumerate(pairs):
            if i > start and size_bytes + len(message) > BYTES_PER_PUSH:
                results += self._push(pairs[start:i])
                start, size_bytes = i, 0
            size_bytes += len(message)
        return results + self._push(pairs[start:])

    def _push(self, pairs: Sequence[tuple[Delivery, bytes]]) -> list[int]:
        """Push some images in one request. If Redis refuses the request, find the messages that it refuses."""
        keys = self.keys
        args: list[Any] = [self._write_limit_bytes, self.lease_seconds, PARKED_SECONDS]
        for delivery, message in pairs:
            member = delivery.member
            args += (member, delivery.number, b"%d,%d:%b%b" % (len(member), delivery.number, member, message))
        try:
            with redis_errors("queue metadata"):
                results = self._scripts.run(
                    "push_metadata", [keys.writes, keys.write_bytes, keys.downloads, keys.in_progress], args
                )
            return [int(result) for result in results]
        except QueueUnavailable as exc:
            # Redis closes the connection if a request is too large, and also when it exits. It rejects a request if its
            # memory is full, and also if only this request does not fit into the memory that is left.
            if exc.code == "redis_unauthorized" or not self._accepts_small_writes(pairs[0][0]):
                raise MetadataNotQueued(exc.message, code=exc.code, hint=exc.hint) from exc
            if len(pairs) == 1:
                return [REFUSED]
        return [result for pair in pairs for result in self._push([pair])]

    def _accepts_small_writes(self, delivery: Delivery) -> bool:
        try:
            self.extend_leases([delivery])
        except QueueUnavailable:
            return False
        return True

    def take_writes(self, limit: int, *, reserve: int = 0) -> list[tuple[Delivery, bytes]]:
        """Deliver up to `limit` elements of the write queue, oldest first, and no more after BYTES_PER_TAKE bytes.

        Args:
            reserve: How many elements to leave in the queue for other workers.

        Returns:
            The delivery and the message (FetchedMetadata.to_bytes) of each image.
        """
        keys = self.keys
        with redis_errors("deliver metadata"):
            flat = self._scripts.run(
                "take_writes",
                [keys.writes, keys.write_bytes, keys.downloads, keys.in_progress],
                [limit, self.lease_seconds, reserve, PARKED_SECONDS, BYTES_PER_TAKE],
            )
        for waited_microseconds in flat[1::3]:
            observe_queue(waited_microseconds / 1_000_000)
        writes = []
        for element, number in zip(flat[0::3], flat[2::3], strict=True):
            member, message = _split_element(element)
            writes.append((Delivery(member, int(number)), message))
        return writes

    def find_held(self, deliveries: Sequence[Delivery]) -> list[bool]:
        """Return for each delivery whether it still has its image.

        A delivery loses its image if its lease expires and the image is delivered again, if the batch is cancelled, or
        if Redis loses its data.
        """
        if not deliveries:
            return []
        keys = [self.keys.downloads, self.keys.in_progress]
        with redis_errors("read the deliveries"):
            return [bool(held) for held in self._scripts.run("find_held", keys, _flatten(deliveries))]

    def acknowledge(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """Acknowledge images: remove them from the download queue, and count them for the open batches that cover them.

        However often an image was delivered, it is counted only once: outcomes of deliveries that have lost their image
        are ignored. The image of a regular job has already left the download queue. It is counted, and if it was queued
        again in the meantime, it is removed, because it is done.

        Returns:
            For each outcome whether the delivery still had its image. See find_held.
        """
        if not outcomes:
            return []
        args: list[Any] = [RESPONSE_SECONDS]
        for outcome in outcomes:
            args += (outcome.member, outcome.image_id, outcome.result, outcome.bytes_read, outcome.requests)
            args += (outcome.delivery, outcome.storage_class)
        keys = self.keys
        counters = (keys.batches, keys.batch_counts_prefix, keys.metrics)
        response = keys.responses_prefix + secrets.token_hex(8)
        with redis_errors("acknowledge images"):
            lost = set(
                self._scripts.run(
                    "acknowledge",
                    [keys.downloads, keys.deliveries, *counters, keys.in_progress, response, keys.batch_prices],
                    args,
                )
            )
        return [i not in lost for i in range(len(outcomes))]

    def extend_leases(self, deliveries: Sequence[Delivery]) -> None:
        """Extend leases to one full lease from now."""
        keys = [self.keys.downloads, self.keys.in_progress]
        with redis_errors("extend leases"):
            for start in range(0, len(deliveries), MEMBERS_PER_CALL):
                chunk = deliveries[start : start + MEMBERS_PER_CALL]
                self._scripts.run("extend_leases", keys, [self.lease_seconds, *_flatten(chunk)])

    def release(self, deliveries: Sequence[Delivery], *, counted: bool = False) -> None:
        """Return images to the queue, so that they are due immediately.

        Args:
            deliveries: The deliveries of the images.
            counted: Whether these deliveries count nevertheless, because the images may be why they ended.
        """
        if deliveries:
            keys = [self.keys.downloads, self.keys.deliveries, self.keys.in_progress]
            with redis_errors("release images"):
                self._scripts.run("release", keys, [int(counted), *_flatten(deliveries)])

    def count_delivery(self, ref: ImageRef) -> int:
        """Count the attempt of a regular job as another delivery of its image.

        Returns:
            How often the image has been delivered.
        """
        with redis_errors("count deliveries"):
            return int(self.client.hincrby(self.keys.deliveries, ref.to_member(), 1))

    def sizes(self) -> tuple[int, int]:
        """Return the lengths of the download queue, which includes delivered images, and of the write queue."""
        with redis_errors("read the sizes of the queues"):
            pipe = self.client.pipeline(transaction=False)
            pipe.zcard(self.keys.downloads)
            pipe.llen(self.keys.writes)
            downloads, writes = pipe.execute()
        return int(downloads), int(writes)
