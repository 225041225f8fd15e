"""A fresh copy of the checkout, in a path with spaces, with its own ports, to run the scripts in as a person would."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.integration.conftest import Bucket
from tests.s3_proxy import Proxy, run_proxy
from tests.servers import ROOT, find_processes, free_port, run_moto


@dataclass
class Checkout:
    """Where it is, and what its commands find in their environment."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(
        self, command: str, *arguments: str, cwd: Path | None = None, seconds: float = 280, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script of the checkout; its output is captured."""
        return subprocess.run(
            [str(self.path / command), *arguments],
            cwd=cwd or self.path,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def shell(self, text: str, seconds: float = 280, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run lines of a shell in the checkout, as they stand in the README."""
        return subprocess.run(
            ["bash", "-euc", text],
            cwd=self.path,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.environment['EXIFINATOR_API_PORT']}"

    @property
    def dashboard(self) -> str:
        return f"http://127.0.0.1:{self.environment['EXIFINATOR_DASHBOARD_PORT']}"

    def processes(self) -> dict[int, str]:
        """Every process that belongs to the checkout, by id: its command line."""
        found = {}

        def is_ours(process: psutil.Process) -> bool:
            found[process.pid] = line = " ".join(process.cmdline())
            return str(self.path) in line or process.cwd().startswith(str(self.path))

        return {process.pid: found[process.pid] for process in find_processes(is_ours)}

    def lasting_processes(self) -> dict[int, str]:
        """Those that stay: what a worker is about to run elsewhere bears its name for a moment."""
        found = self.processes()
        while True:
            time.sleep(0.5)
            found, earlier = self.processes(), found
            if found == earlier:
                return found


@pytest.fixture(scope="session")
def s3_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, str]]:
    """A proxy in front of an S3 server, and the address of the server itself."""
    with run_moto(tmp_path_factory.mktemp("moto")) as url, run_proxy(url) as proxy:
        yield proxy, url


@pytest.fixture
def bucket(s3_proxy: tuple[Proxy, str]) -> Bucket:
    return Bucket(s3_proxy[1])


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory, s3_proxy: tuple[Proxy, str]) -> Iterator[Checkout]:
    path = tmp_path_factory.mktemp("a folder") / "with 100% spaces"
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
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "EXIFINATOR_", "MRQ_"))}
    ports = {name: str(free_port()) for name in ("API", "DASHBOARD", "LOCAL_S3")}
    checkout = Checkout(
        path,
        {
            **kept,
            "HOME": str(home),
            # pip's cache is the machine's, so that the packages are not fetched for each test run.
            "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR") or str(Path.home() / ".cache" / "pip"),
            "EXIFINATOR_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
            "EXIFINATOR_MONGODB_URI": f"mongodb://127.0.0.1:{free_port()}",
            "EXIFINATOR_S3_ENDPOINT_URL": s3_proxy[0].url,
            "EXIFINATOR_AWS_ACCESS_KEY": "test",
            "EXIFINATOR_AWS_SECRET_KEY": "secret",
            **{f"EXIFINATOR_{name}_PORT": port for name, port in ports.items()},
        },
    )
    try:
        yield checkout
    finally:
        checkout.run("stop.sh", "--all")
        left = checkout.processes()
        for pid in left:
            psutil.Process(pid).kill()
        assert not left, f"stop.sh --all left these: {left}"
