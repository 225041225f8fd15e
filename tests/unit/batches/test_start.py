"""Start the process of a batch, and read from its log why it ended."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from exifinator.batches import start
from exifinator.batches.limits import BatchLimits
from exifinator.cli.run import run_command
from exifinator.cli.run_options import RunOptions
from exifinator.config import Config
from exifinator.sources.source import Source


def test_spawn_watcher__limits__are_passed_to_run_as_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr("subprocess.Popen", lambda command, **_: commands.append(command))
    for limits in (BatchLimits(5_000_000, 0.1 + 0.2), BatchLimits()):
        start._spawn_watcher("id", Source("b"), tmp_path / "log", prune=False, limits=limits)
        context = run_command.make_context("run", commands[-1][commands[-1].index("run") + 1 :])
        assert RunOptions(**context.params).limits == limits


def test_start_batch__process_cannot_be_started__stores_the_batch_as_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    batch: dict[str, Any] = {}

    def change(batch_id: str, states: tuple[str, ...], changes: Any) -> bool:
        assert (batch_id, batch["state"] in states) == (batch["_id"], True)
        batch.update(changes)
        return True

    def fail_to_start(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(start, "read_watched", lambda _: [])
    monkeypatch.setattr(start, "_check_source", lambda *_: None)
    monkeypatch.setattr("subprocess.Popen", fail_to_start)
    reserved: list[str] = []
    store: Any = SimpleNamespace(batches=SimpleNamespace(save=batch.update, find=lambda _: None, change=change))
    counters = SimpleNamespace(
        reserve_start=lambda batch_id, *_, **__: not reserved.append(batch_id), release_start=reserved.remove
    )
    queue: Any = SimpleNamespace(batches=counters)
    with pytest.raises(OSError, match="Resource temporarily unavailable"):
        start.start_batch(Config(), store, queue, "bucket", logs=tmp_path)
    assert reserved == []
    assert batch["state"] == "stopped"
    assert batch["problem"] == "The process of the batch could not be started: Resource temporarily unavailable"


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (b"", "no output"),
        (b"\n", "no output"),
        (b"listing ...\nError: Redis cannot be reached.\n", "Redis cannot be reached."),
        (b"x" * 5000 + b"\n" + b"\xff" * 600, "\ufffd" * 500),
    ],
    ids=["empty", "blank", "error", "long and not UTF-8"],
)
def test_last_line__log__is_the_reason_why_the_process_ended(tmp_path: Path, log: bytes, line: str) -> None:
    path = tmp_path / "batch.log"
    path.write_bytes(log)
    assert start._last_line(path) == line


def test_last_line__missing_log__says_that_it_cannot_be_read(tmp_path: Path) -> None:
    assert (
        start._last_line(tmp_path / "batch.log")
        == f"its log {tmp_path}/batch.log cannot be read (No such file or directory)"
    )
