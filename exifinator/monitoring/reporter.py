"""Adds the metrics of this process to those of all processes in Redis, every few seconds."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from exifinator.errors import QueueUnavailable
from exifinator.metrics import COUNTS, Counts
from exifinator.queue.admin import QueueAdmin

log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0


class Flusher:
    """Adds to Redis what `counts` has counted since the last time. Not thread-safe."""

    def __init__(self, queues: QueueAdmin, counts: Counts = COUNTS) -> None:
        self._queues = queues
        self._counts = counts
        self._sender = f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}"
        self._number = 0
        # What Redis has confirmed.
        self._sent: Counter[str] = Counter()
        # The addition that Redis has not confirmed yet. It is sent again, unchanged, until it is.
        self._pending: dict[str, int] = {}

    def flush(self) -> None:
        """Send what was counted. If it fails, the next call sends the same again, and Redis adds it once.

        Raises: QueueUnavailable.
        """
        self._send()
        fields = self._counts.fields()
        self._pending = {name: n - self._sent[name] for name, n in fields.items() if n != self._sent[name]}
        self._number += 1
        self._send()

    def _send(self) -> None:
        if self._pending:
            self._queues.add_counts(self._sender, self._number, self._pending)
            self._sent.update(self._pending)
            self._pending = {}


@contextmanager
def flushing(queues: QueueAdmin) -> Iterator[None]:
    """Flush every FLUSH_SECONDS while the block runs, in a thread, and once at its end."""
    flusher, ended = Flusher(queues), threading.Event()

    def work() -> None:
        while True:
            is_last = ended.wait(FLUSH_SECONDS)
            try:
                flusher.flush()
            except QueueUnavailable as exc:
                log.debug("retry: metrics are sent later: %s", exc, extra={"action": "retry"})
            if is_last:
                return

    thread = threading.Thread(target=work, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(FLUSH_SECONDS)
