"""State of the circuit breaker, which all workers share through Redis.

A refused bucket is a bucket to which S3 denies access. While the circuit of a bucket is open, none of its images are
delivered. worker/circuit_breaker.py decides when to open a circuit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import Any

import redis

from exifinator.models import ImageRef
from exifinator.queue.keys import QueueKeys
from exifinator.queue.redis_client import redis_errors

# A circuit closes by itself after this many seconds. Then images of the bucket are delivered again, which probes the
# bucket.
CIRCUIT_OPEN_SECONDS = 60
# How many random images of any bucket `sample` picks.
_PICKED_IMAGES = 50
# The maximum number of images of the requested bucket that `sample` returns.
_MAX_SAMPLE_IMAGES = 3


class RefusedBuckets:
    """Refused buckets, and an object for probing each bucket. Every method may raise QueueUnavailable."""

    def __init__(self, client: redis.Redis, keys: QueueKeys) -> None:
        self._client = client
        self._keys = keys

    def open_circuit(self, bucket: str, message: str) -> None:
        """Stop delivering images of a bucket for CIRCUIT_OPEN_SECONDS.

        If other circuits are open, this extends their time too.

        Args:
            message: Why S3 denies access. Shown to users whose batches cover the bucket.
        """
        with redis_errors("store a refused bucket"):
            pipe = self._client.pipeline()
            pipe.hset(self._keys.open_circuits, bucket, message)
            pipe.expire(self._keys.open_circuits, CIRCUIT_OPEN_SECONDS)
            pipe.execute()

    def close_circuits(self, buckets: Collection[str]) -> None:
        """Resume the deliveries of these buckets."""
        with redis_errors("remove refused buckets"):
            self._client.hdel(self._keys.open_circuits, *buckets)

    def refusals(self, buckets: Collection[str] | None = None) -> dict[str, str]:
        """Return why S3 denies access to each refused bucket: a message for users, by bucket.

        Args:
            buckets: Leave out all other buckets. If None, return all refused buckets.
        """
        with redis_errors("list the refused buckets"):
            circuits: Any = self._client.hgetall(self._keys.open_circuits)
        messages = {name.decode(): message.decode() for name, message in circuits.items()}
        return {name: message for name, message in messages.items() if buckets is None or name in buckets}

    def set_probe_object(self, ref: ImageRef) -> None:
        """Store an object that S3 has returned, so that its bucket can be probed by reading the object again.

        Only the last such object of each bucket is kept.
        """
        with redis_errors("store a probe object"):
            self._client.hset(self._keys.probe_objects, ref.bucket, ref.to_member())

    def probe_object(self, bucket: str) -> ImageRef | None:
        """Return the object that was last stored for probing a bucket, or None."""
        with redis_errors("read a probe object"):
            member: Any = self._client.hget(self._keys.probe_objects, bucket)
        return ImageRef.from_member(member) if member else None

    def sample(self, bucket: str) -> list[ImageRef]:
        """Return up to three random images of a bucket from the download queue.

        Images of other buckets are picked too and left out, so the result may be empty although images of the bucket
        are queued.
        """
        with redis_errors("read the download queue"):
            members: Any = self._client.zrandmember(self._keys.downloads, _PICKED_IMAGES) or []
        refs = []
        for member in members:
            # Skip a member that cannot be parsed. Its delivery will result in a failed job.
            with contextlib.suppress(ValueError):
                refs.append(ImageRef.from_member(member))
        return [ref for ref in refs if ref.bucket == bucket][:_MAX_SAMPLE_IMAGES]
