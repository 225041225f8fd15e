"""A fresh clone of the checkout, in which tests run the scripts as a user does. Its path has spaces."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.s3_proxy import Proxy, run_proxy
from tests.servers import ROOT, find_processes, reserve_port
from tests.system.checkout import START_TIMEOUT_SECONDS, kill_all


@dataclass
class Clone:
    """A clone: its path, and the environment variables of its commands, such as its ports."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(
        self, command: str, *arguments: str, cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script of the clone in `cwd`, by default in the clone, and capture its output."""
        return self._run([str(self.path / command), *arguments], cwd or self.path, environment)

    def shell(self, text: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run lines of shell commands in the clone, as the README prints them."""
        return self._run(["bash", "-euc", text], self.path, environment)

    def _run(self, command: list[str], cwd: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=cwd,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.environment['EXIFINATOR_API_PORT']}"

    @property
    def dashboard(self) -> str:
        return f"http://127.0.0.1:{self.environment['EXIFINATOR_DASHBOARD_PORT']}"

    def processes(self) -> list[psutil.Process]:
        """Return every process whose command line or working folder contains the clone's path."""
        path = str(self.path)
        return find_processes(lambda process: path in " ".join(process.cmdline()) or process.cwd().startswith(path))

    def command_lines(self) -> list[str]:
        """Return the command line of each process."""
        return list(_command_lines(self.processes()).values())

    def supervised(self) -> dict[int, str]:
        """Return the command lines of the supervisors and of the programs that they keep running, by process id.

        Children of these programs are left out, because they come and go.
        """
        processes = self.processes()
        supervisors = {pid for pid, line in _command_lines(processes).items() if "supervisor.supervisord" in line}
        supervised = []
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.pid in supervisors or process.ppid() in supervisors:
                    supervised.append(process)
        return _command_lines(supervised)

    def workers(self) -> set[int]:
        """Return the process ids of the workers that a supervisor keeps running."""
        return {pid for pid, line in self.supervised().items() if "download write" in line}

    def close(self) -> None:
        """Stop the programs as a user does. Kill those that still run, and report them as an error."""
        if not self.processes():
            return
        try:
            self.run("stop.sh", "--all")
            left = self.command_lines()
        finally:
            kill_all(self.processes)
        assert not left, f"stop.sh --all left these processes running: {left}"


def _command_lines(processes: list[psutil.Process]) -> dict[int, str]:
    lines = {}
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            lines[process.pid] = " ".join(process.cmdline())
    return lines


def make_clone(folder: Path, s3_url: str = "http://127.0.0.1:1") -> Clone:
    """Clone the checkout, including uncommitted changes, below `folder`. The clone has no virtual environment."""
    path, home = folder / "a folder" / "with 100% spaces", folder / "home"
    home.mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "copy"]):
        subprocess.run([*git, *command], cwd=path, check=True)
    not_inherited = ("AWS_", "EXIFINATOR_", "MRQ_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(not_inherited)}
    ports = {f"EXIFINATOR_{name}_PORT": str(reserve_port()) for name in ("API", "DASHBOARD")}
    return Clone(
        path,
        {
            **inherited,
            "HOME": str(home),
            # Use the machine's cache of pip, so that the packages are not downloaded in each test run.
            "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR") or str(Path.home() / ".cache" / "pip"),
            # Do not let pip compile all modules: Python compiles those that a program imports.
            "PIP_COMPILE": "0",
            "EXIFINATOR_REDIS_URL": f"redis://127.0.0.1:{reserve_port()}/0",
            "EXIFINATOR_MONGODB_URI": f"mongodb://127.0.0.1:{reserve_port()}",
            "EXIFINATOR_S3_ENDPOINT_URL": s3_url,
            "EXIFINATOR_AWS_ACCESS_KEY": "test",
            "EXIFINATOR_AWS_SECRET_KEY": "secret",
            "EXIFINATOR_START_TIMEOUT_SECONDS": str(START_TIMEOUT_SECONDS),
            **ports,
        },
    )


def add_environment(clone: Clone) -> None:
    """Make the clone's venv/ as setup.sh leaves it, with the packages of the environment that runs the tests."""
    venv.create(clone.path / "venv", symlinks=True)
    [packages] = (clone.path / "venv").glob("lib/python3*/site-packages")
    (packages / "packages_of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    # Programs that come with packages, such as supervisord, are found in PATH.
    clone.environment["PATH"] = f"{sysconfig.get_path('scripts')}:{clone.environment['PATH']}"
    # Same stamp as from stamp_of in setup.sh: otherwise `test_setup__complete_environment__installs_nothing` fails.
    stamp = "{ printf '%s\\n' \"$PWD\"; cat -- requirements.txt; } | cksum >venv/.requirements.txt"
    subprocess.run(["bash", "-euc", stamp], cwd=clone.path, check=True)


@pytest.fixture(scope="module")
def s3_proxy(moto_url: str) -> Iterator[Proxy]:
    """Run a proxy in front of the S3 server."""
    with run_proxy(moto_url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def bare_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Return a clone without a virtual environment. Tests must not create one in it."""
    return make_clone(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, s3_proxy: Proxy) -> Iterator[Clone]:
    """Yield a clone with a virtual environment. Tests may start and stop its programs; `running_clone` starts them."""
    made = make_clone(tmp_path_factory.mktemp("clone"), s3_proxy.url)
    made.environment["EXIFINATOR_WORKER_PROCESSES"] = "1"
    made.environment["EXIFINATOR_API_PROCESSES"] = "1"
    add_environment(made)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def running_clone(clone: Clone) -> Clone:
    """Return the clone with all its programs running: started here, or by an earlier test."""
    # Two supervisors, Redis, MongoDB, the dashboard, the API and at least one worker.
    if len(clone.supervised()) < 7:
        done = clone.run("start_workers.sh")
        assert done.returncode == 0, done.stderr
    return clone
