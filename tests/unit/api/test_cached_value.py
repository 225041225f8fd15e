"""A cached value: returned immediately, computed again when old, and not while its data is unchanged."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest
from pymongo.errors import AutoReconnect

from api.aggregations.cached_value import StaleWhileRevalidate


class Source:
    """Counts how often it was read."""

    def __init__(self) -> None:
        self.made = 0
        self.state: object = 1
        self.is_away = False

    async def make(self) -> int:
        if self.is_away:
            raise AutoReconnect
        self.made += 1
        return self.made

    async def look(self) -> object:
        if self.is_away:
            raise AutoReconnect
        return self.state


async def ask(remembered: StaleWhileRevalidate[int]) -> int | None:
    """Return the cached value after an old one was computed again."""
    remembered._stale_at = 0.0
    remembered.get()
    for _ in range(10):
        await asyncio.sleep(0)
    remembered._stale_at = math.inf
    return remembered.get()


def run(source: Source, body: Callable[[StaleWhileRevalidate[int]], Awaitable[None]], *, looks: bool = True) -> None:
    async def main() -> None:
        remembered = StaleWhileRevalidate(source.make, seconds=0, read_version=source.look if looks else None)
        assert await remembered.wait() == 1
        await body(remembered)
        await remembered.close()

    asyncio.run(main())


def test_get__nothing_changed__is_not_computed_again() -> None:
    source = Source()

    async def body(remembered: StaleWhileRevalidate[int]) -> None:
        assert [await ask(remembered) for _ in range(3)] == [1, 1, 1]
        source.state = 2
        assert await ask(remembered) == 2
        assert [await ask(remembered) for _ in range(3)] == [2, 2, 2]

    run(source, body)
    assert source.made == 2


def test_get__version_unknown__is_computed_again() -> None:
    source = Source()
    source.state = None

    async def body(remembered: StaleWhileRevalidate[int]) -> None:
        assert (await ask(remembered) or 0) > 1

    run(source, body)
    source = Source()
    run(source, body, looks=False)


def test_get__long_ago__is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    monkeypatch.setattr(StaleWhileRevalidate, "MAX_UNCHANGED_SECONDS", 0.0)

    async def body(remembered: StaleWhileRevalidate[int]) -> None:
        assert (await ask(remembered) or 0) > 1

    run(source, body)


def test_get__changed_meanwhile__is_computed_again() -> None:
    source = Source()

    async def body(remembered: StaleWhileRevalidate[int]) -> None:
        source.state = 2

        async def make_slowly() -> int:
            source.state = 3
            return await source.make()

        remembered._compute = make_slowly
        await ask(remembered)
        made = source.made
        await ask(remembered)
        assert source.made > made

    run(source, body)


def test_get__source_unavailable__gives_the_last_and_tries_again() -> None:
    source = Source()

    async def body(remembered: StaleWhileRevalidate[int]) -> None:
        source.is_away, source.state = True, 2
        assert await ask(remembered) == 1
        source.is_away = False
        assert await ask(remembered) == 2

    run(source, body)


@pytest.mark.parametrize("is_quick", [True, False])
def test_wait__old__waits_for_a_quick_computation(is_quick: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    monkeypatch.setattr(StaleWhileRevalidate, "QUICK_SECONDS", 60.0 if is_quick else 0.0)

    async def body(remembered: StaleWhileRevalidate[int]) -> None:
        source.state = 2
        remembered._stale_at = 0.0
        assert await remembered.wait() == (2 if is_quick else 1)

    run(source, body)


@pytest.mark.parametrize(("max_seconds", "age"), [(10.0, 10.0), (1000.0, 60.0)])
def test_get__slow_to_compute__is_old_after_the_maximum_age(max_seconds: float, age: float) -> None:
    """The counts of a busy machine were a minute behind the library."""
    now = [0.0]

    async def compute() -> int:
        now[0] += 3.0
        return 1

    async def main() -> None:
        remembered = StaleWhileRevalidate(compute, seconds=1, max_seconds=max_seconds, clock=lambda: now[0])
        assert await remembered.wait() == 1
        assert remembered._stale_at == 3.0 + age
        await remembered.close()

    asyncio.run(main())
