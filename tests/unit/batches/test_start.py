"""Starting batches: what is stored if their process cannot be started, or ends."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from exifinator.batches import start
from exifinator.config import Config


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
def test_last_line__of_a_log__is_the_reason(tmp_path: Path, log: bytes, line: str) -> None:
    path = tmp_path / "batch.log"
    path.write_bytes(log)
    assert start._last_line(path) == line


def test_last_line__log_is_gone__says_so(tmp_path: Path) -> None:
    assert (
        start._last_line(tmp_path / "batch.log")
        == f"its log {tmp_path}/batch.log cannot be read (No such file or directory)"
    )
