"""StaleWhileRevalidate returns a cached value immediately, and computes it again if it is old and its data changed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest
from pymongo.errors import AutoReconnect

from api.aggregations.cached_value import StaleWhileRevalidate


class Source:
    """The data behind a cached value. The value is the number of times that it was computed."""

    def __init__(self) -> None:
        self.computations = 0
        self.version: object = 1
        self.is_unavailable = False

    async def compute(self) -> int:
        if self.is_unavailable:
            raise AutoReconnect
        self.computations += 1
        return self.computations

    async def read_version(self) -> object:
        if self.is_unavailable:
            raise AutoReconnect
        return self.version


async def get_when_old(cached: StaleWhileRevalidate[int]) -> int | None:
    """Mark the cached value as old, and return it after the revalidation that this causes."""
    cached._stale_at = 0.0
    cached.get()
    for _ in range(10):
        await asyncio.sleep(0)
    cached._stale_at = math.inf
    return cached.get()


def run(
    source: Source, body: Callable[[StaleWhileRevalidate[int]], Awaitable[None]], *, has_version: bool = True
) -> None:
    read_version = source.read_version if has_version else None

    async def main() -> None:
        cached = StaleWhileRevalidate(source.compute, seconds=0, read_version=read_version)
        assert await cached.wait() == 1
        await body(cached)
        await cached.close()

    asyncio.run(main())


def test_get__unchanged_version__is_not_computed_again() -> None:
    source = Source()

    async def body(cached: StaleWhileRevalidate[int]) -> None:
        assert [await get_when_old(cached) for _ in range(3)] == [1, 1, 1]
        source.version = 2
        assert await get_when_old(cached) == 2
        assert [await get_when_old(cached) for _ in range(3)] == [2, 2, 2]

    run(source, body)
    assert source.computations == 2


def test_get__unknown_version__is_computed_again() -> None:
    source = Source()
    source.version = None

    async def body(cached: StaleWhileRevalidate[int]) -> None:
        assert (await get_when_old(cached) or 0) > 1

    run(source, body)
    source = Source()
    run(source, body, has_version=False)


def test_get__unchanged_for_the_maximum_time__is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    monkeypatch.setattr(StaleWhileRevalidate, "MAX_UNCHANGED_SECONDS", 0.0)

    async def body(cached: StaleWhileRevalidate[int]) -> None:
        assert (await get_when_old(cached) or 0) > 1

    run(source, body)


def test_get__version_changed_during_the_computation__is_computed_again() -> None:
    source = Source()

    async def body(cached: StaleWhileRevalidate[int]) -> None:
        source.version = 2

        async def compute_during_change() -> int:
            source.version = 3
            return await source.compute()

        cached._compute = compute_during_change
        await get_when_old(cached)
        computations = source.computations
        await get_when_old(cached)
        assert source.computations > computations

    run(source, body)


def test_get__source_unavailable__returns_the_last_value_and_tries_again() -> None:
    source = Source()

    async def body(cached: StaleWhileRevalidate[int]) -> None:
        source.is_unavailable, source.version = True, 2
        assert await get_when_old(cached) == 1
        source.is_unavailable = False
        assert await get_when_old(cached) == 2

    run(source, body)


@pytest.mark.parametrize("is_quick", [True, False])
def test_wait__old_value__waits_only_for_a_quick_computation(is_quick: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    monkeypatch.setattr(StaleWhileRevalidate, "QUICK_SECONDS", 60.0 if is_quick else 0.0)

    async def body(cached: StaleWhileRevalidate[int]) -> None:
        source.version = 2
        cached._stale_at = 0.0
        assert await cached.wait() == (2 if is_quick else 1)

    run(source, body)


@pytest.mark.parametrize(("max_seconds", "age_seconds"), [(10.0, 10.0), (1000.0, 60.0)])
def test_get__slow_computation__makes_the_value_old_after_the_maximum_age(
    max_seconds: float, age_seconds: float
) -> None:
    """Without a maximum age, the counts of a busy machine were a minute behind the library."""
    now = [0.0]

    async def compute() -> int:
        now[0] += 3.0
        return 1

    async def main() -> None:
        cached = StaleWhileRevalidate(compute, seconds=1, max_seconds=max_seconds, clock=lambda: now[0])
        assert await cached.wait() == 1
        assert cached._stale_at == 3.0 + age_seconds
        await cached.close()

    asyncio.run(main())
