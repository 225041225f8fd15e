"""Exponential backoff with jitter, and retries while Redis or MongoDB is unavailable."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from exifinator.errors import QueueUnavailable, StoreUnavailable

log = logging.getLogger(__name__)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Stop retrying when the pauses add up to more than this.
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
    """Return the pause before the next attempt, in seconds.

    The pause grows exponentially with the number of attempts. It is multiplied by a random factor, so that clients that
    failed at the same time do not retry at the same time.

    Args:
        attempt: The number of failed attempts, at least 1.
        first_seconds: The pause after the first failed attempt, before jitter.
        growth: The factor by which each further failed attempt lengthens the pause.
        max_seconds: The maximum pause, before jitter.
        jitter: The smallest and the largest random factor.
        chance: Returns a random number from 0 to 1.
    """
    # Limit the exponent, so that the power does not overflow a float after thousands of attempts.
    exponent = min(attempt - 1, 100)
    low, high = jitter
    return min(first_seconds * growth**exponent, max_seconds) * (low + (high - low) * chance())


@dataclass(frozen=True, slots=True)
class Retry:
    """Calls a function, and retries it with growing pauses while Redis or MongoDB is unavailable.

    If the pauses add up to more than MAX_UNAVAILABLE_SECONDS, the error is raised.

    Attributes:
        pause: Sleeps for a number of seconds.
    """

    pause: Callable[[float], None] = time.sleep

    def __call__(
        self, action: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        retrying = Retrying(
            retry=retry_if_exception_type((QueueUnavailable, StoreUnavailable)),
            wait=_wait,
            stop=lambda state: state.idle_for > MAX_UNAVAILABLE_SECONDS,
            sleep=self.pause,
            before_sleep=_log_retry,
            reraise=True,
        )
        return retrying(action, *args, **kwargs)


def _wait(state: RetryCallState) -> float:
    return backoff_seconds(state.attempt_number, first_seconds=FIRST_PAUSE_SECONDS, max_seconds=MAX_PAUSE_SECONDS)


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("retry: %s", error, extra={"action": "retry"})
