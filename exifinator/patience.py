"""What a run does while Redis or MongoDB is away: it waits."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import TypeVar

from exifinator.errors import QueueUnavailable, StoreUnavailable

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# How long a run puts up with Redis or MongoDB being away.
PATIENCE_SECONDS = 600.0
LONGEST_PAUSE_SECONDS = 10.0


def insist(action: Callable[[], Result], pause: Callable[[float], None]) -> Result:
    """What `action` returns, once Redis and MongoDB let it; it is tried again with growing pauses while they are away.

    Raises: QueueUnavailable, StoreUnavailable when they have been away for PATIENCE_SECONDS.
    """
    waited, next_pause = 0.0, 0.5
    while True:
        try:
            return action()
        except (QueueUnavailable, StoreUnavailable) as exc:
            if waited > PATIENCE_SECONDS:
                raise
            log.warning("retry: %s", exc)
            seconds = next_pause * random.uniform(0.5, 1)  # noqa: S311
            pause(seconds)
            waited += seconds
            next_pause = min(2 * next_pause, LONGEST_PAUSE_SECONDS)
