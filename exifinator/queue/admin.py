"""Administer the queues: statistics, pausing and emptying. Add up the metrics of all processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exifinator.config import Config
from exifinator.queue.image_queue import PARKED_SECONDS, ImageQueue
from exifinator.queue.redis_client import connect_redis, redis_errors
from exifinator.queue.scripts import RedisScripts

# Redis remembers the sequence number of a sender's last addition for this long. A sender that gets no response repeats
# the addition, which must not be added twice.
SENDER_TTL_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class QueueStats:
    """State of the two queues.

    images: all images in the download queue. to_read: those that are due. in_write_queue: elements of the write queue.
    write_bytes: their total size. to_read_seconds: age of the image that has been due the longest. write_seconds: age
    of the oldest element of the write queue.
    """

    images: int
    to_read: int
    in_write_queue: int
    write_bytes: int
    to_read_seconds: float
    write_seconds: float

    @property
    def in_progress(self) -> int:
        """Number of images that are delivered, including those whose worker has died."""
        return max(0, self.images - self.to_read - self.in_write_queue)


class QueueAdmin:
    """Administration of the queues. Every method raises QueueUnavailable."""

    def __init__(self, queue: ImageQueue, config: Config) -> None:
        self.queue = queue
        self.client = queue.client
        self._keys = queue.keys
        self._scripts = RedisScripts(self.client)
        # The name of each queue in the settings -> MRQ's two names: of the regular queue, which retries and requeues go
        # through, and of the raw queue.
        self._mrq_names = {
            config.download_queue: (config.download_queue, config.download_set),
            config.write_queue: (config.write_queue, config.write_list),
        }

    @classmethod
    def connect(cls, config: Config) -> QueueAdmin:
        """Return an instance with its own Redis client."""
        return cls(ImageQueue(connect_redis(config), config), config)

    def stats(self) -> QueueStats:
        """Return a consistent snapshot of the queues."""
        keys = [self._keys.downloads, self._keys.writes, self._keys.write_bytes]
        with redis_errors("read the state of the queues"):
            values = self._scripts.run("stats", keys, [PARKED_SECONDS])
        images, to_read, in_write_queue, write_bytes, read_ms, write_ms = map(int, values)
        return QueueStats(images, to_read, in_write_queue, max(0, write_bytes), read_ms / 1000, write_ms / 1000)

    def add_counts(self, sender: str, sequence_number: int, counts: Mapping[str, int]) -> None:
        """Add the counts of a process to the metrics.

        Args:
            sender: name of the process.
            sequence_number: grows with each addition of the sender. A repeated addition is ignored.
            counts: by the names of metrics.py.
        """
        args: list[Any] = [sequence_number, SENDER_TTL_SECONDS]
        for name, count in counts.items():
            args += (name, count)
        with redis_errors("add up the metrics"):
            self._scripts.run("add_counts", [self._keys.metrics, self._keys.metrics_senders_prefix + sender], args)

    def counts(self) -> dict[str, int]:
        """Return the counts of all processes since Redis last lost its data, by the names of metrics.py."""
        with redis_errors("read the metrics"):
            counts: Any = self.client.hgetall(self._keys.metrics)
        return {name.decode(): int(count) for name, count in counts.items()}

    def pause(self, name: str) -> None:
        """Stop the deliveries of a queue, given its name in the settings. Workers notice within seconds."""
        with redis_errors("pause a queue"):
            self.client.sadd(self._keys.paused_queues, *self._mrq_names[name])

    def resume(self, name: str) -> None:
        """Restart the deliveries of a paused queue, given its name in the settings."""
        with redis_errors("resume a queue"):
            self.client.srem(self._keys.paused_queues, *self._mrq_names[name])

    def paused_mrq_names(self) -> set[str]:
        """Return the names that MRQ has for the paused queues."""
        with redis_errors("list the paused queues"):
            names: Any = self.client.smembers(self._keys.paused_queues)
        return {name.decode() for name in names}

    def paused(self) -> list[str]:
        """Return the paused queues by their names in the settings."""
        paused = self.paused_mrq_names()
        return [name for name, mrq_names in self._mrq_names.items() if paused.intersection(mrq_names)]

    def empty(self) -> int:
        """Remove all images from both queues.

        Workers finish the images that were delivered to them, but these are no longer counted.

        Returns: how many images were in the download queue.
        """
        keys = self._keys
        with redis_errors("empty the queues"):
            pipe = self.client.pipeline()
            pipe.zcard(keys.downloads)
            pipe.delete(keys.downloads, keys.deliveries, keys.writes, keys.write_bytes)
            return int(pipe.execute()[0])
