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
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient

from exifinator import __version__
from tests.photos import make_jpeg
from tests.servers import ROOT, free_port
from tests.unit.test_supervision import wait_for


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
        left = [
            process
            for process in psutil.process_iter(["cmdline", "cwd"])
            if str(base) in " ".join([*(process.info["cmdline"] or ()), process.info["cwd"] or ""])
        ]
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


def test_package__worker__on_a_host_with_nothing_but_the_two_addresses(installed: Installed) -> None:
    """Needs the servers that the test before has started."""
    host = installed.home / "another-host"
    log = installed.home / "worker.log"
    with log.open("wb") as out:
        worker = subprocess.Popen(
            [str(installed.command), "worker"],
            cwd=installed.elsewhere,
            env={**installed.environment, "EXIFINATOR_HOME": str(host)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        with MongoClient[dict[str, object]](installed.environment["EXIFINATOR_MONGODB_URI"]) as mongodb:
            # It is the same process, so its name ends with this number.
            reported = {"name": {"$regex": rf"\D{worker.pid}$"}, "status": "wait"}
            wait_for(lambda: worker.poll() is not None or mongodb["mrq"]["mrq_workers"].count_documents(reported), 60)
        worker.send_signal(signal.SIGINT)
        assert worker.wait(30) == 0, log.read_text()
    finally:
        worker.kill()
        worker.wait()
    assert "Graceful shutdown" in log.read_text()
    assert sorted(path.name for path in host.iterdir()) == ["__pycache__", "logs", "mrq-config.py", "var"]


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
