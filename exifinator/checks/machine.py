"""This machine: Python, packages, ports, limits, disk."""

from __future__ import annotations

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

from exifinator.checks import Finding, ok, warning, wrong
from exifinator.config import ROOT, Config
from exifinator.errors import EXIFinatorError
from exifinator.home import RUN, START, STOP
from exifinator.services import listens
from exifinator.workers import is_outdated, web_addresses, worker_supervision

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
# Besides those of its greenlets: modules, logs, MongoDB's monitors, the supervisor's pipes.
OTHER_FILES = 128
# S3 lean and by boto3, Redis and MongoDB: each has a pool with a connection a greenlet.
FILES_A_GREENLET = 4
# The interpreter's own and those of two images that are read in processes of their own.
SPARE_PROCESSES = 16
LEAST_FREE_BYTES = 1_000_000_000
LEAST_FREE_SHARE = 0.05

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)\s*(?:;\s*(.*?))?\s*\\?$")


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    shown = ".".join(map(str, version))
    if OLDEST_PYTHON <= version[:2] <= NEWEST_PYTHON:
        return ok("python", f"Python {shown}")
    return wrong("python", f"Python {shown} is not one of 3.11 to 3.13", "rm -rf venv; PYTHON=python3.13 ./setup.sh")


def check_packages(requirements: Path = ROOT / "requirements.txt") -> Finding:
    """Whether what is installed is what requirements.txt names; as an installed package, what its metadata names."""
    if not requirements.exists():
        return _check_metadata()
    missing, other = [], []
    for line in requirements.read_text().splitlines():
        match = _PINNED.match(line)
        if not match or not _applies(match[3]):
            continue
        try:
            found = importlib.metadata.version(match[1])
        except importlib.metadata.PackageNotFoundError:
            missing.append(match[1])
        else:
            if found != match[2]:
                other.append(f"{match[1]} {found} instead of {match[2]}")
    fix = "./setup.sh   (or pip install -r requirements.txt into the environment that you use)"
    if missing:
        return wrong("packages", f"not installed: {', '.join(missing)}", fix)
    if other:
        return warning("packages", f"other versions than were tested: {_some(other)}", fix)
    return ok("packages", "the packages are those of requirements.txt")


def _check_metadata() -> Finding:
    try:
        wanted = importlib.metadata.requires("exifinator") or []
    except importlib.metadata.PackageNotFoundError:
        return warning("packages", "there is no requirements.txt to compare with", "run this in the checkout")
    names = [re.split(r"[\s;<>=!~\[(]", line, maxsplit=1)[0] for line in wanted if "extra ==" not in line]
    present = {str(found.metadata["Name"]).lower().replace("_", "-") for found in importlib.metadata.distributions()}
    missing = [
        name
        for name, line in zip(names, wanted, strict=False)
        if name.lower().replace("_", "-") not in present and ";" not in line
    ]
    if missing:
        return wrong("packages", f"not installed: {', '.join(missing)}", "pip install --force-reinstall exifinator")
    return ok("packages", "the packages that EXIFinator names are installed")


def _applies(marker: str | None) -> bool:
    """Whether a requirement is for this Python and platform; where that cannot be told, it is not looked at."""
    if not marker:
        return True
    try:
        from packaging.markers import Marker
    except ImportError:
        return False
    return bool(Marker(marker).evaluate())


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def check_port(name: str, setting: str, host: str, port: int, ours: Mapping[str, int]) -> Finding:
    """ours: the process id of each program of this checkout that runs."""
    if not listens(host, port):
        if name in ours:
            return wrong(
                "ports",
                f"the {name} runs (process {ours[name]}), but nothing answers on {host}:{port}",
                f"{START} --restart   (logs/{name}.log says what keeps it)",
            )
        return ok("ports", f"{setting} {port} is free for the {name}")
    holder = _find_holder(port)
    if name in ours and (holder is None or holder.pid == ours[name]):
        return ok("ports", f"the {name} is on {setting} {port}")
    if holder is None and name == "api" and _is_our_api(host, port):
        return ok("ports", f"an API of EXIFinator's is on {setting} {port}")
    by = f"{holder.name()} (process {holder.pid})" if holder else "a program of another user"
    return wrong(
        "ports",
        f"{setting} {port} is taken by {by}, so the {name} cannot start",
        f"export EXIFINATOR_{setting}=<a free port>   (or end that program)",
    )


