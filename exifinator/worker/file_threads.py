"""Threads in which the worker reads local files.

Without threads, all greenlets would wait for a slow or unresponsive disk, and the leases of their images would expire.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gevent.threadpool import ThreadPool

Result = TypeVar("Result")


class FileThreads:
    """Calls functions in a few threads of the operating system.

    Args:
        count: The maximum number of threads.
    """

    def __init__(self, count: int) -> None:
        self._pool = ThreadPool(count)

    def call(self, function: Callable[..., Result], arguments: tuple[object, ...]) -> Result:
        """Return `function(*arguments)`, or raise its exception. Only this greenlet waits."""
        # gevent prints the traceback of each exception that leaves a thread, even if it is handled here.
        result, error = self._pool.apply(_catch, (function, arguments))
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]


def _catch(
    function: Callable[..., Result], arguments: tuple[object, ...]
) -> tuple[Result, None] | tuple[None, Exception]:
    try:
        return function(*arguments), None
    except Exception as exc:  # noqa: BLE001 -- raised again by the caller
        return None, exc
