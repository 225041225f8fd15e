"""Values that one process of the API computes for all processes."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from api.shared.codec import MAX_BYTES, pack, unpack
from api.shared.redis import SharedRedis, seconds_of

log = logging.getLogger(__name__)
Value = TypeVar("Value")

# A process that computes a value renews its lease. If the process dies, another one takes over after this long.
LEASE_SECONDS = 10.0
_RENEW_SECONDS = LEASE_SECONDS / 3
_POLL_SECONDS = 0.1
_EXPIRY_SECONDS = 15 * 60


def _unchanged(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Computed(Generic[Value]):
    """A value, and when it was computed.

    Attributes:
        version: The version of the data, read before the computation; None if it is unknown.
        age_seconds: The time since the computation began.
        duration_seconds: How long the computation took.
    """

    value: Value
    version: object
    age_seconds: float
    duration_seconds: float

    @property
    def seconds_since(self) -> float:
        """The time since the computation ended."""
        return self.age_seconds - self.duration_seconds


class SharedValue(Generic[Value]):
    """One value that is computed by one process at a time, and stored in Redis for the others.

    While Redis is unavailable, each process computes the value for itself.

    Args:
        redis: The client of Redis.
        name: Identifies the value. It may be long.
        classes: The dataclasses that the value and its version may contain.
        to_plain, from_plain: Convert the value to what is stored, and back. Both run in a thread.
    """

    def __init__(
        self,
        redis: SharedRedis,
        name: str,
        classes: Sequence[type],
        to_plain: Callable[[Value], Any] = _unchanged,
        from_plain: Callable[[Any], Value] = _unchanged,
    ) -> None:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        self._key = f"{redis.prefix}value:{digest}"
        self._lease_key = f"{redis.prefix}lease:{digest}"
        self._redis = redis
        self._classes = (*classes, Computed)
        self._to_plain, self._from_plain = to_plain, from_plain

    async def get(
        self, is_fresh: Callable[[Computed[Value]], bool], compute: Callable[[], Awaitable[Computed[Value] | None]]
    ) -> Computed[Value] | None:
        """Return the stored value if it is fresh, or compute it. If another process is computing it, wait until it has.

        Args:
            is_fresh: Returns whether a stored value may be used.
            compute: Returns a new value; None if there is none.
        """
        while True:
            if (stored := await self._read()) and is_fresh(stored):
                return stored
            async with self._lease() as has_lease:
                if has_lease:
                    # Another process may have stored the value just before it gave up its lease.
                    if (stored := await self._read()) and is_fresh(stored):
                        return stored
                    computed = await compute()
                    if computed is not None:
                        await self._write(computed)
                    return computed
            await asyncio.sleep(_POLL_SECONDS)

    async def _read(self) -> Computed[Value] | None:
        replies = await self._redis.run(("GET", self._key), ("TIME",))
        if replies is None or replies[0] is None:
            return None
        try:
            computed_at, stored = await asyncio.to_thread(unpack, replies[0], self._classes)
            value = await asyncio.to_thread(self._from_plain, stored.value)
            age_seconds = max(stored.duration_seconds, seconds_of(replies[1]) - float(computed_at))
            return Computed(value, stored.version, age_seconds, stored.duration_seconds)
        except (ValueError, TypeError, KeyError, AttributeError):  # stored by another version of this program
            return None

    async def _write(self, computed: Computed[Value]) -> None:
        replies = await self._redis.run(("TIME",))
        if replies is None:
            return
        try:
            plain = replace(computed, value=await asyncio.to_thread(self._to_plain, computed.value))
            data = await asyncio.to_thread(pack, (seconds_of(replies[0]) - computed.age_seconds, plain))
        except ValueError as error:
            log.warning("cannot share a value: %s", error, extra={"action": "skip"})
            return
        if len(data) <= MAX_BYTES:
            await self._redis.run(("SET", self._key, data, "EX", _EXPIRY_SECONDS))

    @asynccontextmanager
    async def _lease(self) -> AsyncIterator[bool]:
        """Yield whether this process may compute the value. Without Redis, it may."""
        owner = secrets.token_hex(8)
        milliseconds = int(LEASE_SECONDS * 1000)
        replies = await self._redis.run(("SET", self._lease_key, owner, "NX", "PX", milliseconds))
        if replies is None or replies[0] is None:
            yield replies is None
            return
        renewal = asyncio.create_task(self._renew(milliseconds))
        try:
            yield True
        finally:
            renewal.cancel()
            with suppress(asyncio.CancelledError):
                await renewal
            await self._release(owner)

    async def _renew(self, milliseconds: int) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            await self._redis.run(("PEXPIRE", self._lease_key, milliseconds))

    async def _release(self, owner: str) -> None:
        # This process may have been stopped for so long that another one has the lease.
        replies = await self._redis.run(("GET", self._lease_key))
        if replies and replies[0] == owner.encode():
            await self._redis.run(("DEL", self._lease_key))


class SharedValues:
    """Creates the SharedValue objects of one collection.

    Args:
        redis: The client of Redis.
        scope: The name of the collection.
        classes: The dataclasses that the values may contain.
    """

    def __init__(self, redis: SharedRedis, scope: str, classes: Sequence[type]) -> None:
        self._redis = redis
        self._scope = scope
        self._classes = classes

    def named(
        self, name: str, to_plain: Callable[[Any], Any] = _unchanged, from_plain: Callable[[Any], Any] = _unchanged
    ) -> SharedValue[Any]:
        """Return the shared value with a name. `to_plain` and `from_plain` are as in SharedValue."""
        return SharedValue(self._redis, f"{self._scope}\0{name}", self._classes, to_plain, from_plain)


def measure(value: Value, version: object, started_at: float, clock: Callable[[], float]) -> Computed[Value]:
    """Return a value with the duration of its computation, which began at `started_at` and has just ended."""
    seconds = clock() - started_at
    return Computed(value, version, seconds, seconds)
