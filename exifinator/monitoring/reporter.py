"""Add the metrics of this process to the totals of all processes in Redis, every few seconds."""

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
    """Adds the counts of this process to the totals in Redis. Not thread-safe."""

    def __init__(self, queues: QueueAdmin, counts: Counts = COUNTS) -> None:
        self._queues = queues
        self._counts = counts
        self._sender = f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}"
        self._sequence_number = 0
        # The counts that Redis has added to the totals.
        self._confirmed: Counter[str] = Counter()
        # New counts that were sent, but that Redis has not confirmed yet. They are sent again, unchanged and with the
        # same sequence number, until Redis confirms them.
        self._pending: dict[str, int] = {}

    def flush(self) -> None:
        """Send what was counted since the last flush.

        If Redis does not confirm these counts, the next call sends them again with the same sequence number. Redis
        ignores a number that it has seen, so it never adds them twice.

        Raises:
            QueueUnavailable: Redis did not confirm the counts.
        """
        self._send()
        fields = self._counts.fields()
        self._pending = {name: n - self._confirmed[name] for name, n in fields.items() if n != self._confirmed[name]}
        self._sequence_number += 1
        self._send()

    def _send(self) -> None:
        if self._pending:
            self._queues.add_counts(self._sender, self._sequence_number, self._pending)
            self._confirmed.update(self._pending)
            self._pending = {}


@contextmanager
def flushing(queues: QueueAdmin) -> Iterator[None]:
    """Flush in a thread every FLUSH_SECONDS while the block runs, and once more at its end."""
    flusher, ended = Flusher(queues), threading.Event()

    def flush_repeatedly() -> None:
        while True:
            is_last = ended.wait(FLUSH_SECONDS)
            try:
                flusher.flush()
            except QueueUnavailable as exc:
                log.debug("retry: metrics are sent later: %s", exc, extra={"action": "retry"})
            if is_last:
                return

    thread = threading.Thread(target=flush_repeatedly, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(FLUSH_SECONDS)
