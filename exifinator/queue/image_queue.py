"""The download queue and the write queue in Redis. Nothing here depends on MRQ's classes.

Download queue: a sorted set under the name that MRQ gives a raw timed set. A member stands for an image; its score is
the time from which the image may be delivered. Delivering moves that time ahead by a lease, the worker extends the
lease while it lives, and acknowledging removes the member. So the images of a process that dies are delivered again.

Write queue: a list under the name that MRQ gives a raw list. It holds the metadata bytes of images on their way to a
write worker, and is bounded by the sum of their lengths. Its images are parked in the download queue meanwhile.

Every step is one script, so its changes happen all or none. All scripts use the clock of the Redis server: the clocks
of the workers do not matter.
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

# An image whose bytes wait in the write queue is not delivered again for this many seconds. Both are in the same Redis,
# so they are lost together or not at all; this limit is for a write queue that somebody empties by hand.
PARKED_SECONDS = 3600
MEMBERS_PER_CALL = 1000
# A due image of a refused bucket is due again after this many seconds.
REFUSED_POSTPONED_SECONDS = 5

# Results of push_headers: not pushed, because the write queue is full; pushed; not wanted any more, because another
# delivery acknowledged the image or its batch was cancelled.
NO_ROOM, PUSHED, UNWANTED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Delivery:
    """An image that was delivered to a worker.

    times: how often it has been delivered, this delivery included.
    """

    member: bytes
    times: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an image.

    result: the status of its record, or `failed`; empty where MRQ keeps a job that will try again.
    """

    member: bytes
    image_id: str
    result: str = ""
    bytes_read: int = 0
    requests: int = 0


def _split(element: bytes) -> tuple[bytes, bytes]:
    """Return the member and the message of an element of the write queue."""
    start = element.index(b":") + 1
    end = start + int(element[: start - 1])
    return element[start:end], element[end:]


class ImageQueue:
    """The two queues.

    batches: counters of the open batches; refused_buckets: shared state of the circuit breaker.
    Every method raises QueueUnavailable if Redis is down, loading, read-only or full.
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
        """Queue images. An image that is queued already keeps its place.

        Returns: how many images were not queued before.
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
        """Return for each image whether it is in the download queue, delivered or not."""
        if not refs:
            return []
        with redis_errors("read the download queue"):
            members: list[Any] = [ref.to_member() for ref in refs]
            scores: Any = self.client.zmscore(self.keys.downloads, members)
        return [score is not None for score in scores]

    def take_downloads(self, limit: int) -> list[Delivery]:
        """Deliver up to `limit` due images; none while the write queue is full."""
        keys = self.keys
        with redis_errors("deliver images"):
            flat = self._scripts.run(
                "take_downloads",
                [keys.downloads, keys.deliveries, keys.write_bytes, keys.open_circuits],
                [limit, self.lease_seconds, self._write_limit_bytes, REFUSED_POSTPONED_SECONDS],
            )
        return [Delivery(flat[i], int(flat[i + 1])) for i in range(0, len(flat), 2)]

    def push_headers(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[int]:
        """Queue (member, message) pairs for the write workers.

        Returns: for each pair PUSHED, NO_ROOM or UNWANTED.
        """
        keys = self.keys
        args: list[Any] = [self._write_limit_bytes, self.lease_seconds, PARKED_SECONDS]
        for member, message in pairs:
            args += (member, b"%d:%b%b" % (len(member), member, message))
        with redis_errors("queue metadata"):
            results = self._scripts.run("push_headers", [keys.writes, keys.write_bytes, keys.downloads], args)
        return [int(result) for result in results]

    def take_writes(self, limit: int, *, leave: int = 0) -> list[tuple[bytes, bytes]]:
        """Deliver up to `limit` (member, message) pairs, oldest first, but leave `leave` of them to other workers."""
        keys = self.keys
        with redis_errors("deliver metadata"):
            flat = self._scripts.run(
                "take_writes",
                [keys.writes, keys.write_bytes, keys.downloads],
                [limit, self.lease_seconds, leave, PARKED_SECONDS],
            )
        for waited_microseconds in flat[1::2]:
            observe_queue(waited_microseconds / 1_000_000)
        return [_split(element) for element in flat[0::2]]

    def acknowledge(self, outcomes: Iterable[Outcome]) -> None:
        """Remove images that are done from the download queue, and count them for the open batches that cover them.

        An image counts once, when it leaves the download queue, however often it was delivered.
        """
        self._acknowledge("acknowledge", outcomes)

    def acknowledge_kept(self, outcomes: Iterable[Outcome]) -> None:
        """Count images whose jobs MRQ keeps itself (a retry, a requeue) for the open batches that cover them.

        Such an image has left the download queue already, so it counts each time. If it was queued again meanwhile, it
        is removed from there: it is done.
        """
        self._acknowledge("acknowledge_kept", outcomes)

    def _acknowledge(self, script: str, outcomes: Iterable[Outcome]) -> None:
        args: list[Any] = []
        for o in outcomes:
            args += (o.member, o.image_id, o.result, o.bytes_read, o.requests)
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
        """Extend the leases of images by a whole lease from now. Images that left the queue stay out of it."""
        with redis_errors("extend leases"):
            for start in range(0, len(members), MEMBERS_PER_CALL):
                chunk = members[start : start + MEMBERS_PER_CALL]
                self._scripts.run("extend_leases", [self.keys.downloads], [self.lease_seconds, *chunk])

    def release(self, members: Sequence[bytes]) -> None:
        """Return images to the queue, due now, as if they had not been delivered."""
        if members:
            with redis_errors("release images"):
                self._scripts.run("release", [self.keys.downloads, self.keys.deliveries], list(members))

    def count_delivery(self, ref: ImageRef) -> int:
        """Count one more try of an image whose job MRQ keeps itself.

        Returns: how many deliveries and tries the image has had.
        """
        with redis_errors("count deliveries"):
            return int(self.client.hincrby(self.keys.deliveries, ref.to_member(), 1))

    def sizes(self) -> tuple[int, int]:
        """Return the lengths of the download queue, delivered images included, and of the write queue."""
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
