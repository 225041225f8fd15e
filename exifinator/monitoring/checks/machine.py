"""Check this machine: Python, packages, ports, limits, disk space, workers."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import resource
import shutil
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from exifinator.config import ROOT, Config
from exifinator.errors import EXIFinatorError
from exifinator.monitoring.checks import Finding, error, ok, warning
from exifinator.net import listens
from exifinator.open_files import FEWEST_GREENLETS, files_needed, open_files_limit
from exifinator.paths import RUN, START, STOP
from exifinator.processes.tagged import find_listeners
from exifinator.processes.workers import is_outdated, web_addresses, worker_supervision

MIN_PYTHON, MAX_PYTHON = (3, 11), (3, 13)
SUGGESTED_FILES = 4096
# Processes and threads that run besides the workers: the interpreter's threads, and two subprocesses that read images.
SPARE_PROCESSES = 16
MIN_FREE_BYTES = 1_000_000_000
MIN_FREE_SHARE = 0.05

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)\s*(?:;\s*(.*?))?\s*\\?$")


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    text = ".".join(map(str, version))
    if MIN_PYTHON <= version[:2] <= MAX_PYTHON:
        return ok("python", f"Python {text}")
    return error(
        "python", f"Python {text} is not supported: use 3.11 to 3.13", "rm -rf venv; PYTHON=python3.13 ./setup.sh"
    )


def check_packages(requirements: Path = ROOT / "requirements.txt") -> Finding:
    """Compare the installed packages with requirements.txt or, if it does not exist, with the package metadata."""
    if not requirements.exists():
        return _check_metadata()
    missing, different = [], []
    for line in requirements.read_text().splitlines():
        match = _PINNED.match(line)
        if not match or not _applies(match[3]):
            continue
        try:
            version = importlib.metadata.version(match[1])
        except importlib.metadata.PackageNotFoundError:
            missing.append(match[1])
        else:
            if version != match[2]:
                different.append(f"{match[1]} {version} instead of {match[2]}")
    fix = "./setup.sh   (or pip install -r requirements.txt in your own environment)"
    if missing:
        return error("packages", f"not installed: {', '.join(missing)}", fix)
    if different:
        return warning("packages", f"versions differ from the tested ones: {_join_some(different)}", fix)
    return ok("packages", "the installed packages match requirements.txt")


def _check_metadata() -> Finding:
    try:
        required = importlib.metadata.requires("exifinator") or []
    except importlib.metadata.PackageNotFoundError:
        return warning("packages", "there is no requirements.txt to compare with", "run doctor in the checkout")
    installed = {_normalize(str(dist.metadata["Name"])) for dist in importlib.metadata.distributions()}
    # Skip requirements with a marker, which are for an extra or for another platform.
    names = [re.split(r"[\s<>=!~\[(]", line, maxsplit=1)[0] for line in required if ";" not in line]
    missing = [name for name in names if _normalize(name) not in installed]
    if missing:
        return error("packages", f"not installed: {', '.join(missing)}", "pip install --force-reinstall exifinator")
    return ok("packages", "all required packages are installed")


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _applies(marker: str | None) -> bool:
    """Return whether a requirement is for this Python and platform; False if that cannot be determined."""
    if not marker:
        return True
    try:
        from packaging.markers import Marker
    except ImportError:
        return False
    return bool(Marker(marker).evaluate())


def _join_some(names: Sequence[str], limit: int = 5) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def check_ports(config: Config) -> list[Finding]:
    """Check that the ports of the API and the dashboard are free, or are used by these two programs."""
    try:
        own_pids = {process.program: process.pid for process in worker_supervision().status() if process.pid}
    except EXIFinatorError as exc:
        return [error("ports", str(exc), f"{STOP}; {START}")]
    return [check_port(name, setting, host, port, own_pids) for name, setting, host, port in web_addresses(config)]


def check_port(name: str, setting: str, host: str, port: int, own_pids: Mapping[str, int]) -> Finding:
    """Check that a port is free for a program, or is used by that program.

    Args:
        name: The program: `api` or `dashboard`.
        setting: The setting that the port comes from.
        own_pids: Process ids of this checkout's running programs, by program name.
    """
    if not listens(host, port):
        if name in own_pids:
            return error(
                "ports",
                f"the {name} is running (process {own_pids[name]}), but does not respond on {host}:{port}",
                f"{START} --restart   (logs/{name}.log shows the reason)",
            )
        return ok("ports", f"{setting} {port} is free for the {name}")
    listener = _find_listener(port)
    if name in own_pids and (listener is None or listener.pid == own_pids[name]):
        return ok("ports", f"the {name} uses {setting} {port}")
    if listener is None and name == "api" and _is_exifinator_api(host, port):
        return ok("ports", f"an EXIFinator API uses {setting} {port}")
    user = f"{listener.name()} (process {listener.pid})" if listener else "another user's program"
    return error(
        "ports",
        f"{setting} {port} is used by {user}, so the {name} cannot start",
        f"export EXIFINATOR_{setting}=<a free port>   (or stop that program)",
    )


def _find_listener(port: int) -> psutil.Process | None:
    """Return the process that listens on a port, or None if this user may not see it."""
    for pid in find_listeners(port):
        with contextlib.suppress(psutil.Error):
            return psutil.Process(pid)
    return None


def _is_exifinator_api(host: str, port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/healthz", timeout=3) as response:
            health = json.loads(response.read(100))
    except (OSError, ValueError):
        return False
    return isinstance(health, dict) and health.get("status") == "ok" and "pid" in health


def check_open_files(config: Config, limit: int | None = None) -> Finding:
    """Check that a worker may open all the files and connections that its greenlets need.

    Args:
        limit: Maximum number of open files. The default is the limit of this process.
    """
    soft = limit if limit is not None else open_files_limit()
    greenlets = FEWEST_GREENLETS if config.greenlets == "auto" else config.greenlets
    needed = files_needed(greenlets)
    if soft is None or soft >= needed:
        allowed = "any number of" if soft is None else f"{soft:,}"
        return ok("limits", f"a process may open {allowed} files; {greenlets} greenlets need {needed}")
    return error(
        "limits",
        f"a process may open {soft} files, but a worker with {greenlets} greenlets needs {needed}",
        f"ulimit -n {max(SUGGESTED_FILES, needed)}   (before ./start_workers.sh; LimitNOFILE= in a systemd unit)",
    )


def check_process_limit(config: Config, limit: int | None = None, running: int | None = None) -> Finding:
    """Check that this user may start WORKER_PROCESSES more processes.

    Args:
        limit: Maximum number of the user's processes and threads. The default is the limit of this process.
        running: Number of the user's running processes and threads. The default is to count them.
    """
    soft = limit if limit is not None else resource.getrlimit(resource.RLIMIT_NPROC)[0]
    needed = config.processes + SPARE_PROCESSES
    if _is_unlimited(soft) or (limit is None and os.getuid() == 0):
        return ok("limits", "this user may start any number of processes")
    if running is None:
        running = sum(p.info["num_threads"] or 0 for p in psutil.process_iter(["uids", "num_threads"]) if _is_own(p))
    if running + needed <= soft:
        return ok("limits", f"this user is running {running} of at most {soft} processes and threads")
    return error(
        "limits",
        f"this user may run {soft} processes and threads and is running {running}, but the workers need {needed} more",
        f"ulimit -u {2 * (running + needed)}   (or set fewer WORKER_PROCESSES)",
    )


def _is_own(process: psutil.Process) -> bool:
    uids = process.info["uids"]
    return uids is not None and uids.real == os.getuid()


def _is_unlimited(limit: int) -> bool:
    return limit in (resource.RLIM_INFINITY, -1)


def check_disk(name: str, free_bytes: int, total_bytes: int, fix: str) -> Finding:
    """Check that a disk has free space. MongoDB rejects writes when its disk is full."""
    share = free_bytes / total_bytes if total_bytes else 1.0
    message = f"{name} has {free_bytes / 1e9:,.1f} GB ({share:.0%}) left"
    if free_bytes < MIN_FREE_BYTES:
        return error("disk", message, fix)
    if share < MIN_FREE_SHARE:
        return warning("disk", message, fix)
    return ok("disk", message)


def check_own_disk(root: Path = ROOT) -> Finding:
    """Check the disk that contains EXIFinator's folder."""
    usage = shutil.disk_usage(root)
    fix = f"free up some space   (du -xsh {root}/logs {root}/var/* shows what EXIFinator uses)"
    return check_disk(f"the disk of {root}", usage.free, usage.total, fix)


def check_workers(config: Config, active: int | None) -> Finding:
    """Check that workers are running.

    Args:
        active: The number of workers on all machines that have reported recently. None if MongoDB is unreachable.
    """
    try:
        is_running = worker_supervision().running()
        outdated = is_running and is_outdated(config)
    except EXIFinatorError as exc:
        return error("workers", str(exc), f"{STOP}; {START}")
    if outdated:
        return warning(
            "workers", "the workers on this machine are running with older settings or code", f"{START} --restart"
        )
    if active == 0 and not is_running:
        return warning("workers", f"no workers are running on any machine: {RUN} starts them", START)
    if active == 0:
        return error(
            "workers",
            "workers were started on this machine, but none of them reports",
            "tail logs/download-write-00.log   (shows the reason)",
        )
    if not is_running:
        return ok("workers", "no workers are running on this machine")
    if active is None:
        return ok("workers", "workers are running on this machine")
    return ok("workers", "1 worker is running" if active == 1 else f"{active} workers are running")
