"""Pause a listing while the download queue is full."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from exifinator.batches.recovery import is_full
from exifinator.queue.image_queue import ImageQueue
from exifinator.retry import Retry, backoff_seconds

log = logging.getLogger(__name__)

# The pauses grow from the minimum to the maximum.
MIN_PAUSE_SECONDS = 0.05
MAX_PAUSE_SECONDS = 2.0


def pauses_while_full(queue: ImageQueue, retry: Retry, batch_id: str) -> Iterator[None]:
    """Yield before each pause, until the queue is no longer full. Each pause is longer than the last, up to a maximum.

    Args:
        retry: Repeats calls to Redis, and pauses.
        batch_id: The batch whose listing pauses.
    """
    attempt = 0
    while retry(is_full, queue):
        attempt += 1
        if attempt == 1:
            log.info(
                "wait: the queue is full (MAX_QUEUED images), so the listing pauses",
                extra={"action": "wait", "batch": batch_id},
            )
        yield
        retry.pause(backoff_seconds(attempt, first_seconds=MIN_PAUSE_SECONDS, max_seconds=MAX_PAUSE_SECONDS))
