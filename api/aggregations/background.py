"""Compute, in the background, counts that would be too slow during a request, and cache them."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

from api.aggregations.cached_value import StaleWhileRevalidate
from api.shared.values import SharedValue, SharedValues

Value = TypeVar("Value")

MAX_KEYS = 64
# Skip a queued count that no request has asked for within this time.
ABANDONED_AFTER_SECONDS = 15.0


class _Entry(Generic[Value]):
    """The counts of one filter: first of a sample, later of all photos."""

    def __init__(
        self,
        sample: Value,
        count_all: Callable[[], Awaitable[Value]],
        gate: asyncio.Semaphore,
        shared: SharedValue[Value | None] | None,
    ) -> None:
        self.sample = sample
        self.requested_at = time.monotonic()
        self.full: StaleWhileRevalidate[Value | None] = StaleWhileRevalidate(
            partial(self._count, count_all, gate), seconds=60, shared=shared
        )

    async def _count(self, count_all: Callable[[], Awaitable[Value]], gate: asyncio.Semaphore) -> Value | None:
        async with gate:
            if time.monotonic() - self.requested_at > ABANDONED_AFTER_SECONDS:
                return None
            return await count_all()


class BackgroundCounts(Generic[Value]):
    """A cache of counts by key. Keeps the MAX_KEYS most recently used entries.

    Args:
        gate: Limits how many slow queries run at the same time.
        shared: The counts that all processes share.
        name: What is counted, such as `map`.
    """

    def __init__(self, gate: asyncio.Semaphore, shared: SharedValues | None = None, name: str = "") -> None:
        self._gate = gate
        self._shared = shared
        self._name = name
        self._entries: OrderedDict[str, _Entry[Value]] = OrderedDict()

    def get(self, key: str) -> Value | None:
        """Return the full counts if they are ready, else the counts of the sample; None if the key is unknown."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        entry.requested_at = time.monotonic()
        return entry.full.get() or entry.sample

    def start(self, key: str, sample: Value, count_all: Callable[[], Awaitable[Value]]) -> None:
        """Store the counts of a sample, and queue the full count. Do nothing if the key is known."""
        if key in self._entries:
            return
        shared = self._shared.named(f"background {self._name} {key}") if self._shared else None
        self._entries[key] = entry = _Entry(sample, count_all, self._gate, shared)
        entry.full.get()  # starts the count
        if len(self._entries) > MAX_KEYS:
            self._entries.popitem(last=False)

    async def close(self) -> None:
        """Cancel the counts in progress."""
        for entry in self._entries.values():
            await entry.full.close()
