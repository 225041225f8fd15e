"""What happens to batches, told to any number of listeners by one poller."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable

from starlette.concurrency import run_in_threadpool

from exifinator.errors import EXIFinatorError

log = logging.getLogger(__name__)


class Feed:
    """The last message of a source, and whoever waits for the next: a slow listener skips what it missed.

    Nothing is polled while nobody listens. A source that fails is asked again; its listeners keep the last message.
    """

    def __init__(self, read: Callable[[], bytes], *, poll_seconds: float = 1.0) -> None:
        self._read = read
        self._poll_seconds = poll_seconds
        self._message = b""
        self._changed = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        self._listeners = 0
        self._closed = False

    @property
    def listeners(self) -> int:
        return self._listeners

    async def join(self) -> bytes:
        """The message of now. Raises: what reading it raised."""
        if self._poller is None or not self._message:
            self._take(await run_in_threadpool(self._read))
        return self._message

    async def listen(self, *, heartbeat_seconds: float) -> AsyncGenerator[bytes | None]:
        """Each message from now on, the present one first; None where nothing has changed for so long."""
        self._listeners += 1
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        told: bytes | None = None
        try:
            while not self._closed:
                changed = self._changed
                if told is not self._message:
                    told = self._message
                    yield told
                    continue
                try:
                    async with asyncio.timeout(heartbeat_seconds):
                        await changed.wait()
                except TimeoutError:
                    yield None
        finally:
            self._listeners -= 1
            if not self._listeners and self._poller is not None:
                self._poller.cancel()
                self._poller = None

    def close(self) -> None:
        """End every listener."""
        self._closed = True
        self._changed.set()

    def _take(self, message: bytes) -> None:
        if message != self._message:
            self._message = message
            # Who waits holds the old event; who comes later waits for the new one.
            self._changed.set()
            self._changed = asyncio.Event()

    async def _poll(self) -> None:
        while not self._closed:
            began = time.monotonic()
            try:
                self._take(await run_in_threadpool(self._read))
            except EXIFinatorError as error:
                log.warning("retry: %s", error)
            await asyncio.sleep(max(0.0, began + self._poll_seconds - time.monotonic()))
