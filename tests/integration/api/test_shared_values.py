"""Values that one API process computes for all others, shared through a real Redis."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from api.aggregations.cached_value import StaleWhileRevalidate
from api.aggregations.collection_counts import CollectionCounts
from api.aggregations.facets import FacetCounts
from api.shared import redis as shared_redis
from api.shared import values
from api.shared.redis import SharedRedis
from api.shared.values import Computed, SharedValues
from exifinator.config import build_config

NOWHERE = "redis://127.0.0.1:9/0"
COUNTS = CollectionCounts(
    7,
    {"X-T4": 3, None: 1, 100: 1, 1.5: 1, (2024, 5): 1, True: 2},
    (7, {"_id": "a/b", "extracted_at": datetime(2024, 5, 3)}),
)


@dataclass
class Processes:
    """Several API processes, each with its own connection to Redis. All of them share the value `name`."""

    redis: list[SharedRedis]
    name: str

    def cache(self, at: int, compute: Callable[[], Awaitable[Any]], **options: Any) -> StaleWhileRevalidate[Any]:
        shared = SharedValues(self.redis[at], "waldo.photos", (CollectionCounts, FacetCounts))
        return StaleWhileRevalidate(compute, seconds=60, shared=shared.named(self.name), **options)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for Redis as long as it takes: on a busy machine, each process would compute the values for itself."""
    monkeypatch.setattr(shared_redis, "_TIMEOUT_SECONDS", 600.0)


def run(redis_url: str, body: Callable[[Processes], Awaitable[None]], *, count: int = 3) -> None:
    async def main() -> None:
        config = build_config({"REDIS_URL": redis_url}, {})
        processes = Processes([SharedRedis(config) for _ in range(count)], secrets.token_hex(4))
        try:
            await body(processes)
        finally:
            for redis in processes.redis:
                await redis.close()

    asyncio.run(main())


class Source:
    """A value that counts how often it is read. Reads wait until the event `hold` is set."""

    def __init__(self, value: Any = COUNTS) -> None:
        self.value = value
        self.reads = 0
        self.has_begun, self.hold = asyncio.Event(), asyncio.Event()

    async def read(self) -> Any:
        self.reads += 1
        self.has_begun.set()
        await self.hold.wait()
        return self.value


def test_wait__processes_ask_simultaneously__one_computes_for_all(redis_url: str) -> None:
    async def body(processes: Processes) -> None:
        source = Source()
        waiting = [asyncio.create_task(processes.cache(at, source.read).wait()) for at in range(3)]
        await source.has_begun.wait()
        source.hold.set()
        assert await asyncio.gather(*waiting) == [COUNTS] * 3
        assert source.reads == 1
        # A process that starts later uses the shared value too.
        assert await processes.cache(1, source.read).wait() == COUNTS
        assert source.reads == 1

    run(redis_url, body)


def test_wait__computation_outlasts_the_maximum_age__value_is_computed_once(redis_url: str) -> None:
    """The age of a value counts from the end of its computation. Otherwise, a slow one would be too old at once."""

    async def body(processes: Processes) -> None:
        shared = SharedValues(processes.redis[0], "waldo.photos", (CollectionCounts,)).named(processes.name)

        async def slow() -> Computed[Any]:
            return Computed(COUNTS, None, age_seconds=3600.0, duration_seconds=3600.0)

        await shared.get(lambda _: False, slow)
        source = Source()
        assert await processes.cache(1, source.read, max_seconds=10.0).wait() == COUNTS
        assert source.reads == 0

    run(redis_url, body)


def test_get__stored_value_is_too_old__is_computed_again(redis_url: str) -> None:
    async def body(processes: Processes) -> None:
        shared = SharedValues(processes.redis[0], "waldo.photos", ()).named(processes.name)

        async def compute(value: int, age_seconds: float) -> Computed[Any]:
            return Computed(value, None, age_seconds, 0.0)

        await shared.get(lambda _: False, lambda: compute(1, 1000.0))
        source = Source(2)
        source.hold.set()
        assert await processes.cache(1, source.read).wait() == 2

    run(redis_url, body)


def test_get__process_died_while_computing__another_process_computes(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values, "LEASE_SECONDS", 0.2)

    async def body(processes: Processes) -> None:
        shared = SharedValues(processes.redis[0], "waldo.photos", ()).named(processes.name)
        # A process that was killed leaves this lease behind.
        await processes.redis[0].run(("SET", shared._lease_key, "dead", "PX", 200))
        source = Source(5)
        source.hold.set()
        assert await processes.cache(1, source.read).wait() == 5

    run(redis_url, body)


@pytest.mark.parametrize("stored", [b"", b"junk", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_get__stored_bytes_are_invalid__value_is_computed(redis_url: str, stored: bytes) -> None:
    async def body(processes: Processes) -> None:
        shared = SharedValues(processes.redis[0], "waldo.photos", ()).named(processes.name)
        await processes.redis[0].run(("SET", shared._key, stored))
        source = Source(5)
        source.hold.set()
        assert await processes.cache(1, source.read).wait() == 5

    run(redis_url, body)


def test_wait__redis_is_unavailable__each_process_computes() -> None:
    async def body(processes: Processes) -> None:
        source = Source()
        source.hold.set()
        assert [await processes.cache(at, source.read).wait() for at in range(2)] == [COUNTS] * 2
        assert source.reads == 2

    run(NOWHERE, body)


def test_get__computation_fails__the_next_process_computes(redis_url: str) -> None:
    async def body(processes: Processes) -> None:
        shared = SharedValues(processes.redis[0], "waldo.photos", ()).named(processes.name)

        async def fail() -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await shared.get(lambda _: True, fail)

        async def succeed() -> Computed[Any]:
            return Computed(3, None, age_seconds=0.0, duration_seconds=0.0)

        result = (
            await SharedValues(processes.redis[1], "waldo.photos", ())
            .named(processes.name)
            .get(lambda _: True, succeed)
        )
        assert result is not None
        assert result.value == 3

    run(redis_url, body)
