"""A clock that follows the Redis server, so that the workers on all hosts agree on the times of MRQ's jobs.

By itself, MRQ uses the clock of the worker's host to store when a retry is due, when a job began and when maintenance
last ran. Workers on other hosts compare these times with their own clocks. If one host's clock were ten minutes ahead,
its retries would be ten minutes late. For these ten minutes, no worker would run the maintenance that queues due
retries.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any


class RedisClock:
    """A clock that the worker sets to the time of the Redis server every few seconds.

    Between updates, the clock advances with time.monotonic(). Until the first update, it returns the host's time.
    """

    def __init__(self) -> None:
        self._offset_from_monotonic: float | None = None

    def set(self, now: datetime) -> None:
        """Set the clock to `now`, the time of the Redis server."""
        self._offset_from_monotonic = now.timestamp() - time.monotonic()

    def utcnow(self) -> datetime:
        """Return the time as a naive datetime in UTC, which is what MRQ compares and stores."""
        if self._offset_from_monotonic is None:
            return datetime.now(UTC).replace(tzinfo=None)
        return datetime.fromtimestamp(self._offset_from_monotonic + time.monotonic(), UTC).replace(tzinfo=None)


CLOCK = RedisClock()
# A replacement for the module `datetime`, with everything that the patched modules use from it.
_DATETIME_MODULE = SimpleNamespace(
    datetime=SimpleNamespace(utcnow=CLOCK.utcnow, fromtimestamp=datetime.fromtimestamp, combine=datetime.combine),
    timedelta=timedelta,
)


def patch_mrq_datetime(modules: Iterable[Any]) -> None:
    """Make `datetime.datetime.utcnow()` in these modules return the time of CLOCK."""
    for module in modules:
        module.datetime = _DATETIME_MODULE
