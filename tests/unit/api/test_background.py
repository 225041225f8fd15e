"""Background counts: the sample first, the full count later, one at a time, and only while requests ask for it."""

from __future__ import annotations

import asyncio

import pytest

from api.aggregations import background
from api.aggregations.background import BackgroundCounts


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def count_to(number: int) -> int:
    await asyncio.sleep(0)
    return number


def test_get__sample__is_replaced_by_the_full_count() -> None:
    async def main() -> None:
        counts: BackgroundCounts[int] = BackgroundCounts(asyncio.Semaphore(1))
        assert counts.get("a") is None
        counts.start("a", 5, lambda: count_to(50))
        assert counts.get("a") == 5
        await settle()
        assert counts.get("a") == 50
        await counts.close()

    asyncio.run(main())


def test_start__two__are_counted_one_after_the_other() -> None:
    async def main() -> None:
        at_once, highest = 0, 0

        async def count() -> int:
            nonlocal at_once, highest
            at_once += 1
            highest = max(highest, at_once)
            await settle()
            at_once -= 1
            return 9

        counts: BackgroundCounts[int] = BackgroundCounts(asyncio.Semaphore(1))
        for key in "ab":
            counts.start(key, 1, count)
        while {counts.get("a"), counts.get("b")} != {9}:
            await asyncio.sleep(0)
        assert highest == 1
        await counts.close()

    asyncio.run(main())


def test_get__no_request_until_its_turn__is_counted_when_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        gate = asyncio.Semaphore(1)
        counts: BackgroundCounts[int] = BackgroundCounts(gate)
        await gate.acquire()
        counts.start("a", 1, lambda: count_to(9))
        await settle()
        monkeypatch.setattr(background, "ABANDONED_AFTER_SECONDS", -1)
        gate.release()
        await settle()
        monkeypatch.undo()
        assert counts.get("a") == 1
        await settle()
        assert counts.get("a") == 9
        await counts.close()

    asyncio.run(main())


def test_start__too_many__the_oldest_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(background, "MAX_KEYS", 2)
        counts: BackgroundCounts[int] = BackgroundCounts(asyncio.Semaphore(1))
        counts.start("a", 1, lambda: count_to(1))
        counts.start("b", 2, lambda: count_to(2))
        assert counts.get("a") == 1
        counts.start("c", 3, lambda: count_to(3))
        assert counts.get("b") is None
        assert counts.get("a") == 1
        await counts.close()

    asyncio.run(main())
