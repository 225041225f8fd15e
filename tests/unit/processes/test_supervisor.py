"""What supervision does before it starts any process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from exifinator.errors import ConfigError, ServiceFailed
from exifinator.processes.supervisor import Supervision
from exifinator.processes.supervisor_config import Program

SLEEP = ["/bin/sleep", "600"]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Supervision]:
    supervision = Supervision("demo", tmp_path)
    yield supervision
    with contextlib.suppress(ServiceFailed):
        supervision._socket().parent.rmdir()


@pytest.mark.parametrize("argument", ["two\nlines", "bell\a"], ids=["newline", "control"])
def test_start__control_character_in_command__is_a_config_error(demo: Supervision, argument: str) -> None:
    with pytest.raises(ConfigError, match="control character"):
        demo.start([Program("a", ["/bin/echo", argument])])
    assert not demo.running()


@pytest.mark.parametrize("kind", ["open", "link"])
def test_start__socket_folder_of_somebody_else__is_refused(demo: Supervision, tmp_path: Path, kind: str) -> None:
    folder = demo._socket().parent
    folder.rmdir()
    if kind == "open":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        (tmp_path / "theirs").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "theirs")
    try:
        with pytest.raises(ServiceFailed, match="this user only"):
            demo.start([Program("a", SLEEP)])
    finally:
        folder.unlink() if kind == "link" else folder.rmdir()


@pytest.mark.parametrize("damage", [b"\xff\x00[", b"program", b"", b"[program:a"], ids=["bytes", "text", "none", "cut"])
def test_configuration__damaged__counts_as_none(demo: Supervision, tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "var" / "demo").mkdir(parents=True)
    (tmp_path / "var" / "demo" / "supervisord.conf").write_bytes(damage)

    assert demo.config.command("a") == []
    assert demo.differs([Program("a", SLEEP)])
    assert not demo.differs([])
