"""A clock set from Redis, so that the workers of all hosts agree on the times of MRQ's jobs.

MRQ stores, by the clock of its own host, when a retry is due, when a job began and when maintenance was last run, and
compares that with the clock of whichever worker reads it. With a host whose clock is ten minutes ahead, a retry would
wait those ten minutes, and no worker would run the maintenance that looks for it meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any


class RedisClock:
    """A clock set from Redis TIME now and then, and advanced by time.monotonic(); the host's clock until then."""

    def __init__(self) -> None:
        self._offset_from_monotonic: float | None = None

    def set(self, now: datetime) -> None:
        """Set the clock."""
        self._offset_from_monotonic = now.timestamp() - time.monotonic()

    def utcnow(self) -> datetime:
        """Return the time as MRQ compares and stores it: UTC, without a zone."""
        if self._offset_from_monotonic is None:
            return datetime.now(UTC).replace(tzinfo=None)
        return datetime.fromtimestamp(self._offset_from_monotonic + time.monotonic(), UTC).replace(tzinfo=None)


CLOCK = RedisClock()
# What MRQ's modules use of `datetime`.
_DATETIME_MODULE = SimpleNamespace(
    datetime=SimpleNamespace(utcnow=CLOCK.utcnow, fromtimestamp=datetime.fromtimestamp, combine=datetime.combine),
    timedelta=timedelta,
)


def patch_mrq_datetime(modules: Iterable[Any]) -> None:
    """Make these modules, which call `datetime.datetime.utcnow()`, use CLOCK."""
    for module in modules:
        module.datetime = _DATETIME_MODULE
