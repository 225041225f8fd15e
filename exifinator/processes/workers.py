"""Start and stop the workers, the dashboard and the API of this checkout."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from exifinator.config import ROOT, Config
from exifinator.errors import ConfigError, ServiceFailed
from exifinator.extras import require
from exifinator.net import is_loopback_address, listens
from exifinator.paths import IS_CHECKOUT, PACKAGE, START, STOP, write_private
from exifinator.processes.startup import last_lines, wait_until_up
from exifinator.processes.supervisor import START_TIMEOUT_SECONDS, Supervision
from exifinator.processes.supervisor_config import Program
from exifinator.processes.tagged import has_listener, process_tag

# A process that was killed loses its tag before its port, and takes longer for this on a busy machine.
PORT_RELEASE_SECONDS = 2.0
# Settings that only `run` reads. If one of them changes, the workers need no restart.
RUN_ONLY_SETTINGS = frozenset({"s3_buckets", "skip_junk_files", "start_timeout_seconds"})
# The RUN_ONLY_SETTINGS that also select events. `watch` and the API read them if events are configured.
EVENT_SETTINGS = frozenset({"s3_buckets", "skip_junk_files"})
# Prefixes of the environment variables that boto3 and its HTTP client read, such as the profile, the region, the
# endpoint, credentials, proxies and certificates.
BOTO_VARIABLES = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True)
class WorkersReport:
    """The result of start_workers.

    Attributes:
        outcome: "started", "restarted" or "already running".
        outdated: Whether the settings or the code have changed since the programs were started.
        dashboard_url: The URL of the dashboard.
        api_url: The URL of the API.
    """

    outcome: str
    outdated: bool
    dashboard_url: str
    api_url: str

    @property
    def started(self) -> bool:
        return self.outcome != "already running"

    def __str__(self) -> str:
        lines = [f"Workers, dashboard and API: {self.outcome}."]
        if self.outdated:
            lines[0] += f" Settings or code have changed since they started. Run {START} --restart to apply them."
        for name, url in (("Dashboard", self.dashboard_url), ("Explore", self.api_url)):
            host = url.removeprefix("http://").rpartition(":")[0].strip("[]")
            lines.append(f"  {name + ':':<11}{url}{'   (this machine only)' if is_loopback_address(host) else ''}")
        return "\n".join(lines)


def worker_supervision(root: Path = ROOT, start_timeout_seconds: float = START_TIMEOUT_SECONDS) -> Supervision:
    """Return the supervision of the workers, the dashboard and the API."""
    return Supervision("workers", root, start_timeout_seconds=start_timeout_seconds)


def worker_programs(config: Config) -> list[Program]:
    """Return the programs of the workers, the dashboard and the API, and of `watch` if EVENTS_SQS_URL is set.

    Every worker process serves both queues. This balances the load, however long fetching and decoding take.
    """
    worker = mrq_worker()
    python = [sys.executable, "-m"]
    # The workers are stopped with SIGINT, at which MRQ starts no more jobs and finishes the jobs in progress.
    programs = [
        Program(
            "download-write",
            [*worker, config.download_queue, config.write_queue],
            processes=config.processes,
            stop_signal="INT",
            numbered=True,
        ),
        Program("dashboard", [*python, "exifinator.dashboard.server"]),
        Program("api", [*python, "exifinator", "api"]),
    ]
    if config.events_sqs_url is not None:
        programs.append(Program("watch", [*python, "exifinator", "watch"]))
    return programs


def start_workers(config: Config, *, restart: bool = False, root: Path = ROOT) -> WorkersReport:
    """Start the programs that are not running, and wait until they are up.

    Redis and MongoDB must be running: see ensure_services.

    Args:
        config: The settings.
        restart: Whether to stop the programs first, so that changed settings and code are applied.
        root: The checkout.

    Raises:
        ConfigError: Another program uses one of the ports.
        ServiceFailed: A program does not come up.
    """
    require("api", "fastapi", "The API")
    supervision = worker_supervision(root, config.start_timeout_seconds)
    programs = worker_programs(config)
    fingerprint = _fingerprint(config, root)
    # Programs that fail because of a setting keep failing until a restart, because supervisord starts them in its own,
    # unchanged environment.
    restart = restart or (is_outdated(config, root) and _is_failing(supervision))
    if not restart:
        # Processes whose supervisor was killed may still use the ports.
        supervision.end_orphans()
    # Check the ports before anything is stopped, so that a restart that cannot succeed leaves the programs running.
    if restart or not supervision.running():
        _check_ports_are_free(config, supervision)
    stopped = restart and supervision.stop()
    if supervision.start(programs):
        write_private(_fingerprint_path(supervision), fingerprint)
        outcome = "restarted" if stopped else "started"
    else:
        supervision.wake()
        outcome = "already running"
    _await_start(config, supervision)
    return WorkersReport(
        outcome,
        is_outdated(config, root),
        f"http://{_url_host(config.dashboard_host)}:{config.dashboard_port}",
        f"http://{_url_host(config.api_host)}:{config.api_port}",
    )


def stop_workers(root: Path = ROOT) -> bool:
    """Stop all programs. Workers first finish their current images. Return whether any programs were running."""
    return worker_supervision(root).stop()


def is_outdated(config: Config, root: Path = ROOT) -> bool:
    """Return whether the settings or the code have changed since the programs were started."""
    supervision = worker_supervision(root)
    path = _fingerprint_path(supervision)
    return (
        supervision.differs(worker_programs(config))
        or not path.exists()
        or path.read_text() != _fingerprint(config, root)
    )


def web_addresses(config: Config) -> list[tuple[str, str, str, int]]:
    """Return the addresses at which this machine reaches the dashboard and the API.

    Returns:
        For each program, its name, the name of the setting with its port, its host, and its port.
    """
    return [
        ("dashboard", "DASHBOARD_PORT", _reachable_host(config.dashboard_host), config.dashboard_port),
        ("api", "API_PORT", _reachable_host(config.api_host), config.api_port),
    ]


def _check_ports_are_free(config: Config, supervision: Supervision) -> None:
    problem = wait_until_up(partial(_find_used_port, config, supervision), PORT_RELEASE_SECONDS)
    if problem is not None:
        raise ConfigError(problem)


def _find_used_port(config: Config, supervision: Supervision) -> str | None:
    """Return the error message for a port that another program uses; None if there is none."""
    for name, setting, host, port in web_addresses(config):
        # The port may be in use by our own programs, which may have been started in the meantime.
        if listens(host, port) and not has_listener(process_tag(supervision.root, supervision.name), port):
            return (
                f"Port {port} of this machine is used by another program, so the {name} cannot start. "
                f"Stop that program, or set {setting} to a free port."
            )
    return None


def _is_failing(supervision: Supervision) -> bool:
    """Return whether a program has crashed and waits (BACKOFF), has just been started, or was given up (FATAL)."""
    return any(process.state in ("BACKOFF", "STARTING", "FATAL") for process in supervision.status())


def _await_start(config: Config, supervision: Supervision) -> None:
    def find_problem() -> str | None:
        """Return the name of a program that is not up, preferably one that is crash-looping; None if all are up."""
        processes = supervision.status()
        failed = [process.process for process in processes if process.state == "BACKOFF"]
        starting = [process.process for process in processes if process.state != "RUNNING"]
        unresponsive = [name for name, _, host, port in web_addresses(config) if not _responds(host, port)]
        if processes and not starting and not unresponsive:
            return None
        return [*failed, *starting, *unresponsive, "supervisord-workers"][0]

    def is_crash_looping() -> bool:
        return any(process.state == "BACKOFF" for process in supervision.status())

    name = wait_until_up(find_problem, config.start_timeout_seconds, is_crash_looping=is_crash_looping)
    if name is not None:
        log = supervision.log_path(name)
        raise ServiceFailed(
            f"{name} did not start. The supervisor restarts it until you run {STOP}. "
            f"The end of {log}:\n{last_lines(log)}"
        )


def _responds(host: str, port: int) -> bool:
    """Return whether an HTTP server responds at this address. The status of the response does not matter."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _reachable_host(host: str) -> str:
    """Return the host at which this machine reaches a server that is bound to `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _url_host(host: str) -> str:
    """Return the host for a URL: an IPv6 address in brackets, any other host unchanged."""
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host


def _fingerprint_path(supervision: Supervision) -> Path:
    """Return the path of the file with the fingerprint of the settings and code of the running programs."""
    return supervision.root / "var" / "workers" / "started"


def _fingerprint(config: Config, root: Path) -> str:
    """Return a hash of the settings and the code that the programs use.

    The settings include secrets, so only this user may be able to read the file in which the hash is stored.
    """
    unread = RUN_ONLY_SETTINGS - EVENT_SETTINGS if config.follows_events else RUN_ONLY_SETTINGS
    values = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in config
        if name not in unread
    }
    boto_variables = {name: value for name, value in os.environ.items() if name.upper().startswith(BOTO_VARIABLES)}
    digest = hashlib.sha256(repr((sorted(values.items()), sorted(boto_variables.items()))).encode())
    code = [root / "exifinator", root / "api"] if IS_CHECKOUT else [PACKAGE]
    for path in sorted([root / "mrq-config.py", *(path for folder in code for path in folder.glob("**/*.py"))]):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def mrq_worker() -> list[str]:
    """Return the command that starts MRQ's worker in this virtual environment, without arguments."""
    # The script mrq-worker does not work in all folders: the path of the interpreter in its first line must not contain
    # spaces.
    return [sys.executable, "-m", "exifinator.worker.mrq_worker"]
