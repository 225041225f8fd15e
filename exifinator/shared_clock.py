"""One clock for the workers of all hosts, as far as MRQ's jobs go: that of the Redis server.

MRQ notes by the clock of its own host when a job is to be tried again, when it began and when its maintenance was last
due, and compares that with the clock of whichever worker looks. Beside a host that is ten minutes off, a retry would
wait those ten minutes, and nothing would look for it meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any


class SharedClock:
    """Tells the time that it was set to, and what has passed since; that of this host until then."""

    def __init__(self) -> None:
        self._ahead_of_monotonic: float | None = None

    def set(self, now: datetime) -> None:
        """Go by this time from now on."""
        self._ahead_of_monotonic = now.timestamp() - time.monotonic()

    def utcnow(self) -> datetime:
        """Now, as MRQ compares and stores it: UTC, without a zone."""
        if self._ahead_of_monotonic is None:
            return datetime.now(UTC).replace(tzinfo=None)
        return datetime.fromtimestamp(self._ahead_of_monotonic + time.monotonic(), UTC).replace(tzinfo=None)


CLOCK = SharedClock()
# What MRQ's modules ask of `datetime`.
_MODULE = SimpleNamespace(
    datetime=SimpleNamespace(utcnow=CLOCK.utcnow, fromtimestamp=datetime.fromtimestamp, combine=datetime.combine),
    timedelta=timedelta,
)


def take_over(modules: Iterable[Any]) -> None:
    """Let these modules, which say `datetime.datetime.utcnow()`, go by CLOCK."""
    for module in modules:
        module.datetime = _MODULE
