"""The queues as those see them who run the whole: how they stand, pausing, emptying, and what was counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exifinator.config import Config
from exifinator.queues import PARKED_SECONDS, ImageQueue, connect_redis, translated

# How long Redis remembers what a process has added to the metrics.
SENDER_KEPT_SECONDS = 3600

# What a process counted, once: its number is remembered as long as the answer to it may have been lost.
_ADD_COUNTS = """
local metrics, last = KEYS[1], KEYS[2]
if tonumber(redis.call('GET', last) or '0') >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', last, ARGV[1], 'EX', ARGV[2])
for i = 3, #ARGV, 2 do redis.call('HINCRBY', metrics, ARGV[i], ARGV[i + 1]) end
return 1
"""

# Numbers are cut to integers on their way out of Redis, hence milliseconds. What waits in the write queue is not sent:
# an element may be megabytes.
_LOOK = """
local time = redis.call('TIME'); local now = time[1] + time[2] / 1000000
local set, list, write_bytes, parked = KEYS[1], KEYS[2], KEYS[3], tonumber(ARGV[1])
local due = redis.call('ZCOUNT', set, '-inf', now)
local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
local download_age, write_age = 0, 0
if first[2] then download_age = math.max(0, now - tonumber(first[2])) end
local element = redis.call('LINDEX', list, 0)
if element then
  local colon = string.find(element, ':', 1, true)
  local last = colon and colon + (tonumber(string.sub(element, 1, colon - 1)) or 0) or 0
  local parked_until = colon and redis.call('ZSCORE', set, string.sub(element, colon + 1, last))
  if parked_until then write_age = math.max(0, now + parked - tonumber(parked_until)) end
end
return {
  redis.call('ZCARD', set), due, redis.call('LLEN', list), tonumber(redis.call('GET', write_bytes) or '0'),
  math.floor(download_age * 1000), math.floor(write_age * 1000)
}
"""


@dataclass(frozen=True, slots=True)
class QueueLook:
    """How the two queues stand. images: those that are not done; to_read: of these, those that a worker may take now;
    in_write_queue: those that are read and wait to be written; the ages are those of what has waited longest."""

    images: int
    to_read: int
    in_write_queue: int
    write_bytes: int
    to_read_seconds: float
    write_seconds: float

    @property
    def in_hand(self) -> int:
        """Images that a worker is at, or that a dead one held."""
        return max(0, self.images - self.to_read - self.in_write_queue)


class QueueControl:
    """What may be asked and done about the queues from outside. Every method raises QueueUnavailable."""

    def __init__(self, queue: ImageQueue, config: Config) -> None:
        self.queue = queue
        self.client = queue.client
        self._senders_prefix = f"{queue.metrics_key}:"
        # MRQ's own set of the queues that its workers leave alone.
        self._paused_key = f"{config.mrq_database}:s:paused"
        # A name of the settings stands for a raw queue and the regular one that retries and requeues come through.
        self._names = {
            config.download_queue: (config.download_queue, config.download_set),
            config.write_queue: (config.write_queue, config.write_list),
        }
        self._add_counts = self.client.register_script(_ADD_COUNTS)
        self._look = self.client.register_script(_LOOK)

    @classmethod
    def connect(cls, config: Config) -> QueueControl:
        """One with a client of its own."""
        return cls(ImageQueue(connect_redis(config), config), config)

    def look(self) -> QueueLook:
        """How the queues stand, in one step."""
        with translated("tell its queues"):
            found = self._look(
                keys=[self.queue.set_key, self.queue.list_key, self.queue.write_bytes_key], args=[PARKED_SECONDS]
            )
        images, to_read, in_write_queue, write_bytes, read_ms, write_ms = map(int, found)
        return QueueLook(images, to_read, in_write_queue, max(0, write_bytes), read_ms / 1000, write_ms / 1000)

    def add_counts(self, sender: str, number: int, counts: Mapping[str, int]) -> None:
        """Add what a process counted to the metrics; the same number of the same sender is added once."""
        args: list[Any] = [number, SENDER_KEPT_SECONDS]
        for name, count in counts.items():
            args += (name, count)
        with translated("add up the metrics"):
            self._add_counts(keys=[self.queue.metrics_key, self._senders_prefix + sender], args=args)

    def counts(self) -> dict[str, int]:
        """What all processes have counted since Redis was last empty, by the names of metrics.py."""
        with translated("tell the metrics"):
            found: Any = self.client.hgetall(self.queue.metrics_key)
        return {name.decode(): int(count) for name, count in found.items()}

    def pause(self, name: str) -> None:
        """Have the workers leave a queue of the settings alone, whatever comes into it; they see it within seconds."""
        with translated("pause a queue"):
            self.client.sadd(self._paused_key, *self._names[name])

    def resume(self, name: str) -> None:
        """Undo pause."""
        with translated("resume a queue"):
            self.client.srem(self._paused_key, *self._names[name])

    def paused_ids(self) -> set[str]:
        """The queues that are paused, as MRQ names them."""
        with translated("tell its paused queues"):
            found: Any = self.client.smembers(self._paused_key)
        return {name.decode() for name in found}

    def paused(self) -> list[str]:
        """The queues of the settings that are paused."""
        ids = self.paused_ids()
        return [name for name, both in self._names.items() if ids.intersection(both)]

    def refused(self) -> dict[str, str]:
        """The buckets that S3 has come to refuse, whose images wait in the queue, and why."""
        with translated("tell its refused buckets"):
            found: Any = self.client.hgetall(self.queue.refused_key)
        return {name.decode(): why.decode() for name, why in found.items()}

    def empty(self) -> int:
        """Forget every image that waits, is in hand, or is read and waits to be written. Returns how many there were.

        What a worker has in hand it still ends, but the queue and the batches take no note of it.
        """
        with translated("empty its queues"):
            pipe = self.client.pipeline()
            pipe.zcard(self.queue.set_key)
            pipe.delete(self.queue.set_key, self.queue.deliveries_key, self.queue.list_key, self.queue.write_bytes_key)
            return int(pipe.execute()[0])
