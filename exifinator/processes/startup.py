"""Wait until a started program is up, and read the end of its log if it fails to start."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from exifinator.processes.supervisor import Supervision

POLL_SECONDS = 0.1
# How long a program may keep crashing after its first start before wait_until_up gives up.
CRASH_LOOP_SECONDS = 5.0
LOG_TAIL_BYTES = 64 * 1024


def wait_until_up(
    find_problem: Callable[[], str | None],
    timeout_seconds: float,
    *,
    is_crash_looping: Callable[[], bool] = lambda: False,
) -> str | None:
    """Wait until a program is up.

    Args:
        find_problem: Returns None if the program is up, or else a description of the problem.
        timeout_seconds: How long to wait.
        is_crash_looping: Returns whether the program has exited and is waiting for its next start.

    Returns:
        None if the program is up, or else the last description of the problem.
    """
    started_at = time.monotonic()
    while (problem := find_problem()) is not None:
        waited_seconds = time.monotonic() - started_at
        if waited_seconds > timeout_seconds:
            return problem
        if waited_seconds > CRASH_LOOP_SECONDS and is_crash_looping():
            return problem
        time.sleep(POLL_SECONDS)
    return None


def is_restarting(supervision: Supervision, program: str) -> bool:
    """Return whether a process of the program has exited and is waiting for its next start."""
    return any(process.program == program and process.state == "BACKOFF" for process in supervision.status())


def last_lines(log: Path, count: int = 6) -> str:
    """Return the last lines of a log, indented.

    Lines in MongoDB's JSON format are shortened to their message and attributes. If any of these lines are errors, only
    the errors are returned.
    """
    try:
        lines = log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").splitlines()[-200:]
    except FileNotFoundError:
        return "  (the file does not exist)"
    except OSError as exc:
        return f"  (the file cannot be read: {exc.strerror})"
    messages, errors = [], []
    for line in lines:
        text = line
        if line.startswith("{"):
            try:
                entry = json.loads(line)
                text = f"{entry['msg']} {json.dumps(entry.get('attr', {}))}"
            except (ValueError, KeyError, TypeError):
                entry = {}
            if entry.get("s") in ("E", "F"):
                errors.append(text)
        messages.append(text)
    return "\n".join(f"  {line[:300]}" for line in (errors or messages)[-count:]) or "  (the file is empty)"