def _find_holder(port: int) -> psutil.Process | None:
    """The process that listens there, as far as this user may see it."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
                return psutil.Process(connection.pid)
    except psutil.Error:
        pass
    return None


def _is_our_api(host: str, port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/healthz", timeout=3) as answer:
            return bool(json.loads(answer.read(100)) == {"status": "ok"})
    except (OSError, ValueError):
        return False


def check_ports(config: Config) -> list[Finding]:
    try:
        ours = {process.program: process.pid for process in worker_supervision().status() if process.pid}
    except EXIFinatorError as exc:
        return [wrong("ports", str(exc), f"{STOP}; {START}")]
    return [check_port(name, setting, host, port, ours) for name, setting, host, port in web_addresses(config)]


def check_open_files(config: Config, limit: int | None = None) -> Finding:
    """Whether a worker may open as many files and connections as its greenlets need."""
    soft = limit if limit is not None else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    needed = FILES_A_GREENLET * config.greenlets + OTHER_FILES
    if soft in (resource.RLIM_INFINITY, -1) or soft >= needed:
        return ok(
            "limits", f"a process may open {_shown_limit(soft)} files; {config.greenlets} greenlets need {needed}"
        )
    return wrong(
        "limits",
        f"a process may open {soft} files, and a worker with {config.greenlets} greenlets needs {needed}",
        f"ulimit -n {max(4096, needed)}   (before ./start_workers.sh; LimitNOFILE= in a systemd unit)",
    )


def check_process_limit(config: Config, limit: int | None = None, running: int | None = None) -> Finding:
    """Whether this user may start the processes that WORKER_PROCESSES asks for. Threads count too."""
    soft = limit if limit is not None else resource.getrlimit(resource.RLIMIT_NPROC)[0]
    needed = config.processes + SPARE_PROCESSES
    if soft in (resource.RLIM_INFINITY, -1) or (limit is None and os.getuid() == 0):
        return ok("limits", "this user may start as many processes as it likes")
    if running is None:
        running = sum(p.info["num_threads"] or 0 for p in psutil.process_iter(["uids", "num_threads"]) if _is_mine(p))
    if running + needed <= soft:
        return ok("limits", f"this user runs {running} of {soft} threads and processes that it may")
    return wrong(
        "limits",
        f"this user may run {soft} processes and threads, runs {running}, and the workers need {needed} more",
        f"ulimit -u {2 * (running + needed)}   (or fewer WORKER_PROCESSES)",
    )


def _is_mine(process: psutil.Process) -> bool:
    uids = process.info["uids"]
    return uids is not None and uids.real == os.getuid()


def _shown_limit(limit: int) -> str:
    return "any number of" if limit in (resource.RLIM_INFINITY, -1) else f"{limit:,}"


def check_disk(what: str, free_bytes: int, total_bytes: int, fix: str) -> Finding:
    """Whether there is room; MongoDB refuses writes when there is none."""
    share = free_bytes / total_bytes if total_bytes else 1.0
    free = f"{free_bytes / 1e9:,.1f} GB ({share:.0%})"
    if free_bytes < LEAST_FREE_BYTES:
        return wrong("disk", f"{what} has {free} left", fix)
    if share < LEAST_FREE_SHARE:
        return warning("disk", f"{what} has {free} left", fix)
    return ok("disk", f"{what} has {free} left")


def check_own_disk(root: Path = ROOT) -> Finding:
    usage = shutil.disk_usage(root)
    fix = f"free some space   (du -xsh {root}/logs {root}/var/* shows what lies here)"
    return check_disk(f"the disk of {root}", usage.free, usage.total, fix)


def check_workers(config: Config, reported: int | None) -> Finding:
    """reported: how many workers, on all machines, have reported lately; None where MongoDB does not say."""
    try:
        running = worker_supervision().running()
        outdated = running and is_outdated(config)
    except EXIFinatorError as exc:
        return wrong("workers", str(exc), f"{STOP}; {START}")
    if outdated:
        return warning("workers", "the workers of this machine run with other settings or code", f"{START} --restart")
    if reported == 0 and not running:
        return warning("workers", f"no worker runs, here or elsewhere: {RUN} starts them", START)
    if reported == 0:
        return wrong(
            "workers", "workers were started here, but none reports", "tail logs/download-write-00.log   (says why)"
        )
    return ok("workers", "no worker runs here" if not running else f"{reported or 'some'} workers report")
