from __future__ import annotations

from pathlib import Path

import pytest

from exifinator.batches.start import _last_line


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
    assert _last_line(path) == line


def test_last_line__log_is_gone__says_so(tmp_path: Path) -> None:
    assert (
        _last_line(tmp_path / "batch.log") == f"its log {tmp_path}/batch.log cannot be read (No such file or directory)"
    )
