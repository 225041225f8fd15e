"""A bound on the CPU time and the memory that one file may cost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_armed = False


class DeadlineExceeded(BaseException):
    """Raised into the code that computes for too long; no library's `except Exception` can swallow it."""


class MemoryExceeded(Exception):
    """A file would take more memory than one file may."""


class MemoryBudget:
    """Counts the memory that a file's values take, before they are made."""

    __slots__ = ("limit_mb", "spent_bytes")

    def __init__(self, limit_mb: int) -> None:
        self.limit_mb = limit_mb
        self.spent_bytes = 0

    def spend(self, n_bytes: int) -> None:
        """Raises: MemoryExceeded."""
        self.spent_bytes += n_bytes
        if self.spent_bytes > self.limit_mb << 20:
            raise MemoryExceeded(f"its metadata would take more than {self.limit_mb} MiB of memory")


def _stop(_signum: int, _frame: FrameType | None) -> None:
    # The signal may arrive when the work is done and only the timer not yet stopped.
    if _armed:
        raise DeadlineExceeded


@contextmanager
def cpu_deadline(seconds: float) -> Iterator[None]:
    """Stop what runs inside after `seconds` of the process's CPU time, in a greenlet too if it does not yield.

    Only the main thread can be stopped so; in another one this changes nothing.
    Raises: DeadlineExceeded.
    """
    global _armed
    try:
        # Python refuses this outside the main thread, which is how we learn where we are: gevent's patches hide it.
        previous = signal.signal(signal.SIGPROF, _stop)
    except ValueError:
        yield
        return
    _armed = True
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        _armed = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
