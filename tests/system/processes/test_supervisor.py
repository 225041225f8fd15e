"""The supervision of programs, with a real supervisord and real processes.

Most tests only inspect one supervisord that runs many programs, or add programs of their own to another one.
tests/unit/processes/test_supervisor.py has the tests that need no process.
"""

from __future__ import annotations

import itertools
import os
import signal
import stat
import time
from collections.abc import Iterator

import psutil
import pytest

from exifinator.processes import supervisor as module
from exifinator.processes.supervisor import Supervision
from exifinator.processes.supervisor_config import Program
from tests.system.processes.supervision import (
    AWKWARD,
    SECRET,
    SLEEP,
    Gallery,
    pids,
    settle,
    settle_exec,
    supervised,
    write_script,
)
from tests.waiting import eventually

# --- One supervisord that many tests look at --------------------------------------------------------------------------


def test_start__twice__changes_nothing(gallery: Gallery) -> None:
    stable = ("pair-00", "pair-01", "plain")
    before = settle(gallery.supervision, *stable)

    assert not gallery.supervision.start([*gallery.programs, Program("another", SLEEP)])

    after = pids(gallery.supervision)
    assert {name: after[name] for name in stable} == before
    assert not any(name.startswith("another") for name in after)


@pytest.mark.parametrize("key", AWKWARD)
def test_start__awkward_path_and_arguments__reach_the_program(gallery: Gallery, key: str) -> None:
    name, log = AWKWARD[key], gallery.supervision.log_path(f"say-{key}")

    eventually(lambda: log.exists() and "problem" in log.read_text())

    assert log.read_text().splitlines() == [str(gallery.root), name, "", f"{name}'s", "problem"]
    assert gallery.supervision.config.command(f"say-{key}")[-2:] == [name, ""]


def test_start__secret_in_environment__reaches_the_child_and_no_file(gallery: Gallery) -> None:
    process = settle_exec(gallery.supervision, "plain", SLEEP)

    assert process.environ()["EXIFINATOR_REDIS_URL"] == SECRET
    files = [path for path in gallery.root.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert [path for path in files if b"hush-hush" in path.read_bytes()] == []


def test_start__given_environment__is_all_that_children_inherit(gallery: Gallery) -> None:
    environ = settle_exec(gallery.supervision, "plain", SLEEP).environ()

    assert "RSYNC_PROXY" not in environ
    assert "PATH" in environ


def test_start__files__are_private(gallery: Gallery) -> None:
    settle(gallery.supervision, "plain")
    config = gallery.root / "var" / "demo" / "supervisord.conf"

    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(gallery.supervision.log_path("plain").stat().st_mode) == 0o600
    socket = gallery.supervision._socket()
    assert len(str(socket)) < 100
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700


def test_program_that_ends__is_restarted_forever_after_growing_pauses(gallery: Gallery) -> None:
    starts = gallery.root / "starts"
    eventually(lambda: starts.exists() and len(starts.read_text().splitlines()) >= 4)
    at = [float(line) for line in starts.read_text().splitlines()]

    # The program notes its start, runs for 1.2 s, and then supervisord pauses. A busy machine only makes this longer.
    lives = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert [life >= 1.2 + pause for pause, life in enumerate(lives, start=1)] == [True] * len(lives), lives

    def find_waiting() -> module.ProcessStatus | None:
        [crash] = [process for process in gallery.supervision.status() if process.program == "crash"]
        return crash if crash.state == "BACKOFF" else None

    assert "logs/crash.log" in eventually(find_waiting).description
    config = (gallery.root / "var" / "demo" / "supervisord.conf").read_text()
    assert "startretries = 1000000000" in config


def test_program_that_is_killed__is_started_again(gallery: Gallery) -> None:
    killed = settle(gallery.supervision, "victim")["victim"]

    os.kill(killed, signal.SIGKILL)

    eventually(lambda: pids(gallery.supervision)["victim"] not in (0, killed))


def test_status__after_some_seconds__is_running(gallery: Gallery) -> None:
    def look() -> module.ProcessStatus | None:
        running = {process.process: process for process in gallery.supervision.status() if process.state == "RUNNING"}
        return running.get("plain")

    process = eventually(look)

    assert process.program == "plain"
    assert 2 <= process.uptime_seconds <= time.time() - psutil.Process(process.pid).create_time() + 2


def test_differs__changed_programs__is_true(gallery: Gallery) -> None:
    assert not gallery.supervision.differs(gallery.programs)
    assert gallery.supervision.differs(gallery.programs[:-2])
    assert gallery.supervision.differs([*gallery.programs, Program("b", SLEEP)])
    assert gallery.supervision.differs([*gallery.programs[:-2], Program("victim", [*SLEEP, "1"])])


# --- One supervisord to which tests add programs of their own ---------------------------------------------------------


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervision]:
    with supervised(tmp_path_factory.mktemp("changing") / "checkout") as supervision:
        assert supervision.status() == []
        supervision.ensure([Program("first", SLEEP)])
        yield supervision


def test_ensure__further_program__leaves_the_others_alone(changing: Supervision) -> None:
    first = settle(changing, "first")

    changing.ensure([Program("further", SLEEP)])

    both = settle(changing, "first", "further")
    assert both["first"] == first["first"]
    changing.ensure([Program("further", SLEEP)])
    assert settle(changing, "first", "further") == both


def test_ensure__changed_program__is_started_again(changing: Supervision) -> None:
    changing.ensure([Program("kept", SLEEP), Program("changed", SLEEP)])
    before = settle(changing, "kept", "changed")

    changing.ensure([Program("changed", ["/bin/sleep", "601"])])

    settle_exec(changing, "changed", ["/bin/sleep", "601"])
    assert settle(changing, "kept")["kept"] == before["kept"]


def test_remove__one_of_two__is_removed(changing: Supervision) -> None:
    changing.ensure([Program("stays", SLEEP), Program("leaves", SLEEP)])
    settle(changing, "stays", "leaves")

    changing.remove("leaves")

    assert "leaves" not in pids(changing)
    assert changing.config.command("leaves") == []
    assert settle(changing, "stays")


def test_wake__program_that_waits__is_started_immediately(changing: Supervision) -> None:
    script = changing.root / "wake.sh"
    write_script(script, "exit 1")
    changing.ensure([Program("sleeper", [str(script)])])
    log = changing.log_path("supervisord-demo")
    # The third pause takes three seconds: without the call, nothing would run when the pids are read.
    eventually(lambda: log.read_text().count("exited: sleeper") >= 3)
    write_script(script, "exec sleep 600")

    changing.wake()

    assert pids(changing)["sleeper"] > 0
