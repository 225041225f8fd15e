"""Throttle wrong tokens across all processes of the API."""

from __future__ import annotations

import mmap
from collections import OrderedDict

from api.process import ApiProcess
from api.shared.redis import SharedRedis, seconds_of
from exifinator.web_security import LoginThrottle, pause_after

# Redis deletes the counts of wrong attempts this long after the last one.
_EXPIRY_SECONDS = 24 * 3600
_SLOT_BYTES = 8


class FailureCounter:
    """Counts wrong attempts in memory that all processes share, so that each process notices attempts at the others.

    Each process writes only to its own part of the memory, so no two processes write the same bytes.
    """

    def __init__(self, process: ApiProcess) -> None:
        self._memory = mmap.mmap(process.counter_fd, memory_bytes(process.count))
        self._slot = slice(process.number * _SLOT_BYTES, (process.number + 1) * _SLOT_BYTES)

    def increment(self) -> None:
        count = int.from_bytes(self._memory[self._slot], "big") + 1
        self._memory[self._slot] = count.to_bytes(_SLOT_BYTES, "big")

    def read(self) -> bytes:
        """Return a value that changes with each wrong attempt at any process."""
        return self._memory[:]


def memory_bytes(count: int) -> int:
    """Return how much memory a FailureCounter of this many processes needs."""
    return count * _SLOT_BYTES


class Throttle:
    """Throttles wrong tokens by the attempts at this process alone."""

    def __init__(self, attempts: LoginThrottle) -> None:
        self._attempts = attempts

    async def seconds_to_wait(self, address: str) -> float:
        """Return how long the pause of this address still lasts, in seconds; 0 if there is none."""
        return self._attempts.seconds_to_wait(address)

    async def record_failure(self, address: str) -> None:
        """Count a wrong attempt, and start the pause that follows it."""
        self._attempts.record_failure(address)

    async def record_success(self, address: str) -> None:
        """Forget the wrong attempts of an address that has sent the right token."""
        self._attempts.record_success(address)


class SharedThrottle(Throttle):
    """A throttle whose counts are in Redis. While Redis is unavailable, each process counts for itself.

    A request with the right token sends nothing to Redis, unless there was a wrong attempt since the last such request
    from its address.
    """

    def __init__(self, attempts: LoginThrottle, redis: SharedRedis, counter: FailureCounter) -> None:
        super().__init__(attempts)
        self._redis = redis
        self._counter = counter
        self._counts_key, self._ends_key = redis.prefix + "wrong-tokens", redis.prefix + "wrong-token-pauses"
        # For each address, the value of `counter` when the wrong attempts of the address were last deleted from Redis.
        self._deleted_at_count: OrderedDict[str, bytes] = OrderedDict()

    async def seconds_to_wait(self, address: str) -> float:
        replies = await self._redis.run(("ZSCORE", self._ends_key, address), ("TIME",))
        if replies is None:
            return await super().seconds_to_wait(address)
        return 0.0 if replies[0] is None else max(0.0, float(replies[0]) - seconds_of(replies[1]))

    async def record_failure(self, address: str) -> None:
        await super().record_failure(address)
        replies = await self._redis.run(("HINCRBY", self._counts_key, address, 1), ("TIME",))
        if replies is not None:
            ends_at = seconds_of(replies[1]) + pause_after(int(replies[0]))
            replies = await self._redis.run(
                ("ZADD", self._ends_key, ends_at, address),
                ("ZCARD", self._ends_key),
                ("EXPIRE", self._ends_key, _EXPIRY_SECONDS),
                ("EXPIRE", self._counts_key, _EXPIRY_SECONDS),
            )
        # Increment the counter only after the attempt is in Redis: a process that sees the new value deletes the
        # attempt once, and not again.
        self._counter.increment()
        if replies is not None and (surplus := int(replies[1]) - LoginThrottle.MAX_ADDRESSES) > 0:
            popped = await self._redis.run(("ZPOPMIN", self._ends_key, surplus))
            if popped and popped[0]:
                await self._redis.run(("HDEL", self._counts_key, *(member for member, _ in popped[0])))

    async def record_success(self, address: str) -> None:
        await super().record_success(address)
        count = self._counter.read()
        if self._deleted_at_count.get(address) == count:
            return
        delete_attempts = (("HDEL", self._counts_key, address), ("ZREM", self._ends_key, address))
        if await self._redis.run(*delete_attempts) is None:
            return
        self._deleted_at_count[address] = count
        self._deleted_at_count.move_to_end(address)
        if len(self._deleted_at_count) > LoginThrottle.MAX_ADDRESSES:
            self._deleted_at_count.popitem(last=False)
