"""Wait until a started program is up, and read the end of its log if it fails to start."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from exifinator.processes.supervisor import Supervision
from exifinator.retry import backoff_seconds

Problem = TypeVar("Problem")

POLL_SECONDS = 0.1
# wait_until_up gives up on a program that still crashes this long after its first start.
CRASH_LOOP_SECONDS = 5.0
LOG_TAIL_BYTES = 64 * 1024


def wait_until_up(
    find_problem: Callable[[], Problem | None],
    timeout_seconds: float,
    *,
    is_crash_looping: Callable[[], bool] = lambda: False,
    max_pause_seconds: float = POLL_SECONDS,
    note: Callable[[Problem], None] = lambda _: None,
) -> Problem | None:
    """Wait until a program is up.

    Args:
        find_problem: Function that returns None if the program is up, or else the problem.
        timeout_seconds: How long to wait.
        is_crash_looping: Function that returns whether the program has exited and is waiting for its next start.
        max_pause_seconds: The pauses between two checks grow from POLL_SECONDS to this.
        note: Function that tells the user about the first problem. It is called once, before the first pause.

    Returns:
        None if the program is up, or else the last problem.
    """
    started_at = time.monotonic()
    deadline = started_at + timeout_seconds
    attempt = 0
    while (problem := find_problem()) is not None:
        attempt += 1
        now = time.monotonic()
        # Compare with a deadline: a sum of the pauses may stay below the timeout because of rounding.
        if now >= deadline:
            return problem
        if now > started_at + CRASH_LOOP_SECONDS and is_crash_looping():
            return problem
        if attempt == 1:
            note(problem)
        pause_seconds = backoff_seconds(attempt, first_seconds=POLL_SECONDS, max_seconds=max_pause_seconds)
        time.sleep(min(pause_seconds, deadline - now))
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
