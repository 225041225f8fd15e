"""What is worked out over more photos than a request can wait for: made beside the requests, and kept."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

from api.remembered import Remembered

Value = TypeVar("Value")

MOST = 64
# What nobody has asked for during so many seconds before its turn is not counted.
PATIENCE_SECONDS = 15.0


class _Wide(Generic[Value]):
    """What stands for one filter: what some photos give, and in time what all do."""

    def __init__(self, some: Value, count_all: Callable[[], Awaitable[Value]], gate: asyncio.Semaphore) -> None:
        self.some = some
        self.asked = time.monotonic()
        self.all = Remembered(partial(self._count, count_all, gate), seconds=60)

    async def _count(self, count_all: Callable[[], Awaitable[Value]], gate: asyncio.Semaphore) -> Value | None:
        async with gate:
            if time.monotonic() - self.asked > PATIENCE_SECONDS:
                return None
            return await count_all()


class WideCounts(Generic[Value]):
    """The last MOST of them, by what was counted. gate: what each query waits for that may take long."""

    def __init__(self, gate: asyncio.Semaphore) -> None:
        self._gate = gate
        self._kept: OrderedDict[str, _Wide[Value]] = OrderedDict()

    def get(self, key: str) -> Value | None:
        """What all give, or some while all are being worked out; None: nothing of that key is kept."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        found.asked = time.monotonic()
        return found.all.get() or found.some

    def keep(self, key: str, some: Value, count_all: Callable[[], Awaitable[Value]]) -> None:
        """Keep what some photos give, and have all worked out as soon as it is their turn. What is kept stays."""
        if key in self._kept:
            return
        self._kept[key] = found = _Wide(some, count_all, self._gate)
        found.all.get()
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)

    async def close(self) -> None:
        """End what is being counted."""
        for found in self._kept.values():
            await found.all.close()
