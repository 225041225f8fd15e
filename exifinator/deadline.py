"""A bound on the CPU time and the memory that one file may cost."""

from __future__ import annotations

import atexit
import math
import os
import signal
import threading
from types import FrameType

TICKS_A_SECOND = 50

_ticks_left = 0
_ticking_thread = 0


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


def _tick(_signum: int, _frame: FrameType | None) -> None:
    global _ticks_left
    if _ticks_left:
        _ticks_left -= 1
        if not _ticks_left:
            raise DeadlineExceeded


class cpu_deadline:  # noqa: N801  # a context manager, entered twice an image: a generator would cost three times as much
    """Stop what runs inside after `seconds` of the process's CPU time, in a greenlet too if it does not yield.

    Only the main thread can be stopped so; in another one this changes nothing. One timer ticks for all files from the
    first on, TICKS_A_SECOND of CPU time: setting it for each would cost more than many files do.
    Raises: DeadlineExceeded.
    """

    __slots__ = ("_counts", "_ticks")

    def __init__(self, seconds: float) -> None:
        self._ticks = max(2, math.ceil(seconds * TICKS_A_SECOND))

    def __enter__(self) -> None:
        global _ticks_left
        self._counts = _is_ticking_here()
        if self._counts:
            _ticks_left = self._ticks

    def __exit__(self, *exc_info: object) -> None:
        global _ticks_left
        if self._counts:
            _ticks_left = 0


def _is_ticking_here() -> bool:
    """Is this the thread that the signals of the timer reach?

    The kernel's number tells, for gevent's patches hide Python's own. Nobody else here uses SIGPROF.
    """
    global _ticking_thread
    thread = threading.get_native_id()
    if _ticking_thread == 0 and thread == os.getpid():
        signal.signal(signal.SIGPROF, _tick)
        signal.setitimer(signal.ITIMER_PROF, 1 / TICKS_A_SECOND, 1 / TICKS_A_SECOND)
        # Python gives the signal back at its end, and then a tick would kill the process.
        atexit.register(signal.setitimer, signal.ITIMER_PROF, 0)
        _ticking_thread = thread
    return thread == _ticking_thread


def _forget_timer() -> None:
    global _ticks_left, _ticking_thread
    _ticks_left = _ticking_thread = 0


# A process that is forked has the variables, but not the timer.
os.register_at_fork(after_in_child=_forget_timer)
