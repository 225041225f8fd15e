"""Starting batches: their number is limited, also if many start at once; the end of a process is explained."""

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
from exifinator.errors import TooManyBatches
from exifinator.sources.source import Source


def test_start_batch__others_start_too__count_only_after_this_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """20 of 20 simultaneous requests got in where 16 may: each counted before the others were stored."""
    running: list[Any] = []

    def count(_store: Any) -> list[Any]:
        assert not start._counting.acquire(blocking=False)
        return list(running)

    def save(fields: Any) -> None:
        assert not start._counting.acquire(blocking=False)
        running.append(fields)

    monkeypatch.setattr(start, "read_watched", count)
    monkeypatch.setattr(start, "_check_source", lambda *_: None)
    monkeypatch.setattr(start, "_spawn_watcher", lambda *_, **__: SimpleNamespace(pid=1))
    monkeypatch.setattr(start, "_await_end", lambda *_: None)
    store: Any = SimpleNamespace(batches=SimpleNamespace(save=save, find=lambda _: None))
    for _ in range(start.MAX_RUNNING):
        start.start_batch(Config(), store, "bucket", logs=tmp_path)
    with pytest.raises(TooManyBatches):
        start.start_batch(Config(), store, "bucket", logs=tmp_path)
    assert len(running) == start.MAX_RUNNING
    assert not start._counting.locked()


def test_spawn_watcher__limits__are_options_that_run_reads_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr("subprocess.Popen", lambda command, **_: commands.append(command))
    for limits in (BatchLimits(5_000_000, 0.1 + 0.2), BatchLimits()):
        start._spawn_watcher("id", Source("b"), tmp_path / "log", prune=False, limits=limits)
        context = run_command.make_context("run", commands[-1][commands[-1].index("run") + 1 :])
        assert RunOptions(**context.params).limits == limits


def test_start_batch__no_process_can_be_started__the_batch_does_not_count_as_running(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    batch: dict[str, Any] = {}

    def change(batch_id: str, states: tuple[str, ...], changes: Any) -> bool:
        assert (batch_id, batch["state"] in states) == (batch["_id"], True)
        batch.update(changes)
        return True

    def refuse(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(start, "read_watched", lambda _: [])
    monkeypatch.setattr(start, "_check_source", lambda *_: None)
    monkeypatch.setattr("subprocess.Popen", refuse)
    store: Any = SimpleNamespace(batches=SimpleNamespace(save=batch.update, find=lambda _: None, change=change))
    with pytest.raises(OSError, match="Resource temporarily unavailable"):
        start.start_batch(Config(), store, "bucket", logs=tmp_path)
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
def test_last_line__of_a_log__is_the_reason(tmp_path: Path, log: bytes, line: str) -> None:
    path = tmp_path / "batch.log"
    path.write_bytes(log)
    assert start._last_line(path) == line


def test_last_line__log_is_gone__says_so(tmp_path: Path) -> None:
    assert (
        start._last_line(tmp_path / "batch.log")
        == f"its log {tmp_path}/batch.log cannot be read (No such file or directory)"
    )
