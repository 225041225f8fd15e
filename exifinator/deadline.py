"""A bound on the CPU time and the memory that one file may cost."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

_armed = False
_handled = False


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


class cpu_deadline:  # noqa: N801  # a context manager, entered twice an image: a generator would cost three times as much
    """Stop what runs inside after `seconds` of the process's CPU time, in a greenlet too if it does not yield.

    Only the main thread can be stopped so; in another one this changes nothing.
    Raises: DeadlineExceeded.
    """

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        global _armed
        if _can_be_stopped():
            _armed = True
            signal.setitimer(signal.ITIMER_PROF, self._seconds)

    def __exit__(self, *exc_info: object) -> None:
        global _armed
        if _armed and _can_be_stopped():
            _armed = False
            signal.setitimer(signal.ITIMER_PROF, 0)


def _can_be_stopped() -> bool:
    """Is this the main thread, the only one that signals reach?

    The kernel's number tells, for gevent's patches hide Python's own. The handler is set once and stays: setting it
    costs more than the timer does, and nobody else here uses SIGPROF.
    """
    global _handled
    if threading.get_native_id() != os.getpid():
        return False
    if not _handled:
        signal.signal(signal.SIGPROF, _stop)
        _handled = True
    return True
