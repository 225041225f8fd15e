"""Administer the queues: read statistics, pause and empty the queues, and add up the metrics of all processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exifinator.config import Config
from exifinator.queue.image_queue import PARKED_SECONDS, ImageQueue
from exifinator.queue.redis_client import connect_redis, redis_errors
from exifinator.queue.scripts import RedisScripts

# For this long, Redis remembers the sequence number of the last counts that it received from a process. A process that
# gets no response sends its counts again, and the sequence number keeps Redis from adding them twice.
SENDER_TTL_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class QueueStats:
    """State of the two queues.

    Attributes:
        images: The number of all images in the download queue, including delivered and parked images.
        due: The number of images in the download queue that may be delivered now.
        in_write_queue: The number of elements in the write queue.
        write_bytes: The total size of the elements in the write queue.
        due_seconds: For how long the oldest due image has been due.
        write_seconds: For how long the oldest element of the write queue has been there.
    """

    images: int
    due: int
    in_write_queue: int
    write_bytes: int
    due_seconds: float
    write_seconds: float

    @property
    def in_progress(self) -> int:
        """The number of delivered images.

        This includes images whose worker has died but whose lease has not expired, and images that are postponed
        because S3 denies access to their bucket.
        """
        return max(0, self.images - self.due - self.in_write_queue)


def read_paused_queues(queue: ImageQueue) -> list[str]:
    """Return the names of the paused queues.

    MRQ has a second name for each queue. The second names contain an underscore, which names in the settings cannot.

    Raises:
        QueueUnavailable: Redis is unavailable.
    """
    with redis_errors("list the paused queues"):
        names: Any = queue.client.smembers(queue.keys.paused_queues)
    return sorted(name for name in map(bytes.decode, names) if "_" not in name)


class QueueAdmin:
    """Administration of the queues. Every method may raise QueueUnavailable."""

    def __init__(self, queue: ImageQueue, config: Config) -> None:
        self.queue = queue
        self.client = queue.client
        self._keys = queue.keys
        self._scripts = RedisScripts(self.client)
        # MRQ has two names for each of the queues in the settings. The first is the name of the regular queue, which
        # holds retries and requeues. The second is the name of the raw queue.
        self._mrq_names = {
            config.download_queue: (config.download_queue, config.download_set),
            config.write_queue: (config.write_queue, config.write_list),
        }

    @classmethod
    def connect(cls, config: Config) -> QueueAdmin:
        """Return a QueueAdmin with its own Redis client."""
        return cls(ImageQueue(connect_redis(config), config), config)

    def stats(self) -> QueueStats:
        """Return a consistent snapshot of the queues."""
        keys = [self._keys.downloads, self._keys.writes, self._keys.write_bytes]
        with redis_errors("read the state of the queues"):
            values = self._scripts.run("stats", keys, [PARKED_SECONDS])
        images, due, in_write_queue, write_bytes, due_ms, write_ms = map(int, values)
        return QueueStats(images, due, in_write_queue, max(0, write_bytes), due_ms / 1000, write_ms / 1000)

    def add_counts(self, sender: str, sequence_number: int, counts: Mapping[str, int]) -> None:
        """Add the counts of a process to the metrics.

        Args:
            sender: The name of the process.
            sequence_number: A number that grows each time the process sends new counts. Counts that are sent again with
                the same number are ignored.
            counts: The counts by field name, as metrics.py defines the fields.
        """
        args: list[Any] = [sequence_number, SENDER_TTL_SECONDS]
        for name, count in counts.items():
            args += (name, count)
        with redis_errors("add up the metrics"):
            self._scripts.run("add_counts", [self._keys.metrics, self._keys.metrics_senders_prefix + sender], args)

    def counts(self) -> dict[str, int]:
        """Return the counts of all processes since Redis last lost its data.

        The keys are field names as metrics.py defines them.
        """
        with redis_errors("read the metrics"):
            counts: Any = self.client.hgetall(self._keys.metrics)
        return {name.decode(): int(count) for name, count in counts.items()}

    def pause(self, name: str) -> None:
        """Stop the deliveries from a queue. Workers notice this within seconds.

        Args:
            name: The name of the queue in the settings.
        """
        with redis_errors("pause a queue"):
            self.client.sadd(self._keys.paused_queues, *self._mrq_names[name])

    def resume(self, name: str) -> None:
        """Restart the deliveries from a paused queue.

        Args:
            name: The name of the queue in the settings.
        """
        with redis_errors("resume a queue"):
            self.client.srem(self._keys.paused_queues, *self._mrq_names[name])

    def paused_mrq_names(self) -> set[str]:
        """Return MRQ's names for the paused queues."""
        with redis_errors("list the paused queues"):
            names: Any = self.client.smembers(self._keys.paused_queues)
        return {name.decode() for name in names}

    def paused(self) -> list[str]:
        """Return the paused queues by their names in the settings."""
        paused = self.paused_mrq_names()
        return [name for name, mrq_names in self._mrq_names.items() if paused.intersection(mrq_names)]

    def empty_queues(self) -> int:
        """Remove all images from both queues.

        Workers drop the images that have already been delivered to them.

        Returns:
            How many images were in the download queue.
        """
        keys = self._keys
        with redis_errors("empty the queues"):
            pipe = self.client.pipeline()
            pipe.zcard(keys.downloads)
            pipe.delete(keys.downloads, keys.deliveries, keys.in_progress, keys.withdrawn)
            pipe.delete(keys.writes, keys.write_bytes)
            return int(pipe.execute()[0])
