"""The supervision of programs, with a real supervisord and real processes.

Most tests only look at one supervisord that runs many programs, or add programs of their own to another one.
tests/unit/processes/test_supervisor.py has what needs no process.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import stat
import subprocess
import sys
import time
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
from tests.servers import ROOT, end, tail
from tests.system.checkout import START_TIMEOUT_SECONDS, end_supervised
from tests.waiting import eventually

SLEEP = ["/bin/sleep", "600"]
# Each as an argument, a value of the environment, and part of the path of the checkout and of a program.
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
    """Yield the supervision "demo" of a checkout at `root`; its processes are ended afterwards, whatever happened."""
    root.mkdir(parents=True, exist_ok=True)
    try:
        yield Supervision("demo", root, start_timeout_seconds=START_TIMEOUT_SECONDS, **options)  # type: ignore[arg-type]
    finally:
        end_supervised(root, "demo")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Supervision]:
    """Yield a supervision of the test's own."""
    with supervised(tmp_path / "checkout") as supervision:
        yield supervision


def pids(supervision: Supervision) -> dict[str, int]:
    return {process.process: process.pid for process in supervision.status()}


def settle(supervision: Supervision, *names: str) -> dict[str, int]:
    """Wait until every process (or those named) has a pid, and return the pids."""

    def look() -> dict[str, int]:
        found = pids(supervision)
        chosen = {name: found.get(name, 0) for name in names} if names else found
        return chosen if all(chosen.values()) else {}

    return eventually(look, explain=lambda: f"{supervision.status()}\n{tail(supervision.log_path('supervisord-demo'))}")


def settle_exec(supervision: Supervision, name: str, command: Sequence[str]) -> psutil.Process:
    """Wait until a program runs: at first its process is a copy of supervisord."""
    process = psutil.Process(settle(supervision, name)[name])
    eventually(lambda: process.cmdline() == list(command))
    return process


def kill_supervisord(supervision: Supervision) -> None:
    supervisord = find_supervisord(supervision._tag)
    assert supervisord is not None
    supervisord.kill()
    eventually(lambda: not is_alive(supervisord))


# --- One supervisord that many tests look at --------------------------------------------------------------------------


@dataclass(frozen=True)
class Gallery:
    """A supervisord with programs that misbehave, each in its own way, and with some that do not."""

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


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    folder = tmp_path_factory.mktemp("gallery")
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
    # It lives longer than supervisor's default for a good start, one second.
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
        yield Gallery(supervision, programs)


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

    # It notes its start, lives for 1.2 s, and then supervisord pauses: a busy machine only makes that longer.
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


# --- A supervisord each -----------------------------------------------------------------------------------------------


def test_start__by_four_concurrent_callers__starts_one_and_returns_to_all(demo: Supervision) -> None:
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
        # Returns only when everybody has closed the pipes.
        outputs = [caller.communicate() for caller in callers]
    finally:
        for caller in callers:
            end(caller, signal.SIGKILL)

    assert sorted(outputs) == [(b"False\n", b"")] * 3 + [(b"True\n", b"")]
    program = settle_exec(demo, "a", SLEEP)
    assert len(find_tagged(demo._tag)) == 2, "one supervisord and one program"
    for caller in callers:
        with pytest.raises(ProcessLookupError):
            os.killpg(caller.pid, signal.SIGINT)
    assert program.terminal() is None


def test_restart__with_others__replaces_them(demo: Supervision, monkeypatch: pytest.MonkeyPatch) -> None:
    demo.start([Program("a", SLEEP)])
    before = psutil.Process(settle(demo)["a"])
    monkeypatch.setenv("EXIFINATOR_LOG_LEVEL", "DEBUG")

    demo.restart([Program("b", SLEEP)])

    assert set(settle(demo)) == {"b"}
    assert not is_alive(before)
    assert settle_exec(demo, "b", SLEEP).environ()["EXIFINATOR_LOG_LEVEL"] == "DEBUG"


