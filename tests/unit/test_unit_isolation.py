"""The guard of conftest.py: unit tests open no socket and start no process."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import gevent.socket
import pytest

from tests.unit.conftest import ForbiddenInUnitTests


def execute() -> None:
    os.execv(sys.executable, [sys.executable, "-c", ""])  # noqa: S606


@pytest.mark.parametrize(
    "call",
    [
        socket.socket,
        gevent.socket.socket,
        lambda: socket.create_connection(("127.0.0.1", 9)),
        lambda: socket.create_server(("127.0.0.1", 0)),
        lambda: socket.getaddrinfo("localhost", 80),
        lambda: subprocess.run([sys.executable, "-c", ""], check=False),
        lambda: os.system("true"),  # noqa: S605
        os.fork,
        execute,
        lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {}),
    ],
    ids=["socket", "gevent-socket", "connection", "server", "resolver", "subprocess", "shell", "fork", "exec", "spawn"],
)
def test_guard__call_that_opens_a_socket_or_starts_a_process__is_refused(
    call: Callable[[], object], forbidden_calls: list[str]
) -> None:
    with pytest.raises(ForbiddenInUnitTests):
        call()
    assert forbidden_calls
    forbidden_calls.clear()


def test_guard__suppressed_exception__is_still_recorded(forbidden_calls: list[str]) -> None:
    with contextlib.suppress(BaseException):
        os.fork()
    assert forbidden_calls == ["os.fork"]
    forbidden_calls.clear()


def test_guard__call_in_a_thread_of_the_test__is_refused(forbidden_calls: list[str]) -> None:
    def fork() -> None:
        with contextlib.suppress(ForbiddenInUnitTests):
            os.fork()

    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
    assert forbidden_calls == ["os.fork"]
    forbidden_calls.clear()


@pytest.fixture(scope="module")
def call_in_older_thread() -> Callable[[Callable[[], object]], object]:
    """Return a function that calls its argument in a thread that was started before the test."""
    calls: list[Callable[[], object]] = []
    results: list[object] = []
    requested, finished = threading.Semaphore(0), threading.Semaphore(0)

    def serve() -> None:
        while True:
            requested.acquire()
            results.append(calls.pop()())
            finished.release()

    threading.Thread(target=serve, daemon=True).start()

    def call(function: Callable[[], object]) -> object:
        calls.append(function)
        requested.release()
        finished.acquire()
        return results.pop()

    return call


def test_guard__call_in_a_thread_older_than_the_test__is_allowed(
    call_in_older_thread: Callable[[Callable[[], object]], object], forbidden_calls: list[str]
) -> None:
    opened = call_in_older_thread(socket.socket)
    assert isinstance(opened, socket.socket)
    opened.close()
    assert forbidden_calls == []


def test_guard__socketpair_of_an_event_loop__is_allowed() -> None:
    for end in socket.socketpair():
        end.close()
