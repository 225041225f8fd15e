"""Which installer setup.sh calls. Scripts in place of Python and uv log their arguments."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers import ROOT

PYTHON = """#!/bin/sh
case "$*" in
    "-I -m pip --version") echo "pip 26 from $PWD/venv/lib/python3.11/site-packages/pip (python 3.11)" ;;
    *"-m pip install"*) echo "pip $*" >>calls ;;
esac
"""
UV = """#!/bin/sh
echo "uv $*" >>calls
exit {status}
"""


def run_setup(folder: Path, *arguments: str, uv_status: int | None) -> list[list[str]]:
    """Run setup.sh in `folder`. Return each call of an installer, split into words.

    Args:
        uv_status: The exit code of uv; None if it is not installed.
    """
    for name in ("setup.sh", "settings.py", "requirements.txt", "requirements-dev.txt"):
        shutil.copy2(ROOT / name, folder / name)
    programs = {"python": PYTHON} if uv_status is None else {"python": PYTHON, "uv": UV.format(status=uv_status)}
    (folder / "venv" / "bin").mkdir(parents=True)
    for name, text in programs.items():
        (folder / "venv" / "bin" / name).write_text(text)
        (folder / "venv" / "bin" / name).chmod(0o755)
    subprocess.run(
        ["./setup.sh", "--no-services", *arguments], cwd=folder, check=True, env={"PATH": os.environ["PATH"]}
    )
    return [line.split() for line in (folder / "calls").read_text().splitlines()]


def installers(calls: list[list[str]]) -> list[tuple[str, str]]:
    """Return the installer and the requirements file of each call."""
    return [(call[0], call[-1]) for call in calls]


def test_setup__for_users__installs_with_pip(tmp_path: Path) -> None:
    assert installers(run_setup(tmp_path, uv_status=0)) == [("pip", "requirements.txt")]


def test_setup__for_developers__installs_all_with_uv_and_checks_hashes(tmp_path: Path) -> None:
    calls = run_setup(tmp_path, "--dev", uv_status=0)
    assert installers(calls) == [("uv", "requirements.txt"), ("uv", "requirements-dev.txt")]
    assert all("--require-hashes" in call for call in calls)


@pytest.mark.parametrize("uv_status", [None, 2])
def test_setup__uv_missing_or_failing__installs_with_pip(tmp_path: Path, uv_status: int | None) -> None:
    calls = run_setup(tmp_path, "--dev", uv_status=uv_status)
    files = [file for installer, file in installers(calls) if installer == "pip" and file != "var/uv.txt"]
    assert files == ["requirements.txt", "requirements-dev.txt"]


def test_setup__uv_missing__pip_installs_its_pinned_version(tmp_path: Path) -> None:
    calls = run_setup(tmp_path, "--dev", uv_status=None)
    assert installers(calls)[0] == ("pip", "var/uv.txt")
    pins = (tmp_path / "var" / "uv.txt").read_text().splitlines()
    assert pins[0].startswith("uv==")
    assert all(line.strip().startswith("--hash=sha256:") for line in pins[1:])
    assert len(pins) > 1
    assert not pins[-1].endswith("\\")
