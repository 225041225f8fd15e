"""Read the output of commands that tests run in this process."""

from __future__ import annotations

import json
from typing import Any

from click.testing import Result


def numbers_of(done: Result, code: int = 0) -> dict[str, Any]:
    """Return the JSON object that a command with --json has printed. The command must have exited with this code."""
    assert done.exit_code == code, done.output
    return dict(json.loads(done.stdout))
