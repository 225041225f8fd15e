"""Supervisions that start, stop, fail or are killed, each with a supervisord of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from exifinator.errors import ServiceFailed
from exifinator.processes import supervisor as module
from exifinator.processes.supervisor import Supervision
from exifinator.processes.supervisor_config import Program
from exifinator.processes.tagged import TAG_VARIABLE, find_supervisord, find_tagged, is_alive
from exifinator.sockets import socket_path
from tests.servers import ROOT, end
from tests.system.checkout import START_TIMEOUT_SECONDS
from tests.system.processes.supervision import (
    SLEEP,
    supervised,
    wait_for_exec,
    wait_for_pids,
    write_script,
)
from tests.waiting import eventually


def kill_supervisord(supervision: Supervision) -> None:
    supervisord = find_supervisord(supervision._tag)
    assert supervisord is not None
    supervisord.kill()
    eventually(lambda: not is_alive(supervisord))


def test_start__four_concurrent_callers__starts_one_supervisord_and_returns_to_each(demo: Supervision) -> None:
    """Each caller's pipes are closed, and nothing is left in its process group, where Ctrl-C would reach it."""
    script = (
        "import sys; from pathlib import Path; from exifinator.processes.supervisor import Supervision;"
        "from exifinator.processes.supervisor_config import Program;"
        f"supervision = Supervision('demo', Path(sys.argv[1]), start_timeout_seconds={START_TIMEOUT_SECONDS});"
        f"print(supervision.start([Program('a', {SLEEP})]))"
    )
    callers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(demo.root)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        for _ in range(4)
    ]
    try:
        # communicate() returns only when all processes have closed the pipes.
        outputs = [caller.communicate() for caller in callers]
    finally:
        for caller in callers:
            end(caller, signal.SIGKILL)

    assert sorted(outputs) == [(b"False\n", b"")] * 3 + [(b"True\n", b"")]
    program = wait_for_exec(demo, "a", SLEEP)
    assert len(find_tagged(demo._tag)) == 2, "one supervisord and one program"
    for caller in callers:
        with pytest.raises(ProcessLookupError):
            os.killpg(caller.pid, signal.SIGINT)
    assert program.terminal() is None


def test_restart__with_other_programs__replaces_the_running_ones(
    demo: Supervision, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo.start([Program("a", SLEEP)])
    before = psutil.Process(wait_for_pids(demo)["a"])
    monkeypatch.setenv("EXIFINATOR_LOG_LEVEL", "DEBUG")

    demo.restart([Program("b", SLEEP)])

    assert set(wait_for_pids(demo)) == {"b"}
    assert not is_alive(before)
    assert wait_for_exec(demo, "b", SLEEP).environ()["EXIFINATOR_LOG_LEVEL"] == "DEBUG"


@dataclass(frozen=True)
class Stopped:
    """A supervision that was stopped twice.

    `foreign` is a process that the supervision did not start. `found` are the results of the two calls of stop().
    """

    supervision: Supervision
    foreign: subprocess.Popen[bytes]
    found: tuple[bool, bool]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopped]:
    """Stop a supervision twice: one of its programs exits slowly, another has a child that ignores SIGTERM."""
    with supervised(tmp_path_factory.mktemp("stopped") / "checkout") as supervision, contextlib.ExitStack() as stack:
        ignoring, draining = supervision.root / "ignoring.py", supervision.root / "draining.py"
        ignoring.write_text("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")
        draining.write_text(
            "import signal, sys, time\n"
            "def end(*_):\n    time.sleep(1); open('drained', 'w').close(); sys.exit()\n"
            "signal.signal(signal.SIGINT, end); open('ready', 'w').close(); time.sleep(600)"
        )
        # A child of the program that ignores the signals that end its parent.
        shell = ["/bin/sh", "-c", f"{sys.executable} {ignoring} & exec sleep 600"]
        drains = [sys.executable, str(draining)]
        supervision.start(
            [Program("stubborn", shell), Program("drains", drains, stop_signal="INT", stop_wait_seconds=600)]
        )
        foreign = subprocess.Popen(SLEEP)
        stack.callback(end, foreign)
        eventually((supervision.root / "ready").exists)
        # These are supervisord, the program that replaced the shell, its child, and the program that exits slowly.
        eventually(lambda: len(find_tagged(supervision._tag)) == 4)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("exifinator.processes.tagged.ORPHAN_STOP_SECONDS", 0.5)
            result = (supervision.stop(), supervision.stop())
        yield Stopped(supervision, foreign, result)


def test_stop__child_that_ignores_sigterm__is_killed(stopped: Stopped) -> None:
    assert find_tagged(stopped.supervision._tag) == []
    assert not stopped.supervision.running()


