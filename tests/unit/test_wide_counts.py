"""Wide counts: some at once, all in time, one at a time, and none for whom nobody waits any more."""

from __future__ import annotations

import asyncio

import pytest

from api import wide_counts
from api.wide_counts import WideCounts


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def count_to(number: int) -> int:
    await asyncio.sleep(0)
    return number


def test_get__some_are_kept__all_come_later() -> None:
    async def main() -> None:
        counts: WideCounts[int] = WideCounts(asyncio.Semaphore(1))
        assert counts.get("a") is None
        counts.keep("a", 5, lambda: count_to(50))
        assert counts.get("a") == 5
        await settle()
        assert counts.get("a") == 50
        await counts.close()

    asyncio.run(main())


def test_keep__two__are_counted_one_after_the_other() -> None:
    async def main() -> None:
        at_once = 0

        async def count() -> int:
            nonlocal at_once
            at_once += 1
            assert at_once == 1
            await asyncio.sleep(0.01)
            at_once -= 1
            return 9

        counts: WideCounts[int] = WideCounts(asyncio.Semaphore(1))
        for key in "ab":
            counts.keep(key, 1, count)
        while {counts.get("a"), counts.get("b")} != {9}:
            await asyncio.sleep(0.001)
        await counts.close()

    asyncio.run(main())


def test_get__nobody_asked_until_its_turn__is_counted_when_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        gate = asyncio.Semaphore(1)
        counts: WideCounts[int] = WideCounts(gate)
        await gate.acquire()
        counts.keep("a", 1, lambda: count_to(9))
        await settle()
        monkeypatch.setattr(wide_counts, "PATIENCE_SECONDS", -1)
        gate.release()
        await settle()
        monkeypatch.undo()
        assert counts.get("a") == 1
        await settle()
        assert counts.get("a") == 9
        await counts.close()

    asyncio.run(main())


def test_keep__very_many__the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(wide_counts, "MOST", 2)
        counts: WideCounts[int] = WideCounts(asyncio.Semaphore(1))
        counts.keep("a", 1, lambda: count_to(1))
        counts.keep("b", 2, lambda: count_to(2))
        assert counts.get("a") == 1
        counts.keep("c", 3, lambda: count_to(3))
        assert counts.get("b") is None
        assert counts.get("a") == 1
        await counts.close()

    asyncio.run(main())