@dataclass(frozen=True)
class Stopped:
    """What was left when a supervision was stopped, and whether each of two stops found something to end."""

    supervision: Supervision
    elsewhere: subprocess.Popen[bytes]
    found: tuple[bool, bool]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopped]:
    """Stop a supervision whose programs take their time, or do not end at SIGTERM."""
    with supervised(tmp_path_factory.mktemp("stopped") / "checkout") as supervision, contextlib.ExitStack() as stack:
        ignoring, draining = supervision.root / "ignoring.py", supervision.root / "draining.py"
        ignoring.write_text("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")
        draining.write_text(
            "import signal, sys, time\n"
            "def end(*_):\n    time.sleep(1); open('drained', 'w').close(); sys.exit()\n"
            "signal.signal(signal.SIGINT, end); open('ready', 'w').close(); time.sleep(600)"
        )
        # A child of the program that ignores what ends its parent.
        shell = ["/bin/sh", "-c", f"{sys.executable} {ignoring} & exec sleep 600"]
        drains = [sys.executable, str(draining)]
        supervision.start(
            [Program("stubborn", shell), Program("drains", drains, stop_signal="INT", stop_wait_seconds=600)]
        )
        elsewhere = subprocess.Popen(SLEEP)
        stack.callback(end, elsewhere)
        eventually((supervision.root / "ready").exists)
        # supervisord, the shell's successor and its child, the one that drains.
        eventually(lambda: len(find_tagged(supervision._tag)) == 4)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("exifinator.processes.tagged.ORPHAN_STOP_SECONDS", 0.5)
            found = (supervision.stop(), supervision.stop())
        yield Stopped(supervision, elsewhere, found)


def test_stop__child_that_ignores_sigterm__is_killed(stopped: Stopped) -> None:
    assert find_tagged(stopped.supervision._tag) == []
    assert not stopped.supervision.running()


def test_stop__twice__finds_something_once(stopped: Stopped) -> None:
    assert stopped.found == (True, False)


def test_stop__stop_signal__lets_the_program_end_its_work(stopped: Stopped) -> None:
    assert (stopped.supervision.root / "drained").exists()


def test_stop__process_of_another_with_the_same_command__lives_on(stopped: Stopped) -> None:
    assert stopped.elsewhere.poll() is None


def test_stop__another_checkout__lives_on(gallery: Gallery, stopped: Stopped) -> None:
    settle(gallery.supervision, "plain")
    # It has nothing left to end here, and looks at every process of the machine.
    stopped.supervision.stop()
    assert gallery.supervision.running()
    assert settle(gallery.supervision, "plain")


def test_start_and_stop__damaged_configuration__work(demo: Supervision) -> None:
    """tests/unit/processes/test_supervisor.py has other kinds of damage."""
    programs = [Program("a", SLEEP)]
    demo.start(programs)
    settle(demo)
    config = demo.root / "var" / "demo" / "supervisord.conf"

    config.write_bytes(b"\xff\x00[")
    assert demo.stop()
    assert find_tagged(demo._tag) == []

    config.write_bytes(b"\xff\x00[")
    assert demo.start(programs)
    assert settle(demo)


def test_calls__missing_socket__is_reported_and_stop_still_works(demo: Supervision) -> None:
    demo.start([Program("a", SLEEP)])
    settle(demo)
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


# --- kill -9 of supervisord -------------------------------------------------------------------------------------------


def start_again(demo: Supervision) -> None:
    assert demo.start([Program("a", SLEEP), Program("b", SLEEP)])


def ensure_one(demo: Supervision) -> None:
    demo.ensure([Program("b", SLEEP)])


def restart(demo: Supervision) -> None:
    demo.restart([Program("a", SLEEP), Program("b", SLEEP)])


def test_orphans__after_kill_9_of_supervisord__are_ended_by_each_command(demo: Supervision) -> None:
    start_again(demo)
    assert psutil.Process(settle(demo)["a"]).environ()[TAG_VARIABLE] == demo._tag
    again: list[Callable[[Supervision], None]] = [start_again, ensure_one, restart]
    for command in again:
        orphans = settle(demo)
        kill_supervisord(demo)
        assert all(psutil.pid_exists(orphan) for orphan in orphans.values()), command

        command(demo)

        # Ensuring one program brings back the other too: what ran when supervisord was killed is still wanted.
        successors = settle(demo)
        assert set(successors) == {"a", "b"}, command
        assert not set(successors.values()) & set(orphans.values()), command
        assert len(find_tagged(demo._tag)) == 3, command

    kill_supervisord(demo)
    assert demo.stop()
    assert find_tagged(demo._tag) == []
    assert not socket_path("demo", demo.root).exists()

    # What was stopped is wanted no more.
    ensure_one(demo)
    assert set(settle(demo)) == {"b"}