def test_stop__called_twice__finds_processes_only_once(stopped: Stopped) -> None:
    assert stopped.found == (True, False)


def test_stop__program_with_a_stop_signal__finishes_its_work(stopped: Stopped) -> None:
    assert (stopped.supervision.root / "drained").exists()


def test_stop__foreign_process_with_the_same_command__keeps_running(stopped: Stopped) -> None:
    assert stopped.foreign.poll() is None


def test_stop__programs_of_another_checkout__keep_running(demo: Supervision, stopped: Stopped) -> None:
    demo.start([Program("plain", SLEEP)])
    before = wait_for_pids(demo, "plain")
    # Nothing of this supervision is left, but the call examines every process of the machine.
    stopped.supervision.stop()
    assert demo.running()
    assert wait_for_pids(demo, "plain") == before


def test_stop__supervisord__exits_on_a_call_without_a_signal(
    demo: Supervision, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without SIGTERM: supervisord would notice the signal only at the end of its poll."""
    demo.start([Program("a", SLEEP)])
    wait_for_pids(demo)
    monkeypatch.setattr(module, "end_processes", lambda processes, _: eventually(lambda: not any_alive(processes)))

    assert demo.stop()
    assert find_tagged(demo._tag) == []


def any_alive(processes: Sequence[psutil.Process]) -> bool:
    return any(is_alive(process) for process in processes)


def test_start_and_stop__damaged_configuration__still_work(demo: Supervision) -> None:
    """Check both with a real supervisord; tests/unit/processes/test_supervisor.py covers other kinds of damage."""
    programs = [Program("a", SLEEP)]
    demo.start(programs)
    wait_for_pids(demo)
    config = demo.root / "var" / "demo" / "supervisord.conf"

    config.write_bytes(b"\xff\x00[")
    assert demo.stop()
    assert find_tagged(demo._tag) == []

    config.write_bytes(b"\xff\x00[")
    assert demo.start(programs)
    assert wait_for_pids(demo)


def test_calls__missing_socket__is_reported_and_stop_still_works(demo: Supervision) -> None:
    demo.start([Program("a", SLEEP)])
    wait_for_pids(demo)
    demo._socket().unlink()
    original = Supervision._calls
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Supervision, "_calls", lambda self: original(self, timeout_seconds=0.5))
        with pytest.raises(ServiceFailed, match="does not respond"):
            demo.status()

    assert demo.stop()
    assert find_tagged(demo._tag) == []


def test_start__supervisord_that_fails__is_reported(demo: Supervision, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "executable", "/bin/false")
    with pytest.raises(ServiceFailed, match="did not start"):
        demo.start([Program("a", SLEEP)])


def test_start__supervisord_that_does_not_get_ready__is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = write_script(tmp_path / "slow", "exec sleep 600")
    monkeypatch.setattr(module.sys, "executable", program)
    with pytest.raises(ServiceFailed, match=r"did not start in 0\.2 s.*START_TIMEOUT_SECONDS"):
        Supervision("demo", tmp_path, start_timeout_seconds=0.2).start([Program("a", SLEEP)])


def start_again(demo: Supervision) -> None:
    assert demo.start([Program("a", SLEEP), Program("b", SLEEP)])


def ensure_one(demo: Supervision) -> None:
    demo.ensure([Program("b", SLEEP)])


def restart(demo: Supervision) -> None:
    demo.restart([Program("a", SLEEP), Program("b", SLEEP)])


def test_orphans__after_kill_9_of_supervisord__are_ended_by_each_command(demo: Supervision) -> None:
    start_again(demo)
    assert wait_for_exec(demo, "a", SLEEP).environ()[TAG_VARIABLE] == demo._tag
    again: list[Callable[[Supervision], None]] = [start_again, ensure_one, restart]
    for command in again:
        orphans = wait_for_pids(demo)
        kill_supervisord(demo)
        assert all(psutil.pid_exists(orphan) for orphan in orphans.values()), command

        command(demo)

        # Ensuring one program also restarts the other, which was running when supervisord was killed.
        successors = wait_for_pids(demo)
        assert set(successors) == {"a", "b"}, command
        assert not set(successors.values()) & set(orphans.values()), command
        # While a process replaces its program, it has no environment.
        eventually(lambda: len(find_tagged(demo._tag)) == 3, explain=lambda command=command: str(command))

    kill_supervisord(demo)
    assert demo.stop()
    assert find_tagged(demo._tag) == []
    assert not socket_path("demo", demo.root).exists()

    # Programs that were stopped are not restarted.
    ensure_one(demo)
    assert set(wait_for_pids(demo)) == {"b"}
