"""The workers, the dashboard and the API of this checkout: what they are, and how they start and stop."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from exifinator.config import ROOT, Config
from exifinator.errors import ConfigError, ServiceFailed
from exifinator.home import IS_CHECKOUT, PACKAGE, START, STOP
from exifinator.local_s3 import resume_serving
from exifinator.services import is_loopback, last_lines, listens
from exifinator.serving import mrq_worker
from exifinator.supervision import Program, Supervision, write_private

START_SECONDS = 60.0
# A program that ended this soon after the start, and waits to be tried again, will not come up.
DOOMED_SECONDS = 5.0
# What only `run` reads: the workers need not be restarted for it.
NOT_THEIRS = frozenset({"s3_buckets", "local_s3_port"})
BOTO_VARIABLES = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True)
class WorkersReport:
    """happened: "started", "restarted" or "already running"; outdated: with other settings or code than the present."""

    happened: str
    outdated: bool
    dashboard_url: str
    api_url: str

    @property
    def started(self) -> bool:
        return self.happened != "already running"

    def __str__(self) -> str:
        lines = [f"Workers, dashboard and API: {self.happened}."]
        if self.outdated:
            lines[0] += f" Settings or code changed since: {START} --restart takes them over."
        for name, url in (("Dashboard", self.dashboard_url), ("API", self.api_url)):
            host = url.removeprefix("http://").rpartition(":")[0].strip("[]")
            lines.append(f"  {name + ':':<11}{url}{'   (only from this machine)' if is_loopback(host) else ''}")
        return "\n".join(lines)


def worker_supervision(root: Path = ROOT) -> Supervision:
    """The supervision of the workers, the dashboard and the API."""
    return Supervision("workers", root)


def worker_programs(config: Config) -> list[Program]:
    """Each worker process reads and writes: so each has the same to do, however long reading or decoding takes."""
    worker = mrq_worker()
    python = [sys.executable, "-m"]
    # MRQ drains at SIGINT: it takes no more jobs and ends those that it has.
    return [
        Program(
            "download-write",
            [*worker, config.download_queue, config.write_queue],
            processes=config.processes,
            stop_signal="INT",
            numbered=True,
        ),
        Program("dashboard", [*python, "exifinator.dashboard"]),
        Program("api", [*python, "exifinator", "api"]),
    ]


def start_workers(config: Config, *, restart: bool = False, root: Path = ROOT) -> WorkersReport:
    """Start what does not run, and wait until it does. Redis and MongoDB must be there: see ensure_services.

    restart: stop what runs first, so that changed settings and code are taken over.
    Raises: ConfigError where a port is another program's; ServiceFailed.
    """
    supervision = worker_supervision(root)
    programs = worker_programs(config)
    present = _fingerprint(config, root)
    note = supervision.root / "var" / "workers" / "started"
    stopped = restart and supervision.stop()
    # What a killed supervisor left behind may hold the ports.
    supervision.end_orphans()
    if not supervision.running():
        _refuse_taken_ports(config, supervision)
    resume_serving(root)
    if supervision.start(programs):
        write_private(note, present)
        happened = "restarted" if stopped else "started"
    else:
        supervision.wake()
        happened = "already running"
    _await_start(config, supervision)
    return WorkersReport(
        happened,
        is_outdated(config, root),
        f"http://{_shown(config.dashboard_host)}:{config.dashboard_port}",
        f"http://{_shown(config.api_host)}:{config.api_port}",
    )


def stop_workers(root: Path = ROOT) -> bool:
    """Let the workers end what they have begun, then end everything. Returns whether anything ran."""
    return worker_supervision(root).stop()


def is_outdated(config: Config, root: Path = ROOT) -> bool:
    """Whether what runs was started with other settings or code than the present. Raises: ServiceFailed."""
    supervision = worker_supervision(root)
    note = supervision.root / "var" / "workers" / "started"
    return (
        supervision.differs(worker_programs(config))
        or not note.exists()
        or note.read_text() != _fingerprint(config, root)
    )


def web_addresses(config: Config) -> list[tuple[str, str, str, int]]:
    """Of the dashboard and the API: program, the setting of its port, and where this machine reaches it."""
    return [
        ("dashboard", "DASHBOARD_PORT", _reachable(config.dashboard_host), config.dashboard_port),
        ("api", "API_PORT", _reachable(config.api_host), config.api_port),
    ]


def _refuse_taken_ports(config: Config, supervision: Supervision) -> None:
    for name, setting, host, port in web_addresses(config):
        # Another call may have started ours in between.
        if listens(host, port) and not supervision.running():
            raise ConfigError(
                f"port {port} of this machine is taken by another program, so the {name} cannot start: "
                f"stop that program, or set {setting} to a free port"
            )


def _await_start(config: Config, supervision: Supervision) -> None:
    started = time.monotonic()
    while True:
        processes = supervision.status()
        waiting = [process for process in processes if process.state != "RUNNING"]
        silent = [name for name, _, host, port in web_addresses(config) if not _answers(host, port)]
        if processes and not waiting and not silent:
            return
        waited = time.monotonic() - started
        failed = [process.process for process in waiting if process.state == "BACKOFF"]
        if waited > START_SECONDS or (waited > DOOMED_SECONDS and failed):
            name = [*failed, *(process.process for process in waiting), *silent, "supervisord-workers"][0]
            log = supervision.log_path(name)
            raise ServiceFailed(
                f"{name} did not come up; it is tried again until {STOP}. The end of {log}:\n{last_lines(log)}"
            )
        time.sleep(0.2)


def _answers(host: str, port: int) -> bool:
    """Whether an HTTP server answers there, whatever it says."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _reachable(host: str) -> str:
    """Where this machine reaches what binds `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _shown(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host


def _fingerprint(config: Config, root: Path) -> str:
    """Another where the workers' settings or code are others. Made of secrets too: kept where only this user reads."""
    values = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in config
        if name not in NOT_THEIRS
    }
    # What boto3 and its HTTP client take from the environment: profile, region, endpoint, keys, proxies, certificates.
    theirs = {name: value for name, value in os.environ.items() if name.upper().startswith(BOTO_VARIABLES)}
    digest = hashlib.sha256(repr((sorted(values.items()), sorted(theirs.items()))).encode())
    code = [root / "exifinator", root / "api"] if IS_CHECKOUT else [PACKAGE]
    for path in sorted([root / "mrq-config.py", *(path for folder in code for path in folder.glob("**/*.py"))]):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()
