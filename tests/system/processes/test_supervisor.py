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
from exifinator.processes.supervisor_config import SETTLED_SECONDS, Program
from tests.system.processes.supervision import (
    AWKWARD,
    SECRET,
    SLEEP,
    SharedSupervision,
    pids,
    supervised,
    wait_for_exec,
    wait_for_pids,
    write_script,
)
from tests.waiting import eventually

# --- One supervisord that many tests inspect --------------------------------------------------------------------------


def test_start__twice__changes_nothing(shared: SharedSupervision) -> None:
    stable = ("pair-00", "pair-01", "plain")
    before = wait_for_pids(shared.supervision, *stable)

    assert not shared.supervision.start([*shared.programs, Program("another", SLEEP)])

    after = pids(shared.supervision)
    assert {name: after[name] for name in stable} == before
    assert not any(name.startswith("another") for name in after)


@pytest.mark.parametrize("key", AWKWARD)
def test_start__awkward_path_and_arguments__reach_the_program(shared: SharedSupervision, key: str) -> None:
    name, log = AWKWARD[key], shared.supervision.log_path(f"say-{key}")

    eventually(lambda: log.exists() and "problem" in log.read_text())

    assert log.read_text().splitlines() == [str(shared.root), name, "", f"{name}'s", "problem"]
    assert shared.supervision.config.command(f"say-{key}")[-2:] == [name, ""]


def test_start__secret_in_environment__reaches_the_child_and_no_file(shared: SharedSupervision) -> None:
    process = wait_for_exec(shared.supervision, "plain", SLEEP)

    assert process.environ()["EXIFINATOR_REDIS_URL"] == SECRET
    files = [path for path in shared.root.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert [path for path in files if b"hush-hush" in path.read_bytes()] == []


def test_start__given_environment__is_all_that_children_inherit(shared: SharedSupervision) -> None:
    environ = wait_for_exec(shared.supervision, "plain", SLEEP).environ()

    assert "RSYNC_PROXY" not in environ
    assert "PATH" in environ


def test_start__files__are_private(shared: SharedSupervision) -> None:
    wait_for_pids(shared.supervision, "plain")
    config = shared.root / "var" / "demo" / "supervisord.conf"

    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(shared.supervision.log_path("plain").stat().st_mode) == 0o600
    socket = shared.supervision._socket()
    assert len(str(socket)) < 100
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700


def test_program__that_exits__is_restarted_forever_after_growing_pauses(shared: SharedSupervision) -> None:
    starts = shared.root / "starts"
    eventually(lambda: starts.exists() and len(starts.read_text().splitlines()) >= 4)
    start_times = [float(line) for line in starts.read_text().splitlines()]

    # The program records its start, and runs for 1.2 s. Then supervisord pauses. A busy machine only adds time. After
    # SETTLED_SECONDS, the pauses begin again.
    intervals = [later - earlier for earlier, later in itertools.pairwise(start_times)]
    pause = 0
    for interval in intervals:
        pause = pause + 1 if interval < SETTLED_SECONDS else 0
        assert interval >= 1.2 + pause, intervals

    def find_waiting() -> module.ProcessStatus | None:
        [crash] = [process for process in shared.supervision.status() if process.program == "crash"]
        return crash if crash.state == "BACKOFF" else None

    assert "logs/crash.log" in eventually(find_waiting).description
    config = (shared.root / "var" / "demo" / "supervisord.conf").read_text()
    assert "startretries = 1000000000" in config


def test_program__that_is_killed__is_restarted(shared: SharedSupervision) -> None:
    killed = wait_for_pids(shared.supervision, "victim")["victim"]

    os.kill(killed, signal.SIGKILL)

    eventually(lambda: pids(shared.supervision)["victim"] not in (0, killed))


def test_status__running_program__has_its_state_and_uptime(shared: SharedSupervision) -> None:
    def look() -> module.ProcessStatus | None:
        running = {process.process: process for process in shared.supervision.status() if process.state == "RUNNING"}
        return running.get("plain")

    process = eventually(look)

    assert process.program == "plain"
    assert 2 <= process.uptime_seconds <= time.time() - psutil.Process(process.pid).create_time() + 2


def test_differs__changed_programs__is_true(shared: SharedSupervision) -> None:
    assert not shared.supervision.differs(shared.programs)
    assert shared.supervision.differs(shared.programs[:-2])
    assert shared.supervision.differs([*shared.programs, Program("b", SLEEP)])
    assert shared.supervision.differs([*shared.programs[:-2], Program("victim", [*SLEEP, "1"])])


# --- One supervisord to which tests add programs of their own ---------------------------------------------------------


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervision]:
    with supervised(tmp_path_factory.mktemp("changing") / "checkout") as supervision:
        assert supervision.status() == []
        supervision.ensure([Program("first", SLEEP)])
        yield supervision


def test_ensure__additional_program__does_not_restart_the_others(changing: Supervision) -> None:
    first = wait_for_pids(changing, "first")

    changing.ensure([Program("further", SLEEP)])

    both = wait_for_pids(changing, "first", "further")
    assert both["first"] == first["first"]
    changing.ensure([Program("further", SLEEP)])
    assert wait_for_pids(changing, "first", "further") == both


def test_ensure__changed_program__is_the_only_one_restarted(changing: Supervision) -> None:
    changing.ensure([Program("kept", SLEEP), Program("changed", SLEEP)])
    before = wait_for_pids(changing, "kept", "changed")

    changing.ensure([Program("changed", ["/bin/sleep", "601"])])

    wait_for_exec(changing, "changed", ["/bin/sleep", "601"])
    assert wait_for_pids(changing, "kept")["kept"] == before["kept"]


def test_remove__one_of_two_programs__leaves_the_other_running(changing: Supervision) -> None:
    changing.ensure([Program("stays", SLEEP), Program("leaves", SLEEP)])
    wait_for_pids(changing, "stays", "leaves")

    changing.remove("leaves")

    assert "leaves" not in pids(changing)
    assert changing.config.command("leaves") == []
    assert wait_for_pids(changing, "stays")


def test_wake__program_that_waits_for_its_restart__is_started_immediately(changing: Supervision) -> None:
    script = changing.root / "wake.sh"
    write_script(script, "exit 1")
    changing.ensure([Program("sleeper", [str(script)])])
    log = changing.log_path("supervisord-demo")
    # The third pause takes three seconds: without wake(), the program would not run when the pids are read.
    eventually(lambda: log.read_text().count("exited: sleeper") >= 3)
    write_script(script, "exec sleep 600")

    changing.wake()

    assert pids(changing)["sleeper"] > 0
