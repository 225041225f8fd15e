"""The sitecustomize.py that injects faults into workers does not replace one that the environment already has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.poison import newer_version
from tests.servers import ROOT


def test_poison__sitecustomize_of_the_environment__runs_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('sitecustomize of the environment')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code = "import exifinator; print(exifinator.EXTRACTOR_VERSION)"

    def run(**environment: str) -> list[str]:
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    printed, version = run()
    assert run(**newer_version()) == [printed, str(int(version) + 1)]
