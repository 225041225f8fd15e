"""bandit, called as scripts/lint calls it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT


@pytest.mark.parametrize(
    ("code", "expected"),
    [("subprocess.call(text, shell=True)", 1), ("subprocess.call([text])", 0)],
    ids=["a shell", "no shell"],
)
def test_bandit__as_the_checks_call_it__fails_with_findings(tmp_path: Path, code: str, expected: int) -> None:
    [line] = [line for line in (ROOT / "scripts" / "lint").read_text().splitlines() if "-m bandit" in line]
    options = shlex.split(line)[1 : shlex.split(line).index("-r")]
    planted = tmp_path / "planted.py"
    planted.write_text(f"import subprocess\n\n\ndef say(text: str) -> None:\n    {code}\n")

    done = subprocess.run([sys.executable, *options, str(planted)], cwd=ROOT, capture_output=True, check=False)

    assert done.returncode == expected, done.stdout.decode()
