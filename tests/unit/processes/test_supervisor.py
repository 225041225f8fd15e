"""Supervision validates commands and reads its configuration before it starts processes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from exifinator.errors import ConfigError
from exifinator.processes.supervisor import Supervision
from exifinator.processes.supervisor_config import Program
from exifinator.sockets import socket_path

SLEEP = ["/bin/sleep", "600"]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Supervision]:
    yield Supervision("demo", tmp_path)
    shutil.rmtree(socket_path("demo", tmp_path).parent, ignore_errors=True)


@pytest.mark.parametrize("argument", ["two\nlines", "bell\a"], ids=["newline", "control"])
def test_start__control_character_in_a_command__raises_config_error(demo: Supervision, argument: str) -> None:
    with pytest.raises(ConfigError, match="control character"):
        demo.start([Program("a", ["/bin/echo", argument])])
    assert not demo.running()


@pytest.mark.parametrize(
    "damage", [b"\xff\x00[", b"program", b"", b"[program:a"], ids=["bytes", "text", "empty", "truncated"]
)
def test_configuration__damaged_file__counts_as_missing(demo: Supervision, tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "var" / "demo").mkdir(parents=True)
    (tmp_path / "var" / "demo" / "supervisord.conf").write_bytes(damage)

    assert demo.config.command("a") == []
    assert demo.differs([Program("a", SLEEP)])
    assert not demo.differs([])
