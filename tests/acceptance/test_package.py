"""The wheel, in an environment that has never seen the checkout: every command, from nothing to records and back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pymongo import MongoClient

from exifinator import __version__
from tests.photos import make_jpeg
from tests.servers import ROOT, find_processes, free_port
from tests.unit.test_supervision import wait_for

DEPLOY = ROOT / "deploy" / "systemd"


@dataclass
class Installed:
    """An installed EXIFinator: its command, the user's home, a folder that is no part of it."""

    command: Path
    home: Path
    elsewhere: Path
    environment: dict[str, str]

    @property
    def data(self) -> Path:
        return self.home / ".local" / "share" / "exifinator"

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.command), *arguments],
            cwd=self.elsewhere,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    subprocess.run([*command, "-w", str(folder), str(ROOT)], check=True, capture_output=True, text=True)
    [wheel] = folder.glob("exifinator-*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The wheel in an environment of its own, which sees the packages of this one so that none is fetched."""
    base = tmp_path_factory.mktemp("installed")
    environment, home, elsewhere = base / "env", base / "home", base / "elsewhere"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    [packages] = environment.glob("lib/python3*/site-packages")
    (packages / "packages_of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "-q"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, text=True)
    home.mkdir()
    elsewhere.mkdir()
    # The folder that one stands in may be a stranger's.
    for name in ("settings.py", "mrq-config.py", "api.py"):
        (elsewhere / name).write_text("raise SystemExit('this must not be run')\n")
    theirs = ("AWS_", "EXIFINATOR_", "MRQ_", "PYTHON", "VIRTUAL_ENV", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    it = Installed(
        environment / "bin" / "exifinator",
        home,
        elsewhere,
        {
            **kept,
            "HOME": str(home),
            "PATH": f"{sysconfig.get_path('scripts')}:{kept['PATH']}",
            "EXIFINATOR_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
            "EXIFINATOR_MONGODB_URI": f"mongodb://127.0.0.1:{free_port()}",
            "EXIFINATOR_WORKER_PROCESSES": "1",
            **{f"EXIFINATOR_{name}_PORT": str(free_port()) for name in ("API", "DASHBOARD", "LOCAL_S3")},
        },
    )
    try:
        yield it
    finally:
        it.run("stop", "--all")
        left = find_processes(lambda process: str(base) in " ".join([*process.cmdline(), process.cwd()]))
        for process in left:
            process.kill()
        assert not left


def test_wheel__holds_one_package_and_the_default_settings(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        lines = archive.read(metadata).decode().splitlines()
        asked = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]

    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"exifinator"}
    assert not [name for name in names if "__pycache__" in name]
    tracked = [path.relative_to(ROOT / "api") for path in (ROOT / "api").rglob("*") if path.is_file()]
    wanted = {f"exifinator/bundled/api/{path}" for path in tracked if "__pycache__" not in path.parts}
    assert wanted <= set(names)
    assert {f"exifinator/bundled/{name}" for name in ("settings.py", "mrq-config.py")} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {"mrq==0.9.10", "psutil<6", "standard-pipes; python_version >= '3.13'"} <= set(asked)
    assert len(asked) > 20


def test_package__extract_and_settings__need_no_folder(installed: Installed) -> None:
    (installed.elsewhere / "photo.jpg").write_bytes(make_jpeg())
    done = installed.run("extract", "photo.jpg", EXIFINATOR_HOME=str(installed.home / "unused"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["photo"]["camera_make"] == "SONY"
    assert "WORKER_PROCESSES = 1" in installed.run("settings").stdout
    assert installed.run("--version").stdout == f"EXIFinator {__version__}\n"
    assert not (installed.home / "unused").exists()
    assert not installed.data.exists()


def test_package__init__makes_settings_once_and_keeps_them(installed: Installed) -> None:
    home = installed.home / "another"
    done = installed.run("init", EXIFINATOR_HOME=str(home))
    assert f"Settings: {home / 'settings.py'}" in done.stdout
    assert (home / "settings.py").read_text() == (ROOT / "settings.py").read_text()
    (home / "settings.py").write_text("GREENLETS = 7\n")
    (home / "mrq-config.py").write_text("an older one")
    installed.run("init", EXIFINATOR_HOME=str(home))
    assert (home / "mrq-config.py").read_text() == (ROOT / "mrq-config.py").read_text()
    assert "GREENLETS = 7" in installed.run("settings", EXIFINATOR_HOME=str(home)).stdout


def test_package__run__starts_everything_and_reads(installed: Installed) -> None:
    pictures = installed.elsewhere / "pictures"
    pictures.mkdir()
    for number in range(3):
        (pictures / f"{number}.jpg").write_bytes(make_jpeg())

    done = installed.run("run", "--json", "pictures")

    assert done.returncode == 0, done.stderr + logs(installed)
    assert json.loads(done.stdout)["stored"] == 3
    api = f"http://127.0.0.1:{installed.environment['EXIFINATOR_API_PORT']}"
    assert len(json.loads(get(f"{api}/photos?limit=5"))["photos"]) == 3
    assert "<title>EXIFinator" in get(api, Accept="text/html")
    assert "mrq" in get(f"http://127.0.0.1:{installed.environment['EXIFINATOR_DASHBOARD_PORT']}").lower()
    assert not (installed.data / "settings.py").exists()
    again = installed.run("run", "--json", "pictures")
    assert json.loads(again.stdout)["unchanged"] == 3
    assert "already running" in installed.run("start").stdout
    shown = installed.run("status")
    assert shown.returncode == 0, shown.stderr


@dataclass
class Unit:
    """What systemd would start of a unit of deploy/systemd, and how it would stop it."""

    command: list[str]
    environment: dict[str, str]
    folder: Path
    stop_signal: signal.Signals
    stop_seconds: float


def read_unit(installed: Installed, name: str, folder: Path, **settings: str) -> Unit:
    """folder: stands for /var/lib/exifinator, which systemd makes. settings: more lines of the environment's file."""
    unit = {}
    for line in (DEPLOY / f"{name}.service").read_text().splitlines():
        key, _, value = line.partition("=")
        unit[key] = value.replace("/opt/exifinator/bin/exifinator", str(installed.command))
    assert unit["EnvironmentFile"] == "/etc/exifinator/exifinator.env"
    assert unit["WorkingDirectory"] == "/var/lib/exifinator"
    lines = [line for line in (DEPLOY / "exifinator.env").read_text().splitlines() if not line.startswith("#")]
    addresses = {name: installed.environment[name] for name in (line.partition("=")[0] for line in lines)}
    own = dict(
        pair.split("=", 1) for pair in unit["Environment"].replace(unit["WorkingDirectory"], str(folder)).split()
    )
    folder.mkdir(mode=0o700)
    return Unit(
        unit["ExecStart"].split(),
        # Nothing else is in there: no HOME of the user's, no settings of the tests'.
        {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", **own, **addresses, **settings},
        folder,
        signal.Signals[unit["KillSignal"]],
        float(unit["TimeoutStopSec"]),
    )


@contextmanager
def started(unit: Unit) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The unit's command as systemd runs it, and its log; afterwards it must end by the unit's signal, in time."""
    log = unit.folder / "journal"
    with log.open("wb") as out:
        process = subprocess.Popen(
            unit.command,
            cwd=unit.folder,
            env=unit.environment,
            umask=0o077,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        yield process, log
        assert process.poll() is None, log.read_text()
        process.send_signal(unit.stop_signal)
        # uvicorn ends by the signal itself, which systemd takes for a success too.
        assert process.wait(unit.stop_seconds) in (0, -unit.stop_signal), log.read_text()
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("name", ["exifinator-worker@", "exifinator-write-worker@"])
def test_package__worker_units__run_on_a_host_with_nothing_but_the_two_addresses(
    installed: Installed, name: str
) -> None:
    """Needs the servers that a test before has started."""
    unit = read_unit(installed, name, installed.home / name)
    queues = {"exifinator-worker@": ["download", "write"], "exifinator-write-worker@": ["write"]}[name]
    with (
        started(unit) as (worker, log),
        MongoClient[dict[str, object]](installed.environment["EXIFINATOR_MONGODB_URI"]) as mongodb,
    ):
        # It is the same process, so its name ends with this number.
        reported = {"name": {"$regex": rf"\D{worker.pid}$"}, "status": "wait", "config.queues": queues}
        wait_for(lambda: worker.poll() is not None or mongodb["mrq"]["mrq_workers"].count_documents(reported), 60)
    assert "Graceful shutdown" in log.read_text()
    assert sorted(path.name for path in unit.folder.iterdir()) == [
        "__pycache__", "journal", "logs", "mrq-config.py", "var",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["api", "dashboard"])
def test_package__web_units__answer(installed: Installed, name: str) -> None:
    port = str(free_port())
    more = {f"EXIFINATOR_{name.upper()}_PORT": port}
    unit = read_unit(installed, f"exifinator-{name}", installed.home / f"{name}-unit", **more)
    with started(unit) as (process, _):

        def answers() -> bool:
            try:
                return bool(get(f"http://127.0.0.1:{port}/"))
            except OSError:
                return process.poll() is not None

        wait_for(answers, 60)


def test_package__stop__ends_everything(installed: Installed) -> None:
    done = installed.run("stop", "--all")
    assert "Workers, dashboard and API: stopped." in done.stdout
    assert "Redis, MongoDB and rclone: stopped." in done.stdout
    assert "No worker ran." in installed.run("stop").stdout


def get(address: str, **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=20) as answer:
        return str(answer.read().decode())


def logs(installed: Installed) -> str:
    return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in sorted(installed.data.glob("logs/*.log")))
