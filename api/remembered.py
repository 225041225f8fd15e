"""Answers about the whole collection that are worked out beside the requests and kept for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from pymongo.errors import PyMongoError

log = logging.getLogger(__name__)
Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """One value that takes long to make: who asks gets the last one at once, and an old one is made anew meanwhile.

    A value is old after `seconds`, or twenty times what it took to make, whichever is more, so that making it never
    takes more than a twentieth of the time. Nothing is made while nobody asks, and nothing within MOST_SECONDS where
    `look`, which costs little, gives what it gave before the value was made.
    """

    MOST_SECONDS = 60.0
    # What is made within so many seconds is waited for: of few photos nobody sees an old count.
    QUICK_SECONDS = 0.1

    def __init__(
        self,
        make: Callable[[], Awaitable[Value]],
        *,
        seconds: float,
        look: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._make = make
        self._seconds = seconds
        self._look = look
        self._value: Value | None = None
        self._seen: object = None
        self._made_at = 0.0
        self._took = 0.0
        self._old_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def get(self) -> Value | None:
        """The last value, None before there is one. Has to be called in the event loop."""
        if time.monotonic() >= self._old_at and self._task is None:
            self._task = asyncio.create_task(self._renew())
        return self._value

    async def wait(self) -> Value:
        """The last value, or the next where there is none yet or it is quickly made. Raises: what making it raised."""
        value = self.get()
        if self._task is not None and (value is None or self._took < self.QUICK_SECONDS):
            # Whoever waits may give up; what is made is for the others too.
            await asyncio.shield(self._task)
            value = self._value
        if value is None:
            return await self._make()
        return value

    async def close(self) -> None:
        """End what is being made."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _renew(self) -> None:
        start = time.monotonic()
        try:
            seen = await self._look() if self._look else None
            is_same = seen is not None and seen == self._seen and start < self._made_at + self.MOST_SECONDS
            if self._value is None or not is_same:
                self._value = await self._make()
                self._seen, self._made_at, self._took = seen, start, time.monotonic() - start
        except PyMongoError as error:
            log.warning("counting the whole collection failed, to be tried again: %s", type(error).__name__)
        finally:
            end = time.monotonic()
            # What failed is tried again when next asked for.
            if self._value is not None:
                self._old_at = end + max(self._seconds, 20 * (end - start))
            self._task = None
