"""The supervision of programs, with a real supervisord and real processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from exifinator import supervision as module
from exifinator.errors import ConfigError, ServiceFailed
from exifinator.marked import MARK, find_marked, find_supervisord
from exifinator.supervision import Program, Supervision

ROOT = Path(__file__).resolve().parents[2]
SLEEP = ["/bin/sleep", "600"]


T = TypeVar("T")


def wait_for(look: Callable[[], T], seconds: float = 30.0) -> T:
    """What `look` returns, as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "checkout"
    folder.mkdir()
    yield folder
    for found in tmp_path.rglob("supervisord.conf"):
        Supervision(found.parent.name, found.parents[2]).stop()


@pytest.fixture
def demo(root: Path) -> Supervision:
    return Supervision("demo", root)


def pids(supervision: Supervision) -> dict[str, int]:
    return {process.process: process.pid for process in supervision.status()}


def settle(supervision: Supervision) -> dict[str, int]:
    """The pids, once every process has one."""
    return wait_for(lambda: (found := pids(supervision)) and all(found.values()) and found)


def mark_of(supervision: Supervision) -> str:
    return psutil.Process(next(iter(settle(supervision).values()))).environ()[MARK]


def test_start__twice__changes_nothing(demo: Supervision) -> None:
    program = Program("a", SLEEP, processes=2)
    assert demo.start([program])
    before = settle(demo)
    assert not demo.start([program, Program("b", SLEEP)])
    assert pids(demo) == before
    assert set(before) == {"a-00", "a-01"}


