"""Wait for events in tests, without a time limit: pytest-timeout ends a test that hangs."""

from __future__ import annotations

import secrets
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

Result = TypeVar("Result")

_POLL_SECONDS = 0.02
# Some predicates search all processes of the machine. Without pauses in proportion to their CPU time, they would take
# the CPU time that the programs need to reach the awaited state.
_PAUSE_PER_CPU_SECOND = 4
_MAX_PAUSE_SECONDS = 0.2


class ProcessExited(AssertionError):
    """A watched process exited before the awaited state was reached."""


def eventually(
    predicate: Callable[[], Result],
    *,
    watching: Iterable[subprocess.Popen[bytes] | subprocess.Popen[str]] = (),
    explain: Callable[[], str] | None = None,
) -> Result:
    """Return the first true result of `predicate`.

    Args:
        watching: Processes that the state depends on; the wait fails as soon as one of them has exited.
        explain: Called when the wait fails or is interrupted; its text (such as the end of a log) is shown.

    Raises:
        ProcessExited: A watched process exited.
    """
    processes = list(watching)
    try:
        began = time.thread_time()
        while not (result := predicate()):
            exited = next((process for process in processes if process.poll() is not None), None)
            if exited is not None:
                # The last action of the process may have produced the state.
                if result := predicate():
                    break
                raise ProcessExited(f"{exited.args!r} exited with {exited.returncode}")
            pause = _PAUSE_PER_CPU_SECOND * (time.thread_time() - began)
            time.sleep(min(max(_POLL_SECONDS, pause), _MAX_PAUSE_SECONDS))
            began = time.thread_time()
    except BaseException as error:
        if explain is not None:
            error.add_note(explain())
        raise
    return result


class ReadySocket:
    """The receiving end of sd_notify: a process that gets `environment` reports here that it is ready."""

    def __init__(self) -> None:
        self._name = f"exifinator-test-{secrets.token_hex(8)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{self._name}")

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": f"@{self._name}"}

    def is_ready(self) -> bool:
        """Return whether READY=1 has arrived. Each message is received, and therefore counts, only once."""
        readable, _, _ = select.select([self._socket], [], [], 0)
        return bool(readable) and b"READY=1" in self._socket.recv(4096)

    def close(self) -> None:
        self._socket.close()
