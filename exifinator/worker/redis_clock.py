"""A clock set from Redis, so that the workers of all hosts agree on the times of MRQ's jobs.

MRQ stores when a retry is due, when a job began and when maintenance last ran, by the clock of the worker's host.
Workers on other hosts compare these times with their own clocks. If one host's clock were ten minutes ahead, its
retries would be ten minutes late, and meanwhile no worker would run the maintenance that queues due retries.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any


class RedisClock:
    """A clock that is set from Redis TIME every few seconds. In between, time.monotonic() advances it.

    Until it is first set, it is the clock of the host.
    """

    def __init__(self) -> None:
        self._offset_from_monotonic: float | None = None

    def set(self, now: datetime) -> None:
        """Set the clock."""
        self._offset_from_monotonic = now.timestamp() - time.monotonic()

    def utcnow(self) -> datetime:
        """Return the time as MRQ compares and stores it: a naive datetime in UTC."""
        if self._offset_from_monotonic is None:
            return datetime.now(UTC).replace(tzinfo=None)
        return datetime.fromtimestamp(self._offset_from_monotonic + time.monotonic(), UTC).replace(tzinfo=None)


CLOCK = RedisClock()
# The part of the module `datetime` that MRQ's modules use.
_DATETIME_MODULE = SimpleNamespace(
    datetime=SimpleNamespace(utcnow=CLOCK.utcnow, fromtimestamp=datetime.fromtimestamp, combine=datetime.combine),
    timedelta=timedelta,
)


def patch_mrq_datetime(modules: Iterable[Any]) -> None:
    """Make `datetime.datetime.utcnow()` in these modules return the time of CLOCK."""
    for module in modules:
        module.datetime = _DATETIME_MODULE