def test_start__by_four_at_once__starts_one(demo: Supervision) -> None:
    script = (
        "import sys; from pathlib import Path; from exifinator.supervision import Program, Supervision;"
        "print(Supervision('demo', Path(sys.argv[1])).start([Program('a', ['/bin/sleep', '600'])]))"
    )
    callers = [
        subprocess.Popen([sys.executable, "-c", script, str(demo.root)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = sorted(caller.communicate(timeout=60)[0].strip() for caller in callers)
    assert said == ["False", "False", "False", "True"]
    assert len(find_marked(mark_of(demo))) == 2, "one supervisord and one program"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("with blanks", id="blanks"),
        pytest.param("100%s %(here)s", id="percent"),
        pytest.param("a ;b #c", id="comment-signs"),
        pytest.param('it\'s "quoted" `here` $HOME \\', id="quotes"),
        pytest.param("[abc]*?", id="glob"),
        pytest.param("Ürlaub 🎉", id="unicode"),
        pytest.param("/".join(["long" * 20] * 4), id="very-long"),
    ],
)
def test_start__awkward_checkout__runs_with_its_arguments(root: Path, name: str) -> None:
    folder = root / name
    folder.mkdir(parents=True)
    script = folder / "say it.sh"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$PWD" "$1" "$2" "$SAY"; echo problem >&2; exec sleep 600\n')
    script.chmod(0o755)
    supervision = Supervision("demo", folder)
    supervision.start([Program("say", [str(script), name, ""], environment={"SAY": f"{name}'s"})])
    log = supervision.log_path("say")
    wait_for(lambda: log.exists() and "problem" in log.read_text())
    assert log.read_text().splitlines() == [str(folder), name, "", f"{name}'s", "problem"]
    assert supervision.command("say")[-2:] == [name, ""]
    assert supervision.stop()


@pytest.mark.parametrize("argument", ["two\nlines", "bell\a"], ids=["newline", "control"])
def test_start__control_character_in_command__is_a_config_error(demo: Supervision, argument: str) -> None:
    with pytest.raises(ConfigError, match="control character"):
        demo.start([Program("a", ["/bin/echo", argument])])
    assert not demo.running()


def test_start__secret_in_environment__reaches_the_child_and_no_file(
    demo: Supervision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXIFINATOR_REDIS_URL", "redis://:hush-hush@127.0.0.1")
    demo.start([Program("a", SLEEP, environment={"OPEN": "1"})])
    pid = settle(demo)["a"]
    wait_for(lambda: psutil.Process(pid).cmdline() == SLEEP)
    assert "hush-hush" in psutil.Process(pid).environ()["EXIFINATOR_REDIS_URL"]
    files = [path for path in demo.root.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert [path for path in files if b"hush-hush" in path.read_bytes()] == []


def test_start__given_environment__is_all_that_children_inherit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RCLONE_CONFIG", "/elsewhere")
    supervision = Supervision("demo", root, {"PATH": os.environ["PATH"]})
    supervision.start([Program("a", SLEEP)])
    environ = psutil.Process(settle(supervision)["a"]).environ()
    assert "RCLONE_CONFIG" not in environ
    assert "PATH" in environ


def test_start__files__are_for_this_user_alone(demo: Supervision) -> None:
    demo.start([Program("a", SLEEP)])
    settle(demo)
    config = demo.root / "var" / "demo" / "supervisord.conf"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(demo.log_path("a").stat().st_mode) == 0o600
    socket = demo._socket()
    assert len(str(socket)) < 100
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["open", "link"])
def test_start__socket_folder_of_somebody_else__is_refused(demo: Supervision, tmp_path: Path, kind: str) -> None:
    folder = demo._socket().parent
    folder.rmdir()
    if kind == "open":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        (tmp_path / "theirs").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "theirs")
    try:
        with pytest.raises(ServiceFailed, match="this user alone"):
            demo.start([Program("a", SLEEP)])
    finally:
        folder.unlink() if kind == "link" else folder.rmdir()


def test_start__caller_with_pipes__is_let_go_and_leaves_nothing_in_its_group(demo: Supervision) -> None:
    script = (
        "import sys; from pathlib import Path; from exifinator.supervision import Program, Supervision;"
        "Supervision('demo', Path(sys.argv[1])).start([Program('a', ['/bin/sleep', '600'])])"
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", script, str(demo.root)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    # Returns only when everybody has closed the pipes.
    assert caller.communicate(timeout=20) == (b"", b"")
    pid = settle(demo)["a"]
    with pytest.raises(ProcessLookupError):
        os.killpg(caller.pid, signal.SIGINT)
    assert psutil.Process(pid).terminal() is None


def test_program_that_ends__is_started_after_growing_pauses_for_ever(demo: Supervision) -> None:
    # It lives longer than supervisor's default for a good start, one second.
    demo.start([Program("crash", ["/bin/sleep", "1.2"])])
    log = demo.log_path("supervisord-demo")
    wait_for(lambda: log.read_text().count("spawned: ") >= 3, seconds=60)
    times = [
        datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f")
        for line in log.read_text().splitlines()
        if "spawned: " in line or "exited: " in line
    ]
    pauses = [(spawned - exited).total_seconds() for exited, spawned in zip(times[1::2], times[2::2], strict=False)]
    assert [pause >= least - 0.1 for least, pause in enumerate(pauses, start=1)] == [True] * len(pauses), pauses
    waiting = wait_for(lambda: [process for process in demo.status() if process.state == "BACKOFF"])
    assert "logs/crash.log" in waiting[0].description
    config = (demo.root / "var" / "demo" / "supervisord.conf").read_text()
    assert "startretries = 1000000000" in config


def test_program_that_is_killed__is_started_again(demo: Supervision) -> None:
    demo.start([Program("a", SLEEP)])
    pid = settle(demo)["a"]
    os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: (now := pids(demo)["a"]) not in (0, pid) and now)


def test_wake__program_that_waits__is_started_at_once(demo: Supervision) -> None:
    script = demo.root / "run.sh"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    demo.start([Program("a", [str(script)])])
    log = demo.log_path("supervisord-demo")
    wait_for(lambda: log.read_text().count("not expected") >= 3)
    script.write_text("#!/bin/sh\nexec sleep 600\n")
    demo.wake()
    assert pids(demo)["a"] > 0


def test_status__after_some_seconds__is_running(demo: Supervision) -> None:
    assert demo.status() == []
    demo.start([Program("a", SLEEP)])
    (process,) = wait_for(lambda: [process for process in demo.status() if process.state == "RUNNING"])
    assert process.program == process.process == "a"
    assert 2 <= process.uptime_seconds < 20


def test_stop__twice__ends_everything_once(demo: Supervision, monkeypatch: pytest.MonkeyPatch) -> None:
    # A child of the program that ignores what ends its parent.
    stubborn = demo.root / "stubborn.py"
    stubborn.write_text("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")
    shell = ["/bin/sh", "-c", f"{sys.executable} {stubborn} & exec sleep 600"]
    demo.start([Program("a", shell, stop_wait_seconds=1)])
    mark = mark_of(demo)
    wait_for(lambda: len(find_marked(mark)) == 3)
    monkeypatch.setattr("exifinator.marked.ORPHAN_SECONDS", 0.5)
    assert demo.stop()
    assert find_marked(mark) == []
    assert not demo.stop()
    assert not demo.running()


def test_start_and_stop__configuration_that_was_damaged__work(demo: Supervision) -> None:
    demo.start([Program("a", SLEEP)])
    mark = mark_of(demo)
    conf = demo.root / "var" / "demo" / "supervisord.conf"
    for damage in (b"\xff\x00[", b"program"):
        conf.write_bytes(damage)
        assert demo.stop()
        assert find_marked(mark) == []
        conf.write_bytes(damage)
        assert demo.differs([Program("a", SLEEP)])
        assert demo.start([Program("a", SLEEP)])


def test_stop__stop_signal__lets_the_program_end_its_work(demo: Supervision) -> None:
    drain = (
        "import signal, sys, time\n"
        "def end(*_):\n    time.sleep(1); open('drained', 'w').close(); sys.exit()\n"
        "signal.signal(signal.SIGINT, end); open('ready', 'w').close(); time.sleep(600)"
    )
    script = demo.root / "script.py"
    script.write_text(drain)
    demo.start([Program("a", [sys.executable, str(script)], stop_signal="INT")])
    wait_for((demo.root / "ready").exists)
    demo.stop()
    assert (demo.root / "drained").exists()


def test_stop__process_of_another_with_the_same_command__lives_on(demo: Supervision) -> None:
    other = subprocess.Popen(SLEEP)
    try:
        demo.start([Program("a", SLEEP)])
        settle(demo)
        demo.stop()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_stop__another_checkout__lives_on(root: Path) -> None:
    first, second = (Supervision("demo", root / name) for name in ("one", "two"))
    for supervision in (first, second):
        supervision.root.mkdir()
        supervision.start([Program("a", SLEEP)])
    settle(second)
    first.stop()
    assert second.running()


@pytest.mark.parametrize("then", ["start", "ensure", "stop", "restart"])
def test_orphans__after_kill_9_of_supervisord__are_ended(demo: Supervision, then: str) -> None:
    program = Program("a", SLEEP)
    demo.start([program])
    mark, orphan = mark_of(demo), settle(demo)["a"]
    supervisord = find_supervisord(mark)
    assert supervisord is not None
    supervisord.kill()
    wait_for(lambda: not demo.running())
    assert psutil.pid_exists(orphan)
    if then == "stop":
        assert demo.stop()
        assert not Path(f"/tmp/exifinator-{os.getuid()}-{demo._key}").exists()
    else:
        getattr(demo, then)([program])
        assert settle(demo)["a"] != orphan
    assert len(find_marked(mark)) == (0 if then == "stop" else 2)


def test_ensure__further_program__leaves_the_others_alone(demo: Supervision) -> None:
    demo.ensure([Program("a", SLEEP)])
    first = settle(demo)["a"]
    demo.ensure([Program("b", SLEEP)])
    both = settle(demo)
    assert both["a"] == first
    demo.ensure([Program("b", SLEEP)])
    assert settle(demo) == both


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_ensure__supervisor_that_ended__brings_the_others_back_after_a_kill(demo: Supervision, how: str) -> None:
    demo.ensure([Program("a", SLEEP)])
    mark = mark_of(demo)
    if how == "killed":
        supervisord = find_supervisord(mark)
        assert supervisord is not None
        supervisord.kill()
        wait_for(lambda: not demo.running())
    else:
        demo.stop()
    demo.ensure([Program("b", SLEEP)])
    assert set(settle(demo)) == ({"a", "b"} if how == "killed" else {"b"})


def test_ensure__changed_program__is_started_anew(demo: Supervision) -> None:
    demo.ensure([Program("a", SLEEP), Program("b", SLEEP)])
    before = settle(demo)
    demo.ensure([Program("b", ["/bin/sleep", "601"])])
    after = settle(demo)
    assert after["a"] == before["a"]
    # Until it has become the program it is a copy of the supervisor.
    wait_for(lambda: psutil.Process(after["b"]).cmdline() == ["/bin/sleep", "601"])


def test_remove__one_of_two__forgets_it(demo: Supervision) -> None:
    demo.ensure([Program("a", SLEEP), Program("b", SLEEP)])
    settle(demo)
    demo.remove("b")
    assert set(settle(demo)) == {"a"}
    assert demo.command("b") == []


def test_restart__with_others__replaces_them(demo: Supervision, monkeypatch: pytest.MonkeyPatch) -> None:
    demo.start([Program("a", SLEEP)])
    settle(demo)
    monkeypatch.setenv("EXIFINATOR_LOG_LEVEL", "DEBUG")
    demo.restart([Program("b", SLEEP)])
    assert set(settle(demo)) == {"b"}
    assert psutil.Process(settle(demo)["b"]).environ()["EXIFINATOR_LOG_LEVEL"] == "DEBUG"


def test_differs__same_and_other_programs__is_told(demo: Supervision) -> None:
    programs = [Program("a", ["/bin/sleep", "600", "%x ;y"]), Program("none", SLEEP, processes=0)]
    demo.start(programs)
    assert not demo.differs(programs)
    assert demo.differs([Program("a", SLEEP)])
    assert demo.differs([*programs, Program("b", SLEEP)])


def test_calls__socket_gone__say_so_and_stop_still_works(demo: Supervision) -> None:
    demo.start([Program("a", SLEEP)])
    mark = mark_of(demo)
    demo._socket().unlink()
    original = module.Supervision._calls
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Supervision, "_calls", lambda self: original(self, patience_seconds=0.5))
        with pytest.raises(ServiceFailed, match="does not answer"):
            demo.status()
    assert demo.stop()
    assert find_marked(mark) == []


def test_start__supervisord_that_does_not_run__is_told(demo: Supervision, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "executable", "/bin/false")
    with pytest.raises(ServiceFailed, match="did not start"):
        demo.start([Program("a", SLEEP)])
