"""BackgroundCounts returns a sample until the full count is done. It counts one key at a time, only while requested."""

from __future__ import annotations

import asyncio

import pytest

from api.aggregations import background
from api.aggregations.background import BackgroundCounts


async def run_other_tasks() -> None:
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
        await run_other_tasks()
        assert counts.get("a") == 50
        await counts.close()

    asyncio.run(main())


def test_start__two_counts__run_one_after_the_other() -> None:
    async def main() -> None:
        running, max_running = 0, 0

        async def count() -> int:
            nonlocal running, max_running
            running += 1
            max_running = max(max_running, running)
            await run_other_tasks()
            running -= 1
            return 9

        counts: BackgroundCounts[int] = BackgroundCounts(asyncio.Semaphore(1))
        for key in "ab":
            counts.start(key, 1, count)
        while {counts.get("a"), counts.get("b")} != {9}:
            await asyncio.sleep(0)
        assert max_running == 1
        await counts.close()

    asyncio.run(main())


def test_get__key_abandoned_before_its_turn__is_counted_when_requested_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        gate = asyncio.Semaphore(1)
        counts: BackgroundCounts[int] = BackgroundCounts(gate)
        await gate.acquire()
        counts.start("a", 1, lambda: count_to(9))
        await run_other_tasks()
        monkeypatch.setattr(background, "ABANDONED_AFTER_SECONDS", -1)
        gate.release()
        await run_other_tasks()
        monkeypatch.undo()
        assert counts.get("a") == 1
        await run_other_tasks()
        assert counts.get("a") == 9
        await counts.close()

    asyncio.run(main())


def test_start__too_many_keys__drops_the_least_recently_requested(monkeypatch: pytest.MonkeyPatch) -> None:
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
