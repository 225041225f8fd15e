"""Programs and supervisions that the tests of the supervisor share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from exifinator.processes.supervisor import Supervision
from exifinator.processes.supervisor_config import Program
from tests.servers import tail
from tests.system.checkout import START_TIMEOUT_SECONDS, end_supervised
from tests.waiting import eventually

SLEEP = ["/bin/sleep", "600"]


# Each string is an argument, a value in the environment, and a part of the paths of the checkout and of a program.
AWKWARD = {
    "blanks": "with blanks",
    "percent": "100%s %(here)s",
    "comment-signs": "a ;b #c",
    "quotes": 'it\'s "quoted" `here` $HOME \\',
    "glob": "[abc]*?",
    "unicode": "Ürlaub 🎉",
    "very-long": "/".join(["long" * 20] * 4),
}


SECRET = "redis://:hush-hush@127.0.0.1"


@contextlib.contextmanager
def supervised(root: Path, **options: object) -> Iterator[Supervision]:
    """Yield the supervision "demo" of a checkout at `root`. Afterwards, its processes are killed, even after errors."""
    root.mkdir(parents=True, exist_ok=True)
    try:
        yield Supervision("demo", root, start_timeout_seconds=START_TIMEOUT_SECONDS, **options)  # type: ignore[arg-type]
    finally:
        end_supervised(root, "demo")


def pids(supervision: Supervision) -> dict[str, int]:
    return {process.process: process.pid for process in supervision.status()}


def wait_for_pids(supervision: Supervision, *names: str) -> dict[str, int]:
    """Wait until all processes, or only those with these names, have a pid. Return the pids by process name."""

    def look() -> dict[str, int]:
        result = pids(supervision)
        chosen = {name: result.get(name, 0) for name in names} if names else result
        return chosen if all(chosen.values()) else {}

    return eventually(look, explain=lambda: f"{supervision.status()}\n{tail(supervision.log_path('supervisord-demo'))}")


def wait_for_exec(supervision: Supervision, name: str, command: Sequence[str]) -> psutil.Process:
    """Wait until the process of a program runs its command, and return it. Before, it is a copy of supervisord."""
    process = psutil.Process(wait_for_pids(supervision, name)[name])
    eventually(lambda: process.cmdline() == list(command))
    return process


@dataclass(frozen=True)
class SharedSupervision:
    """One supervisord with programs of every kind, which many tests inspect and none stops."""

    supervision: Supervision
    programs: list[Program]

    @property
    def root(self) -> Path:
        return self.supervision.root


def write_script(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)
