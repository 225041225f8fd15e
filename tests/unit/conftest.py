"""Forbid sockets and processes in unit tests.

An audit hook sees calls that patches of `socket` and `subprocess` would miss: forks, and gevent's sockets, which are
built on `_socket`. The hook checks only threads that a unit test may have started. It ignores threads of servers and
drivers that fixtures of other tests leave running in the same process.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator

import pytest

_PROCESS_EVENTS = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "pty.spawn",
        "subprocess.Popen",
    }
)
_NETWORK_EVENTS = frozenset(
    {
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.getnameinfo",
        "socket.sendmsg",
        "socket.sendto",
    }
)


class ForbiddenInUnitTests(BaseException):
    """A unit test opened a socket or started a process. Not an Exception, so that tested code does not catch it."""


class _Guard:
    """Raises in a forbidden call, and records the call in case the tested code catches even a BaseException."""

    def __init__(self) -> None:
        self.is_on = False
        self.exempt_threads: frozenset[int] = frozenset()
        self.violations: list[str] = []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.is_on or not _is_forbidden(event, arguments) or self._is_of_another_test():
            return
        self.violations.append(event)
        raise ForbiddenInUnitTests(event)

    def _is_of_another_test(self) -> bool:
        """Return whether this thread belongs to another test.

        pymongo's monitors outlive the test that created their client, and start further threads.
        """
        thread = threading.current_thread()
        return thread.ident in self.exempt_threads or thread.name.startswith("pymongo")


def _is_forbidden(event: str, arguments: tuple[object, ...]) -> bool:
    if event == "socket.__new__":
        # asyncio wakes its loop through a socketpair. A socket made from a descriptor has the family -1.
        return arguments[1] not in (socket.AF_UNIX, -1)
    return event in _PROCESS_EVENTS or event in _NETWORK_EVENTS


_guard = _Guard()
# An audit hook stays until the process ends.
sys.addaudithook(_guard)


@pytest.fixture(autouse=True)
def forbidden_calls(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Forbid sockets and processes during a test, which fails if it uses any. Yield the list of forbidden calls."""
    _guard.violations = []
    _guard.exempt_threads = frozenset(thread.ident or 0 for thread in threading.enumerate()) - {threading.get_ident()}
    _guard.is_on = True
    try:
        yield _guard.violations
    finally:
        _guard.is_on = False
    assert not _guard.violations, f"a unit test called {_guard.violations}; move the test to tests/system/"
