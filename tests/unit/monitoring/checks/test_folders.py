"""Check a source that is a local folder. tests/integration/monitoring/test_doctor.py tests the check of buckets."""

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
    [readable] = s3.check_source(build_config({}, {}), Source("photos_0a1b2c", "2024/"))
    assert (readable.level, f"{folder} is readable" in readable.message) == ("ok", True)


@pytest.mark.parametrize(
    "name", ["two words", "it's", "caf\udce9", "back\\slash\udcff", "new\nline", "$HOME;`id`", "Bäume"]
)
def test_check_folder__unreadable_folder__suggests_a_command_with_its_quoted_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.setattr(s3.os, "access", lambda *_: False)

    command = s3.check_folder(folder).fix

    assert command.startswith("chmod u+rx ")
    assert command.isprintable()
    assert parse_shell_word(command.removeprefix("chmod u+rx ")) == os.fsencode(folder)


def parse_shell_word(word: str) -> bytes:
    """Return the bytes that a quoted word means: to a POSIX shell, or to bash if it is quoted as $'...'."""
    if not word.startswith("$'"):
        [argument] = shlex.split(word)
        return argument.encode()
    assert re.fullmatch(r"\$'([^'\\]|\\x[0-9a-f]{2})*'", word)
    return re.sub(rb"\\x(..)", lambda match: bytes.fromhex(match[1].decode()), word[2:-1].encode())
