"""Fixtures for the tests of the supervisor."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from exifinator.processes.supervisor import Supervision
from exifinator.processes.supervisor_config import Program
from tests.system.processes.supervision import (
    AWKWARD,
    SECRET,
    SLEEP,
    SharedSupervision,
    supervised,
    write_script,
)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Supervision]:
    """Yield a supervision for this test alone."""
    with supervised(tmp_path / "checkout") as supervision:
        yield supervision


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSupervision]:
    folder = tmp_path_factory.mktemp("shared")
    root = folder / " ".join(part for name, part in AWKWARD.items() if name != "very-long") / AWKWARD["very-long"]
    root.mkdir(parents=True)
    say = 'printf "%s\\n" "$PWD" "$1" "$2" "$SAY"; echo problem >&2; exec sleep 600'
    programs = [
        Program(
            f"say-{key}",
            [write_script(root / name / "say it.sh", say), name, ""],
            environment={"SAY": f"{name}'s"},
        )
        for key, name in AWKWARD.items()
    ]
    # The program runs for longer than supervisor requires for a successful start, which is one second by default.
    live = 'date +%s.%N >> "$1"; exec sleep 1.2'
    programs += [
        Program("crash", [write_script(root / "crash.sh", live), str(root / "starts")]),
        Program("pair", SLEEP, processes=2),
        Program("plain", SLEEP),
        Program("victim", SLEEP),
        Program("none", SLEEP, processes=0),
    ]
    environment = {"PATH": os.environ["PATH"], "EXIFINATOR_REDIS_URL": SECRET}
    with supervised(root, environment=environment) as supervision, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RSYNC_PROXY", "/elsewhere")
        assert supervision.start(programs)
        yield SharedSupervision(supervision, programs)
