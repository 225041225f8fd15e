"""Poll for messages once for all listeners, however many there are."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

import anyio
from starlette.concurrency import run_in_threadpool

from exifinator.errors import EXIFinatorError

log = logging.getLogger(__name__)


class Feed:
    """Polls a function for its current message, and sends each new message to all listeners.

    A slow listener skips the messages it has missed. The function is polled only while there are listeners. If a call
    fails, polling continues, and the listeners keep the last message.

    Args:
        read: Returns the current message. Runs in a thread.
        poll_seconds: Time from the start of one poll to the start of the next.
    """

    def __init__(self, read: Callable[[], bytes], *, poll_seconds: float = 1.0) -> None:
        self._read = read
        self._poll_seconds = poll_seconds
        self._message = b""
        self._changed = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        self._listeners = 0
        # Set this event to end all listeners.
        self.closing = anyio.Event()

    @property
    def listeners(self) -> int:
        """The number of listeners."""
        return self._listeners

    async def current_message(self) -> bytes:
        """Return the current message. If there is none yet, or if nothing is polling, call `read` first.

        Raise whatever `read` raises.
        """
        if self._poller is None or not self._message:
            self._publish(await run_in_threadpool(self._read))
        return self._message

    async def listen(self) -> AsyncGenerator[bytes]:
        """Yield the current message, then each new message."""
        self._listeners += 1
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        last: bytes | None = None
        try:
            while not self.closing.is_set():
                changed = self._changed
                if last is self._message:
                    await changed.wait()
                else:
                    last = self._message
                    yield last
        finally:
            self._listeners -= 1
            if not self._listeners and self._poller is not None:
                self._poller.cancel()
                self._poller = None

    def _publish(self, message: bytes) -> None:
        if message != self._message:
            self._message = message
            # Wake the current listeners. Later ones wait on the new event.
            self._changed.set()
            self._changed = asyncio.Event()

    async def _poll(self) -> None:
        while not self.closing.is_set():
            started_at = time.monotonic()
            try:
                self._publish(await run_in_threadpool(self._read))
            except EXIFinatorError as error:
                log.warning("cannot read batches, trying again: %s", error, extra={"action": "retry"})
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, started_at + self._poll_seconds - time.monotonic())):
                    await self.closing.wait()
        # Wake the listeners, so that they notice that the feed is closing.
        self._changed.set()
