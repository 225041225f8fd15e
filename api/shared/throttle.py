"""Throttle wrong tokens across all processes of the API."""

from __future__ import annotations

import mmap
from collections import OrderedDict

from api.process import ApiProcess
from api.shared.redis import SharedRedis, seconds_of
from exifinator.web_security import LoginThrottle, pause_after

_KEPT_SECONDS = 24 * 3600
_SLOT_BYTES = 8


class FailureCounter:
    """Counts the wrong attempts of all processes in their shared memory, to tell whether there was one.

    Each process writes only to its own part of the memory, so no two of them write the same bytes.
    """

    def __init__(self, process: ApiProcess) -> None:
        self._memory = mmap.mmap(process.counter, memory_bytes(process.count))
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
    """A LoginThrottle of this process alone."""

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

    Requests with the right token do not ask Redis, unless there was a wrong attempt since the last one.
    """

    def __init__(self, attempts: LoginThrottle, redis: SharedRedis, counter: FailureCounter) -> None:
        super().__init__(attempts)
        self._redis = redis
        self._counter = counter
        self._counts_key, self._ends_key = redis.prefix + "wrong-tokens", redis.prefix + "wrong-token-pauses"
        # What the counter said when the attempts of an address were forgotten.
        self._forgotten: OrderedDict[str, bytes] = OrderedDict()

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
                ("EXPIRE", self._ends_key, _KEPT_SECONDS),
                ("EXPIRE", self._counts_key, _KEPT_SECONDS),
            )
        # Count after Redis has the attempt: a process that sees the new count deletes it.
        self._counter.increment()
        if replies is not None and (surplus := int(replies[1]) - LoginThrottle.MAX_ADDRESSES) > 0:
            popped = await self._redis.run(("ZPOPMIN", self._ends_key, surplus))
            if popped and popped[0]:
                await self._redis.run(("HDEL", self._counts_key, *(member for member, _ in popped[0])))

    async def record_success(self, address: str) -> None:
        await super().record_success(address)
        counted = self._counter.read()
        if self._forgotten.get(address) == counted:
            return
        forget = (("HDEL", self._counts_key, address), ("ZREM", self._ends_key, address))
        if await self._redis.run(*forget) is None:
            return
        self._forgotten[address] = counted
        self._forgotten.move_to_end(address)
        if len(self._forgotten) > LoginThrottle.MAX_ADDRESSES:
            self._forgotten.popitem(last=False)
