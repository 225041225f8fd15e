"""Limits on the CPU time and the memory that one file may use, and on integers.

All CPU limits of a process share one timer, whose state is in `_ticks_left` and `_ticking_thread`. One timer is enough,
because only one `cpu_limit` is active at a time: `cpu_limit` works only in the main thread, and its body does not yield
to other greenlets.
"""

from __future__ import annotations

import atexit
import math
import os
import signal
import threading
from types import FrameType

TICKS_PER_SECOND = 50
# The largest integer that MongoDB stores.
MAX_INTEGER = (1 << 63) - 1

# The active limit raises DeadlineExceeded at the tick at which this is 1; 0 if no limit is active.
_ticks_left = 0
# Native id of the thread that receives the timer's signals; 0 if the timer is not running.
_ticking_thread = 0


class DeadlineExceeded(BaseException):
    """The body of `cpu_limit` took too long. A BaseException, so that no library's `except Exception` catches it."""


class MemoryExceeded(Exception):
    """Decoding a file would take more memory than one file may use."""


class MemoryBudget:
    """Counts the memory that the values of one file take. Callers call `spend` before they create the values."""

    __slots__ = ("limit_mb", "spent_bytes")

    def __init__(self, limit_mb: int) -> None:
        self.limit_mb = limit_mb
        self.spent_bytes = 0

    def spend(self, n_bytes: int) -> None:
        """Add `n_bytes` to the memory spent so far.

        Raises:
            MemoryExceeded: If the sum exceeds the limit.
        """
        self.spent_bytes += n_bytes
        if self.spent_bytes > self.limit_mb << 20:
            raise MemoryExceeded(f"Decoding the metadata would take more than {self.limit_mb} MiB of memory.")


def _tick(_signum: int, _frame: FrameType | None) -> None:
    global _ticks_left
    if _ticks_left > 1:
        _ticks_left -= 1
    elif _ticks_left:
        # Raise at each further tick too: Python ignores an exception in a destructor or a callback of the garbage
        # collector.
        raise DeadlineExceeded


class cpu_limit:  # noqa: N801  # entered twice or more per image: a generator would take three times as long
    """Context manager that stops its body after `seconds` of the process's CPU time.

    Unlike gevent's timeouts, it also stops code that does not yield to other greenlets. It uses a signal, so it has no
    effect outside the main thread, the only one in which Python runs signal handlers.

    One timer for all files is started on first use. It ticks TICKS_PER_SECOND times per second of CPU time. Setting a
    timer for each file would take longer than decoding many of the files.

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

    Threads are compared by the kernel's thread ids, because gevent patches Python's own ids. The timer sends SIGPROF,
    which nothing else in EXIFinator uses.
    """
    global _ticking_thread
    thread = threading.get_native_id()
    if _ticking_thread == 0 and thread == os.getpid():
        signal.signal(signal.SIGPROF, _tick)
        signal.setitimer(signal.ITIMER_PROF, 1 / TICKS_PER_SECOND, 1 / TICKS_PER_SECOND)
        # Python restores the default signal handler at exit, after which a tick would kill the process. So stop the
        # timer first.
        atexit.register(signal.setitimer, signal.ITIMER_PROF, 0)
        _ticking_thread = thread
    return thread == _ticking_thread


def _reset_after_fork() -> None:
    global _ticks_left, _ticking_thread
    _ticks_left = _ticking_thread = 0


# A forked process inherits the variables above, but not the timer.
os.register_at_fork(after_in_child=_reset_after_fork)
