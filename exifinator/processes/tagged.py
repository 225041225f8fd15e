"""Find and end EXIFinator's own processes by a tag in their environment variables.

The name or id of a process could also belong to an unrelated process. The tag cannot.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

# The environment variable with the tag (see process_tag). Every process that a Supervision or the API starts has it.
TAG_VARIABLE = "EXIFINATOR_SUPERVISED"
# Errors about a process that has ended, or that this user may not see. psutil does not translate all of them.
PROCESS_ERRORS = (psutil.Error, FileNotFoundError, ProcessLookupError)
# How long orphans may take to exit after SIGTERM.
ORPHAN_STOP_SECONDS = 15.0
# How long a process may take to exit after SIGKILL. A large process on a busy machine takes seconds.
KILL_WAIT_SECONDS = 60.0


def process_tag(root: Path, name: str) -> str:
    """Return the tag of the processes that the checkout at `root` starts under `name`: "<hash of root>:<name>"."""
    return f"{hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]}:{name}"


def find_tagged(tag: str) -> list[psutil.Process]:
    """Return every running process of this user that has the tag."""
    tagged = []
    for pid in psutil.pids():
        with contextlib.suppress(*PROCESS_ERRORS):
            process = psutil.Process(pid)
            if process.uids().real == os.getuid() and process.environ().get(TAG_VARIABLE) == tag and is_alive(process):
                tagged.append(process)
    return tagged


def find_listeners(port: int) -> list[int]:
    """Return the ids of the processes that listen on this TCP port, if this user may see them."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return []
    return [
        connection.pid
        for connection in connections
        if connection.pid and connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,)
    ]


def has_listener(tag: str, port: int) -> bool:
    """Return whether a process that has the tag listens on this TCP port."""
    return not {process.pid for process in find_tagged(tag)}.isdisjoint(find_listeners(port))


def find_supervisord(tag: str) -> psutil.Process | None:
    """Return the supervisord that has the tag, or None.

    Its child processes have the tag too, but only supervisord leads a session.
    """
    for process in find_tagged(tag):
        with contextlib.suppress(*PROCESS_ERRORS):
            if os.getsid(process.pid) == process.pid and "supervisor.supervisord" in process.cmdline():
                return process
    return None


def end_orphans(tag: str) -> bool:
    """End the tagged processes whose supervisord was killed, so that they do not run beside their successors.

    The calling process and its ancestors are not ended.

    Returns:
        Whether there were any orphans.
    """
    with contextlib.suppress(*PROCESS_ERRORS):
        # List the tagged processes before the children of supervisord. A child that starts in between is then not in
        # `tagged`, and is not mistaken for an orphan.
        tagged = find_tagged(tag)
        supervisord = find_supervisord(tag)
        spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
        if supervisord is not None:
            spared |= {supervisord.pid, *(child.pid for child in supervisord.children(recursive=True))}
        orphans = [process for process in tagged if process.pid not in spared]
        end_processes(orphans, ORPHAN_STOP_SECONDS)
        return bool(orphans)
    return False


def is_alive(process: psutil.Process) -> bool:
    """Return whether the process is running. Zombie processes do not count as running."""
    with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def end_processes(processes: Sequence[psutil.Process], timeout_seconds: float) -> None:
    """Send SIGTERM to the processes. Kill the processes that still run after `timeout_seconds`."""
    for process in processes:
        with contextlib.suppress(*PROCESS_ERRORS):
            process.terminate()
    remaining = _wait(processes, timeout_seconds)
    for process in remaining:
        with contextlib.suppress(*PROCESS_ERRORS):
            process.kill()
    _wait(remaining, KILL_WAIT_SECONDS)


def _wait(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until the processes have exited, for at most `seconds`. Return the processes that still run."""
    deadline = time.monotonic() + seconds
    while (remaining := [process for process in processes if is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return remaining
