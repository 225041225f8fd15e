"""Stale-while-revalidate cache for a value computed from the whole collection."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from pymongo.errors import PyMongoError

from api.shared.values import Computed, SharedValue, measure

log = logging.getLogger(__name__)
Value = TypeVar("Value")


class StaleWhileRevalidate(Generic[Value]):
    """A cached value. Callers get the last value immediately; it is refreshed in the background when it is old.

    A value is old after `seconds`, or after twenty times the time that computing it took, whichever is longer, but at
    the latest after `max_seconds`. So unless `max_seconds` applies, computing takes at most a twentieth of the time.
    Nothing is computed until a caller asks for the value.

    Args:
        compute: Returns a new value; may be slow.
        seconds: Minimum age at which a value is refreshed.
        max_seconds: Age at which a value is refreshed even if computing it takes long.
        read_version: Returns a version that changes whenever the data changes, or None if it is unknown. It must be
            quick. While the version stays the same, an old value is recomputed only every MAX_UNCHANGED_SECONDS.
        clock: Returns seconds, like time.monotonic.
        shared: The value that all processes share. Default: this process computes it for itself alone.
    """

    MAX_UNCHANGED_SECONDS = 60.0
    # Callers wait for a refresh that takes no longer than this, so that a small collection never shows old counts.
    QUICK_SECONDS = 0.1

    def __init__(
        self,
        compute: Callable[[], Awaitable[Value]],
        *,
        seconds: float,
        max_seconds: float = math.inf,
        read_version: Callable[[], Awaitable[object]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        shared: SharedValue[Value] | None = None,
    ) -> None:
        self._compute = compute
        self._seconds = seconds
        self._max_seconds = max_seconds
        self._read_version = read_version
        self._clock = clock
        self._shared = shared
        self._latest: Computed[Value] | None = None
        # When the computation of the latest value began.
        self._started_at = 0.0
        self._stale_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def get(self) -> Value | None:
        """Return the last value, or None if there is none yet. If the value is old, start a refresh.

        Requires a running event loop.
        """
        if self._clock() >= self._stale_at and self._task is None:
            self._task = asyncio.create_task(self._refresh())
        return self._latest.value if self._latest else None

    async def wait(self) -> Value:
        """Return the last value. If there is none yet, or if computing it is quick, wait for the refresh.

        If the refresh fails and there is still no value, compute one directly, and raise whatever `compute` raises.
        """
        self.get()
        latest = self._latest
        if self._task is not None and (latest is None or latest.duration_seconds < self.QUICK_SECONDS):
            # Shield the task: if this request is cancelled, others may still wait for the value.
            await asyncio.shield(self._task)
        return self._latest.value if self._latest else await self._compute()

    async def close(self) -> None:
        """Cancel the refresh in progress."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _refresh(self) -> None:
        start = self._clock()
        remaining_seconds = None
        try:
            version = await self._read_version() if self._read_version else None
            latest = self._latest
            is_recent = start < self._started_at + self.MAX_UNCHANGED_SECONDS
            is_unchanged = latest is not None and version is not None and version == latest.version
            # If there is nothing to compute, the result is None, and the next caller tries again.
            if not (is_unchanged and is_recent) and (computed := await self._load_or_compute(version)) is not None:
                self._latest, self._started_at = computed, self._clock() - computed.age_seconds
                # All processes renew the value at the same age, whichever of them computed it.
                remaining_seconds = self._max_age_seconds(computed.duration_seconds) - computed.seconds_since
        except PyMongoError as error:
            log.warning(
                "cannot count the whole collection, trying again: %s",
                type(error).__name__,
                extra={"action": "retry"},
            )
        finally:
            end = self._clock()
            # If the first computation failed, the next caller tries again.
            if self._latest is not None:
                self._stale_at = end + (
                    self._max_age_seconds(end - start) if remaining_seconds is None else remaining_seconds
                )
            self._task = None

    def _max_age_seconds(self, duration_seconds: float) -> float:
        return min(max(self._seconds, 20 * duration_seconds), self._max_seconds)

    async def _load_or_compute(self, version: object) -> Computed[Value] | None:
        """Return the value that the processes share if it is fresh, or compute a new one."""

        async def compute() -> Computed[Value] | None:
            start = self._clock()
            value = await self._compute()
            return None if value is None else measure(value, version, start, self._clock)

        def is_fresh(stored: Computed[Value]) -> bool:
            is_unchanged = version is not None and stored.version == version
            max_age = self.MAX_UNCHANGED_SECONDS if is_unchanged else self._max_age_seconds(stored.duration_seconds)
            return stored.seconds_since < max_age

        return await (self._shared.get(is_fresh, compute) if self._shared else compute())
