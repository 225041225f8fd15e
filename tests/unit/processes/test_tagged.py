"""Find processes by their tag while processes end."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from exifinator.processes.tagged import TAG_VARIABLE, end_processes, find_tagged


def make_process(**changes: Any) -> Any:
    """Make a fake process with the tag "mark"."""
    attributes = {
        "uids": lambda: SimpleNamespace(real=os.getuid()),
        "environ": lambda: {TAG_VARIABLE: "mark"},
        "is_running": lambda: True,
        "status": lambda: psutil.STATUS_RUNNING,
    }
    return SimpleNamespace(**{**attributes, **changes})


@pytest.mark.parametrize("error", [psutil.NoSuchProcess(1), FileNotFoundError(2, "/proc/1/environ")], ids=repr)
@pytest.mark.parametrize("query", ["uids", "environ", "is_running", "status"])
def test_find_tagged__process_ends_during_a_query__is_left_out(
    monkeypatch: pytest.MonkeyPatch, query: str, error: Exception
) -> None:
    def fail() -> None:
        raise error

    running, ending = make_process(), make_process(**{query: fail})
    monkeypatch.setattr(psutil, "pids", lambda: [0, 1, 2])
    monkeypatch.setattr(psutil, "Process", lambda pid: [ending, running][pid - 1] if pid else fail())

    assert find_tagged("mark") == [running]


def test_end_processes__one_ends_meanwhile__ends_the_others() -> None:
    def fail() -> None:
        raise FileNotFoundError(2, "/proc/1/stat")

    states = [psutil.STATUS_RUNNING]
    running = make_process(terminate=states.clear, status=lambda: states[0] if states else psutil.STATUS_ZOMBIE)
    end_processes([make_process(terminate=fail, is_running=fail), running], 60)
    assert not states
