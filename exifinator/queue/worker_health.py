"""Which workers S3 serves and which it refuses, shared through Redis.

If S3 refuses one worker while it serves others, the fault is on the worker's machine: wrong credentials, a wrong clock,
an address that a policy denies. worker/circuit_breaker.py decides this.
"""

from __future__ import annotations

from typing import Any

import redis

from exifinator.queue.keys import QueueKeys
from exifinator.queue.redis_client import read_clock, redis_errors

# Redis forgets the workers of a bucket if S3 has not served any of them for this many seconds.
SERVED_TTL_SECONDS = 3600
# A worker that has not reported for this many seconds does not count as alive.
SILENT_SECONDS = 30
# Redis forgets a refused worker that has not reported again for this many seconds.
REFUSED_TTL_SECONDS = 180


class WorkerHealth:
    """Reports of the workers about S3. Every method may raise QueueUnavailable.

    Args:
        worker: The name of this process.
    """

    def __init__(self, client: redis.Redis, keys: QueueKeys, worker: str = "") -> None:
        self._client = client
        self._keys = keys
        self.worker = worker

    def now(self) -> float:
        """Return the Unix time of the Redis server."""
        return read_clock(self._client).timestamp()

    def note_alive(self) -> None:
        """Store that this worker takes images.

        Call this method at intervals shorter than SILENT_SECONDS.
        """
        now = self.now()
        with redis_errors("store a worker's report"):
            pipe = self._client.pipeline()
            pipe.zadd(self._keys.alive_workers, {self.worker: now})
            pipe.zremrangebyscore(self._keys.alive_workers, "-inf", now - SILENT_SECONDS)
            pipe.execute()

    def note_stopped(self) -> None:
        """Store that this worker takes no more images."""
        with redis_errors("remove a worker's report"):
            self._client.zrem(self._keys.alive_workers, self.worker)

    def has_others(self) -> bool:
        """Return whether other workers take images."""
        since = self.now() - SILENT_SECONDS
        with redis_errors("read the workers' reports"):
            alive: Any = self._client.zrangebyscore(self._keys.alive_workers, since, "+inf")
        return any(name.decode() != self.worker for name in alive)

    def note_served(self, bucket: str) -> None:
        """Store that S3 has just returned an object of a bucket to this worker."""
        key, now = self._keys.served_prefix + bucket, self.now()
        with redis_errors("store a worker's report"):
            pipe = self._client.pipeline()
            pipe.zadd(key, {self.worker: now})
            pipe.expire(key, SERVED_TTL_SECONDS)
            pipe.execute()

    def has_served_others(self, bucket: str, since: float) -> bool:
        """Return whether S3 has returned an object of a bucket to another worker.

        Args:
            since: Ignore objects returned up to this Unix time of the Redis server.
        """
        with redis_errors("read the workers' reports"):
            served: Any = self._client.zrangebyscore(self._keys.served_prefix + bucket, f"({since}", "+inf")
        return any(name.decode() != self.worker for name in served)

    def note_refused(self, message: str) -> None:
        """Store that S3 refuses this worker only, and why."""
        with redis_errors("store a worker's report"):
            self._client.set(self._keys.refused_workers_prefix + self.worker, message, ex=REFUSED_TTL_SECONDS)

    def clear_refused(self) -> None:
        """Store that S3 serves this worker again."""
        with redis_errors("remove a worker's report"):
            self._client.delete(self._keys.refused_workers_prefix + self.worker)

    def refused_workers(self) -> list[str]:
        """Return a message for users for each worker that S3 refuses while it serves others."""
        with redis_errors("read the workers' reports"):
            names = sorted(self._client.scan_iter(f"{self._keys.refused_workers_prefix}*", count=1000))
            messages: Any = self._client.mget(names) if names else []
        return [message.decode() for message in messages if message]
