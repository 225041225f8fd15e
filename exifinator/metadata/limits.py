"""Limits on the CPU time and the memory that one file may use.

The CPU limit has one timer for the whole process, with its state in `_ticks_left` and `_ticking_thread`. Only one
`cpu_limit` is active at a time: it works in the main thread only, and its body does not yield to other greenlets.
"""

from __future__ import annotations

import atexit
import math
import os
import signal
import threading
from types import FrameType

TICKS_PER_SECOND = 50

# Ticks until the active limit raises; 0 if no limit is active.
_ticks_left = 0
# Native id of the thread that receives the timer's signals; 0 if the timer is not running.
_ticking_thread = 0


class DeadlineExceeded(BaseException):
    """The body of `cpu_limit` took too long. A BaseException, so that no library's `except Exception` catches it."""


class MemoryExceeded(Exception):
    """Decoding a file would take more memory than one file may use."""


class MemoryBudget:
    """Counts the memory that a file's values take. It is charged before they are created."""

    __slots__ = ("limit_mb", "spent_bytes")

    def __init__(self, limit_mb: int) -> None:
        self.limit_mb = limit_mb
        self.spent_bytes = 0

    def spend(self, n_bytes: int) -> None:
        """Charge `n_bytes`.

        Raises:
            MemoryExceeded: If the total exceeds the limit.
        """
        self.spent_bytes += n_bytes
        if self.spent_bytes > self.limit_mb << 20:
            raise MemoryExceeded(f"Decoding the metadata would take more than {self.limit_mb} MiB of memory.")


def _tick(_signum: int, _frame: FrameType | None) -> None:
    global _ticks_left
    if _ticks_left:
        _ticks_left -= 1
        if not _ticks_left:
            raise DeadlineExceeded


class cpu_limit:  # noqa: N801  # a context manager, entered twice per image: a generator would cost three times as much
    """Context manager that stops its body after `seconds` of the process's CPU time.

    It also stops greenlets that do not yield. It has no effect outside the main thread, the only one to which Python
    delivers signals. One timer for all files, started on first use, ticks TICKS_PER_SECOND times per second of CPU
    time: setting a timer per file would cost more than decoding many of the files.

    Raises:
        DeadlineExceeded: In the body, when the time is up.
    """

    __slots__ = ("_is_active", "_ticks")

    def __init__(self, seconds: float) -> None:
        self._ticks = max(2, math.ceil(seconds * TICKS_PER_SECOND))

    def __enter__(self) -> None:
        global _ticks_left
        self._is_active = _timer_reaches_this_thread()
        if self._is_active:
            _ticks_left = self._ticks

    def __exit__(self, *exc_info: object) -> None:
        global _ticks_left
        if self._is_active:
            _ticks_left = 0


def _timer_reaches_this_thread() -> bool:
    """Return whether the timer's signals reach this thread. Start the timer if it is not running.

    Threads are identified by the kernel's id, because gevent patches Python's. Nothing else in EXIFinator uses SIGPROF.
    """
    global _ticking_thread
    thread = threading.get_native_id()
    if _ticking_thread == 0 and thread == os.getpid():
        signal.signal(signal.SIGPROF, _tick)
        signal.setitimer(signal.ITIMER_PROF, 1 / TICKS_PER_SECOND, 1 / TICKS_PER_SECOND)
        # Python restores the default handler at exit, and then a tick would kill the process.
        atexit.register(signal.setitimer, signal.ITIMER_PROF, 0)
        _ticking_thread = thread
    return thread == _ticking_thread


def _reset_after_fork() -> None:
    global _ticks_left, _ticking_thread
    _ticks_left = _ticking_thread = 0


# A forked process inherits the variables, but not the timer.
os.register_at_fork(after_in_child=_reset_after_fork)
