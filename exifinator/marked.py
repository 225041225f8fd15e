"""The processes of a supervision, known by a mark in their environment: a name or a number could be another's."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

# Every process that a supervision, or the API, starts carries it; see mark_of.
MARK = "EXIFINATOR_SUPERVISED"
ORPHAN_SECONDS = 15.0
# From SIGKILL to the end; longer only for one that the kernel holds.
KILL_SECONDS = 5.0


def mark_of(root: Path, name: str) -> str:
    """What the processes carry that the checkout at `root` starts under a name: "<hash of the checkout>:<name>"."""
    return f"{hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]}:{name}"


def find_marked(mark: str) -> list[psutil.Process]:
    """Every living process of this user that carries the mark."""
    marked = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.uids().real == os.getuid() and process.environ().get(MARK) == mark and is_alive(process):
                marked.append(process)
    return marked


def find_supervisord(mark: str) -> psutil.Process | None:
    """The supervisord itself: of the marked processes the one that leads a session."""
    for process in find_marked(mark):
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == process.pid and "supervisor.supervisord" in process.cmdline():
                return process
    return None


def end_orphans(mark: str) -> bool:
    """End what outlived its supervisord (kill -9), so that it does not run beside its successors.

    Returns whether there was anything. The caller, and what it was started by, is spared.
    """
    with contextlib.suppress(psutil.Error):
        # In this order: a child that comes in between is not among the marked.
        marked = find_marked(mark)
        supervisord = find_supervisord(mark)
        spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
        if supervisord is not None:
            spared |= {supervisord.pid, *(child.pid for child in supervisord.children(recursive=True))}
        orphans = [process for process in marked if process.pid not in spared]
        end_processes(orphans, ORPHAN_SECONDS)
        return bool(orphans)
    return False


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie does not, though its parent may leave it there for ever."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def end_processes(processes: Sequence[psutil.Process], patience_seconds: float) -> None:
    """Ask the processes to end (SIGTERM), wait, and kill those that did not."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    left = _wait(processes, patience_seconds)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    _wait(left, KILL_SECONDS)


def _wait(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for the processes to end; returns those that have not."""
    deadline = time.monotonic() + seconds
    while (left := [process for process in processes if is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left
