"""Administration of the queues: statistics, pausing, emptying, and the metrics that all processes add to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exifinator.config import Config
from exifinator.queue.image_queue import PARKED_SECONDS, ImageQueue
from exifinator.queue.redis_client import connect_redis, redis_errors
from exifinator.queue.scripts import RedisScripts

# Redis remembers the number of a sender's last addition for this long: the answer to an addition may be lost, and the
# addition is sent again.
SENDER_KEPT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class QueueStats:
    """State of the two queues.

    images: all in the download queue; to_read: those of them that are due; in_write_queue: those that wait for a write
    worker. The ages, in seconds, are those of the image that is due longest and of the oldest in the write queue.
    """

    images: int
    to_read: int
    in_write_queue: int
    write_bytes: int
    to_read_seconds: float
    write_seconds: float

    @property
    def in_progress(self) -> int:
        """Number of images that are delivered; their worker may be dead."""
        return max(0, self.images - self.to_read - self.in_write_queue)


class QueueAdmin:
    """Administration of the queues. Every method raises QueueUnavailable."""

    def __init__(self, queue: ImageQueue, config: Config) -> None:
        self.queue = queue
        self.client = queue.client
        self._keys = queue.keys
        self._scripts = RedisScripts(self.client)
        # For each queue of the settings, MRQ's raw queue and the regular one that retries and requeues come through.
        self._names = {
            config.download_queue: (config.download_queue, config.download_set),
            config.write_queue: (config.write_queue, config.write_list),
        }

    @classmethod
    def connect(cls, config: Config) -> QueueAdmin:
        """Connect with a new Redis client."""
        return cls(ImageQueue(connect_redis(config), config), config)

    def stats(self) -> QueueStats:
        """Return the state of the queues, read in one step."""
        keys = [self._keys.downloads, self._keys.writes, self._keys.write_bytes]
        with redis_errors("read the state of the queues"):
            values = self._scripts.run("stats", keys, [PARKED_SECONDS])
        images, to_read, in_write_queue, write_bytes, read_ms, write_ms = map(int, values)
        return QueueStats(images, to_read, in_write_queue, max(0, write_bytes), read_ms / 1000, write_ms / 1000)

    def add_counts(self, sender: str, number: int, counts: Mapping[str, int]) -> None:
        """Add the counts of a process to the metrics. The same number of the same sender is added once."""
        args: list[Any] = [number, SENDER_KEPT_SECONDS]
        for name, count in counts.items():
            args += (name, count)
        with redis_errors("add up the metrics"):
            self._scripts.run("add_counts", [self._keys.metrics, self._keys.metrics_senders_prefix + sender], args)

    def counts(self) -> dict[str, int]:
        """Return what all processes have counted since Redis was last empty, by the names of metrics.py."""
        with redis_errors("read the metrics"):
            counts: Any = self.client.hgetall(self._keys.metrics)
        return {name.decode(): int(count) for name, count in counts.items()}

    def pause(self, name: str) -> None:
        """Stop deliveries of a queue of the settings. The workers see it within seconds."""
        with redis_errors("pause a queue"):
            self.client.sadd(self._keys.paused_queues, *self._names[name])

    def resume(self, name: str) -> None:
        """Restart deliveries of a paused queue."""
        with redis_errors("resume a queue"):
            self.client.srem(self._keys.paused_queues, *self._names[name])

    def paused_ids(self) -> set[str]:
        """Return MRQ's names of the paused queues."""
        with redis_errors("list the paused queues"):
            names: Any = self.client.smembers(self._keys.paused_queues)
        return {name.decode() for name in names}

    def paused(self) -> list[str]:
        """Return the queues of the settings that are paused."""
        ids = self.paused_ids()
        return [name for name, both in self._names.items() if ids.intersection(both)]

    def empty(self) -> int:
        """Remove all images from both queues. Workers finish what is delivered to them, but it is not counted.

        Returns: how many images were in the download queue.
        """
        keys = self._keys
        with redis_errors("empty the queues"):
            pipe = self.client.pipeline()
            pipe.zcard(keys.downloads)
            pipe.delete(keys.downloads, keys.deliveries, keys.writes, keys.write_bytes)
            return int(pipe.execute()[0])
