"""Check the Redis and MongoDB servers named in the settings, and start a local server that is not running."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from exifinator.config import ROOT, Config
from exifinator.errors import ConfigError, EXIFinatorError, ServiceFailed
from exifinator.net import listens, listens_on_socket
from exifinator.own_servers import is_foreign, is_own, note_foreign, note_own, plain_address
from exifinator.paths import STOP
from exifinator.processes.services import MongoDBService, NotResponding, RedisService, Service
from exifinator.processes.startup import is_restarting, last_lines, wait_until_up
from exifinator.processes.supervisor import START_TIMEOUT_SECONDS, Supervision
from exifinator.processes.supervisor_config import Program
from exifinator.processes.tagged import has_listener, process_tag
from exifinator.sockets import socket_path

log = logging.getLogger(__name__)

OWN_SERVERS_HINT = (
    "To use your own servers instead, set REDIS_URL and MONGODB_URI in settings.py. "
    f"{STOP} --all stops the servers that EXIFinator started."
)
# The name of the supervision of these servers.
SUPERVISION = "services"
# The maximum pause between two attempts to reach a server that EXIFinator does not start itself.
MAX_PAUSE_SECONDS = 5.0
# The only environment variables that the servers inherit. Other variables may contain secrets, such as S3 credentials.
INHERITED_VARIABLES = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TZ", "USER")


@dataclass(frozen=True)
class ServiceReport:
    """A service that is up.

    Attributes:
        name: "Redis" or "MongoDB".
        address: The URL of the service, without credentials.
        outcome: "started" or "already running".
        data_folder: The folder with the service's data. None unless EXIFinator started the service.
        program: The path of the server program. None unless EXIFinator started the service.
    """

    name: str
    address: str
    outcome: str
    data_folder: Path | None = None
    program: str | None = None

    @property
    def started(self) -> bool:
        return self.outcome == "started"

    def __str__(self) -> str:
        data = f", data in {self.data_folder}" if self.data_folder else ""
        program = f" with {self.program}" if self.started else ""
        return f"{self.name} at {self.address}: {self.outcome}{program}{data}"


def ensure_services(
    config: Config, root: Path = ROOT, *, note: Callable[[str], None] = log.warning
) -> list[ServiceReport]:
    """Check that Redis and MongoDB are up. If one is not running and the settings point to this machine, start it.

    Wait up to START_TIMEOUT_SECONDS for each server. A server that EXIFinator does not start may be restarting.

    Args:
        config: The settings.
        root: The checkout.
        note: Function that tells the user for which server EXIFinator waits.

    Raises:
        ConfigError: A setting is invalid.
        ServiceFailed: A service cannot be started or used.
    """
    supervision = service_supervision(root, config.start_timeout_seconds)
    supervision.end_orphans()
    services: list[Service] = [RedisService(config, root), MongoDBService(config, root)]
    wait = _Wait(root, config.start_timeout_seconds, note)
    to_start = [service for service in services if not wait.until_running(service)]
    for service in services:
        _note_foreign(service, root, is_used=service not in to_start)
    if to_start:
        supervision.ensure([_prepare(service, root) for service in to_start])
    for service in to_start:
        _await_start(service, supervision, config.start_timeout_seconds)
    supervised = {process.program for process in supervision.status() if process.pid}
    return [
        ServiceReport(
            service.name,
            service.address,
            "started" if service in to_start else "already running",
            supervision.root / "var" / service.key if service.key in supervised else None,
            supervision.config.command(service.key)[0] if service.key in supervised else None,
        )
        for service in services
    ]


def stop_services(root: Path = ROOT) -> bool:
    """Stop the Redis and MongoDB that this checkout started. Return whether any was running."""
    return service_supervision(root).stop()


def service_supervision(root: Path = ROOT, start_timeout_seconds: float = START_TIMEOUT_SECONDS) -> Supervision:
    """Return the supervision of Redis and MongoDB."""
    inherited = {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
    return Supervision(SUPERVISION, root, inherited, start_timeout_seconds=start_timeout_seconds)


def _prepare(service: Service, root: Path) -> Program:
    try:
        program = service.program()
        note_own(service.key, service.url, root)
    except OSError as exc:
        raise ServiceFailed(
            f"{service.name} cannot be started, because {exc.filename} cannot be written ({exc.strerror})",
            hint="make this user the owner of the folder var",
        ) from exc
    return program


def _find_problem(service: Service) -> NotResponding | None:
    try:
        service.ping()
    except NotResponding as exc:
        return exc
    return None


@dataclass(frozen=True, slots=True)
class _Wait:
    """Waits for servers that EXIFinator does not start.

    Attributes:
        root: The checkout.
        timeout_seconds: How long to wait for one server.
        note: Function that tells the user for which server EXIFinator waits.
    """

    root: Path
    timeout_seconds: float
    note: Callable[[str], None]

    def until_running(self, service: Service) -> bool:
        """Wait until a server responds. Return False if it is not running and must be started here.

        A server that is exiting may still listen for a moment. So check after each failed attempt whether it listens.

        Raises:
            ServiceFailed: The server cannot be started here, and does not respond within the timeout.
        """
        if _listens_for_everybody(service, self.root):
            return False

        def find_problem() -> NotResponding | None:
            if _may_listen(service, self.root):
                return _find_problem(service)
            return _not_listening(service) if service.unmanaged_reason or self._was_foreign(service) else None

        def note(problem: NotResponding) -> None:
            self.note(f"Waiting up to {self.timeout_seconds:g} s for {service.name} at {service.address} ({problem})")

        problem = wait_until_up(find_problem, self.timeout_seconds, max_pause_seconds=MAX_PAUSE_SECONDS, note=note)
        if problem is not None and (service.unmanaged_reason or _may_listen(service, self.root)):
            raise _explain(service, problem)
        return problem is None and _may_listen(service, self.root)

    def _was_foreign(self, service: Service) -> bool:
        """Return whether a server that EXIFinator did not start was used at this address. It may be restarting."""
        address = service.local_address
        return address is not None and is_foreign(service.key, _join(address), self.root)


def _join(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"


def _note_foreign(service: Service, root: Path, *, is_used: bool) -> None:
    """Store whether a server at a local address is not our own. Later runs then wait for it if it is not running."""
    address = service.local_address
    if address is None or (is_used and is_foreign(service.key, _join(address), root)):
        return
    is_ours = is_own(service.key, service.url, root) or has_listener(process_tag(root, SUPERVISION), address[1])
    # If this fails, later runs only do not wait for such a server.
    with suppress(OSError):
        note_foreign(service.key, _join(address) if is_used and not is_ours else None, root)


def _listens_for_everybody(service: Service, root: Path) -> bool:
    """Return whether an earlier version of EXIFinator started this server, on TCP and without a password.

    Such a server must be started again, on a socket that only this user can open.
    """
    if service.local_address is None or plain_address(service.url) is None or is_own(service.key, service.url, root):
        return False
    is_ours = listens(*service.local_address) and has_listener(process_tag(root, SUPERVISION), service.local_address[1])
    return is_ours and _find_problem(service) is None


def explain_fault(config: Config, key: Literal["redis", "mongodb"], root: Path = ROOT) -> EXIFinatorError | None:
    """Return the error that would stop a run because of this server, or None if a run can use or start the server."""
    try:
        service: Service = RedisService(config, root) if key == "redis" else MongoDBService(config, root)
        if not _may_listen(service, root):
            return _explain(service, _not_listening(service)) if service.unmanaged_reason else None
        problem = _find_problem(service)
    except (ConfigError, ServiceFailed) as exc:
        return exc
    return _explain(service, problem) if problem else None


def _not_listening(service: Service) -> NotResponding:
    failure = ServiceFailed(f"Nothing is listening at {service.address}", hint=service.unmanaged_reason)
    return NotResponding("nothing is listening there", failure)


def _explain(service: Service, problem: NotResponding) -> ServiceFailed:
    """Return the error to raise if a problem does not go away."""
    if problem.failure:
        return problem.failure
    if service.local_address:
        return ServiceFailed(
            f"The program at {service.address} does not respond like {service.name} ({problem})",
            hint=f"set {service.setting} to another port; or if that program is {service.name}, see its log",
        )
    return ServiceFailed(
        f"{service.name} at {service.address} does not respond ({problem})",
        hint=f"check {service.setting}, that the server is running, and that this machine can reach it",
    )


def _may_listen(service: Service, root: Path) -> bool:
    """Return whether something listens at the server's address, or the server is on another machine."""
    if is_own(service.key, service.url, root):
        return listens_on_socket(socket_path(service.key, root))
    return service.local_address is None or listens(*service.local_address)


def _await_start(service: Service, supervision: Supervision, timeout_seconds: float) -> None:
    problem = wait_until_up(
        lambda: _find_problem(service),
        timeout_seconds,
        is_crash_looping=lambda: is_restarting(supervision, service.key),
    )
    if problem is None:
        service.note_started()
    else:
        log = supervision.log_path(service.key)
        supervision.remove(service.key)
        address = service.address
        note_own(service.key, None, supervision.root)
        raise ServiceFailed(
            f"{service.name} did not start at {address}. Fix the error shown in its log, or set "
            f"{service.setting} to a server of your own. {service.damage_hint}The end of {log}:\n{last_lines(log)}"
        )
