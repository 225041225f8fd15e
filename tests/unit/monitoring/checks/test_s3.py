"""The check of a source that is a local folder. Buckets are in tests/integration/monitoring/test_doctor.py."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from exifinator.config import build_config
from exifinator.monitoring.checks import s3
from exifinator.sources.folders import registry
from exifinator.sources.source import Source


def test_check_source__registered_folder__is_checked_without_s3(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    monkeypatch.setattr(registry, "lookup", {"photos_0a1b2c": folder}.get)
    [missing] = s3.check_source(build_config({}, {}), Source("photos_0a1b2c"))
    assert (missing.level, "does not exist" in missing.message) == ("error", True)
    folder.mkdir()
    [found] = s3.check_source(build_config({}, {}), Source("photos_0a1b2c", "2024/"))
    assert (found.level, f"{folder} is readable" in found.message) == ("ok", True)


@pytest.mark.parametrize(
    "name", ["two words", "it's", "caf\udce9", "back\\slash\udcff", "new\nline", "$HOME;`id`", "Bäume"]
)
def test_check_folder__unreadable__gives_a_command_for_this_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.setattr(s3.os, "access", lambda *_: False)

    command = s3.check_folder(folder).fix

    assert command.startswith("chmod u+rx ")
    assert command.isprintable()
    assert read_as_a_shell(command.removeprefix("chmod u+rx ")) == os.fsencode(folder)


def read_as_a_shell(word: str) -> bytes:
    """Return the argument that a POSIX shell reads, or bash for $'...'."""
    if not word.startswith("$'"):
        [argument] = shlex.split(word)
        return argument.encode()
    assert re.fullmatch(r"\$'([^'\\]|\\x[0-9a-f]{2})*'", word)
    return re.sub(rb"\\x(..)", lambda match: bytes.fromhex(match[1].decode()), word[2:-1].encode())
