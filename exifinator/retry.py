"""Exponential backoff with jitter, and retries while Redis or MongoDB is unavailable."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from exifinator.errors import QueueUnavailable, StoreUnavailable

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# Give up when the pauses add up to more than this many seconds.
MAX_UNAVAILABLE_SECONDS = 600.0
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 10.0


def backoff_seconds(
    attempt: int,
    *,
    first_seconds: float,
    growth: float = 2.0,
    max_seconds: float = math.inf,
    jitter: tuple[float, float] = (0.5, 1.0),
    chance: Callable[[], float] = random.random,
) -> float:
    """Return the pause before the next attempt: it grows exponentially, and is multiplied by a random factor.

    The random factor keeps clients that failed at the same time from retrying at the same time.

    Args:
        attempt: The number of failed attempts, at least 1.
        first_seconds: The pause after the first failed attempt, before jitter.
        growth: The factor by which each further attempt lengthens the pause.
        max_seconds: The longest pause, before jitter.
        jitter: The range of the random factor.
        chance: Return a random number from 0 to 1.
    """
    # Thousands of attempts must not overflow a float, as 2.0**1024 does.
    exponent = min(attempt - 1, 100)
    low, high = jitter
    return min(first_seconds * growth**exponent, max_seconds) * (low + (high - low) * chance())


def retry_while_unavailable(action: Callable[[], Result], pause: Callable[[float], None]) -> Result:
    """Run `action` and return its result; retry it with growing pauses while Redis or MongoDB is unavailable.

    Args:
        action: The operation.
        pause: Sleep for a number of seconds.

    Raises:
        QueueUnavailable, StoreUnavailable: The server was unavailable for MAX_UNAVAILABLE_SECONDS.
    """
    retrying = Retrying(
        retry=retry_if_exception_type((QueueUnavailable, StoreUnavailable)),
        wait=_wait,
        stop=lambda state: state.idle_for > MAX_UNAVAILABLE_SECONDS,
        sleep=pause,
        before_sleep=_log_retry,
        reraise=True,
    )
    return retrying(action)


def _wait(state: RetryCallState) -> float:
    return backoff_seconds(state.attempt_number, first_seconds=FIRST_PAUSE_SECONDS, max_seconds=MAX_PAUSE_SECONDS)


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("retry: %s", error, extra={"action": "retry"})
