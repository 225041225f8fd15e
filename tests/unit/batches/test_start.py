"""Starting batches: their number is limited, even if many start at once, and the exit of a process is explained."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from exifinator.batches import start
from exifinator.config import Config
from exifinator.errors import TooManyBatches


def test_start_batch__others_start_too__count_only_after_this_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All of 20 simultaneous requests were accepted instead of 16, because each counted before others were stored."""
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
