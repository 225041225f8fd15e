"""bandit with the options that scripts/lint passes to it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("subprocess.call(text, shell=True)", 1), ("subprocess.call([text])", 0)],
    ids=["with a shell", "without a shell"],
)
def test_bandit__called_with_the_options_of_scripts_lint__fails_if_there_are_findings(
    tmp_path: Path, code: str, exit_code: int
) -> None:
    [line] = [line for line in (ROOT / "scripts" / "lint").read_text().splitlines() if "-m bandit" in line]
    options = shlex.split(line)[1 : shlex.split(line).index("-r")]
    planted = tmp_path / "planted.py"
    planted.write_text(f"import subprocess\n\n\ndef say(text: str) -> None:\n    {code}\n")

    done = subprocess.run([sys.executable, *options, str(planted)], cwd=ROOT, capture_output=True, check=False)

    assert done.returncode == exit_code, done.stdout.decode()
