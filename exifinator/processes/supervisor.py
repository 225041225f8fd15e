"""Start, watch, restart and stop the background programs of this checkout with the package `supervisor`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
import xmlrpc.client  # nosec B411  # it only calls our own supervisord, over a socket that only this user can open
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

from supervisor.xmlrpc import SupervisorTransport

from exifinator.errors import ServiceFailed
from exifinator.net import listens_on_socket
from exifinator.paths import STOP
from exifinator.processes.supervisor_config import Program, Section, SupervisorConfig, program_sections
from exifinator.processes.tagged import TAG_VARIABLE, end_orphans, end_processes, find_supervisord, process_tag
from exifinator.sockets import prepare_socket, socket_path

# Default of the setting START_TIMEOUT_SECONDS.
START_TIMEOUT_SECONDS = 60.0
# Report a process as RUNNING once it has run for this long.
STARTED_SECONDS = 2
# How long supervisord may take to exit after its programs have exited or were killed.
SUPERVISORD_EXIT_SECONDS = 15.0

_RPC_ERRORS = (OSError, HTTPException, xmlrpc.client.Error)


class ProcessStatus(NamedTuple):
    """The status of one process of a program.

    Attributes:
        program: The name of the program.
        process: The name of the process. It differs from the program's name if the program has several processes.
        state: Such as RUNNING, STARTING or STOPPING; BACKOFF while the process waits for its next start.
        pid: The process id, or 0 if the process is not running.
        description: What happened, if the process has exited; otherwise "".
    """

    program: str
    process: str
    state: str
    pid: int
    uptime_seconds: int
    description: str


class Supervision:
    """A supervisord of the checkout at `root`, and the programs that it runs.

    The configuration of supervisord is in var/<name>/. The output of the programs is in logs/.

    Args:
        name: The name of this supervision. A checkout has several.
        root: The checkout.
        environment: The environment variables that the programs inherit. The default is the environment of the process
            that starts them.
        start_timeout_seconds: How long supervisord may take to start.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        environment: Mapping[str, str] | None = None,
        *,
        start_timeout_seconds: float = START_TIMEOUT_SECONDS,
    ) -> None:
        self.name = name
        self.root = root.resolve()
        self._environment = environment
        self._start_timeout_seconds = start_timeout_seconds
        self._tag = process_tag(self.root, name)
        self._folder = self.root / "var" / name
        self.config = SupervisorConfig(name, self.root)

    def start(self, programs: Sequence[Program]) -> bool:
        """Start the programs, unless supervisord is already running. Return whether they were started."""
        with self._locked():
            end_orphans(self._tag)
            if find_supervisord(self._tag) is not None:
                return False
            self._launch(program_sections(programs))
            return True

    def ensure(self, programs: Sequence[Program]) -> None:
        """Start the programs that are not running, and restart the programs whose configuration has changed.

        The other programs of this supervision keep running unchanged.
        """
        sections = program_sections(programs)
        with self._locked():
            killed = end_orphans(self._tag)
            if find_supervisord(self._tag) is None:
                # If supervisord was killed, start the other programs that it ran too. If it was stopped by `stop`, do
                # not start them.
                self._launch({**(self.config.read() if killed else {}), **sections})
                return
            self.config.write({**self.config.read(), **sections}, self._socket())
            with self._calls() as rpc:
                added, changed, _ = rpc.reloadConfig()[0]
                for name in changed:
                    rpc.stopProcessGroup(name)
                    rpc.removeProcessGroup(name)
                for name in [*changed, *added]:
                    rpc.addProcessGroup(name)
                for info in rpc.getAllProcessInfo():
                    if info["group"] in {program.name for program in programs}:
                        _wake(rpc, info)

    def wake(self) -> None:
        """Immediately start the programs that are waiting for their next start."""
        with self._locked(), self._calls() as rpc:
            for info in rpc.getAllProcessInfo():
                _wake(rpc, info)

    def remove(self, name: str) -> None:
        """Stop a program and remove it from the configuration."""
        with self._locked():
            if find_supervisord(self._tag) is None:
                return
            sections = {key: section for key, section in self.config.read().items() if key != name}
            self.config.write(sections, self._socket())
            with self._calls() as rpc:
                if name in rpc.reloadConfig()[0][2]:
                    rpc.stopProcessGroup(name)
                    rpc.removeProcessGroup(name)

    def restart(self, programs: Sequence[Program]) -> None:
        """Stop all programs of this supervision, then start `programs`."""
        with self._locked():
            self._stop()
            self._launch(program_sections(programs))

    def end_orphans(self) -> bool:
        """End the processes of this supervision whose supervisord was killed. Return whether there were any."""
        with self._locked():
            return end_orphans(self._tag)

    def stop(self) -> bool:
        """Stop all processes, and kill those that do not exit in time. Return whether any process was running."""
        with self._locked():
            return self._stop()

    def running(self) -> bool:
        return find_supervisord(self._tag) is not None

    def differs(self, programs: Sequence[Program]) -> bool:
        """Return whether `programs` differ from the programs in supervisord's configuration."""
        return self.config.read() != program_sections(programs)

    def status(self) -> list[ProcessStatus]:
        """Return the status of every process, or [] if supervisord is not running or is being stopped."""
        # Callers poll this while programs start. The search through all processes takes longer than all other steps.
        if listens_on_socket(self._socket()) or self.running():
            with self._calls() as rpc, contextlib.suppress(xmlrpc.client.Fault):
                return [_status(info) for info in rpc.getAllProcessInfo()]
        return []

    def log_path(self, process: str) -> Path:
        return self.root / "logs" / f"{process}.log"

    # --- supervisord ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of this supervision, which excludes other processes too. Child processes do not inherit it."""
        self._folder.parent.mkdir(mode=0o700, exist_ok=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _launch(self, sections: dict[str, Section]) -> None:
        try:
            (self.root / "logs").mkdir(mode=0o700, exist_ok=True)
        except OSError as exc:
            raise ServiceFailed(f"The folder {self.root / 'logs'} cannot be created ({exc.strerror})") from exc
        if not os.access(self.root / "logs", os.W_OK):
            raise ServiceFailed(
                f"This user cannot write to {self.root / 'logs'}", hint="make this user the owner of the folder"
            )
        for log in (self.root / "logs").glob("*.log*"):
            # Earlier versions let other users read some of the logs.
            with contextlib.suppress(OSError):
                log.chmod(0o600)
        self.config.write(sections, prepare_socket(self.name, self.root))
        inherited = dict(os.environ if self._environment is None else self._environment)
        # PYTHONUTF8 makes supervisord read its configuration as UTF-8 instead of in the encoding of the locale, because
        # paths may contain any character.
        environment = {**inherited, TAG_VARIABLE: self._tag, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
        try:
            # supervisord detaches from the terminal only once it is up. Until then, the new session keeps Ctrl-C from
            # reaching it.
            result = subprocess.run(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.config.path.relative_to(self.root))],
                cwd=self.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._start_timeout_seconds,
                start_new_session=True,
                # Other users of this machine must not read the logs.
                umask=0o077,
            )
        except subprocess.TimeoutExpired as exc:
            raise ServiceFailed(
                f"supervisord for {self.name} did not start in {self._start_timeout_seconds:g} s. On a slow machine, "
                "increase START_TIMEOUT_SECONDS."
            ) from exc
        if result.returncode != 0:
            output = " ".join((result.stderr or result.stdout).split())[-500:]
            raise ServiceFailed(f"supervisord for {self.name} did not start: {output}")
        with self._calls() as rpc:
            rpc.getState()

    def _stop(self) -> bool:
        supervisord = find_supervisord(self._tag)
        if supervisord is not None:
            stop_wait_seconds = max(
                (int(section["stopwaitsecs"]) for section in self.config.read().values()), default=15
            )
            # Send all programs their stop signals at the same time. supervisord would stop them one after another.
            with contextlib.suppress(ServiceFailed), self._calls(timeout_seconds=1.0) as rpc:
                rpc.stopAllProcesses(False)
                # It would notice SIGTERM only after its poll, which takes up to a second.
                rpc.shutdown()
            end_processes([supervisord], stop_wait_seconds + SUPERVISORD_EXIT_SECONDS)
        orphans = end_orphans(self._tag)
        with contextlib.suppress(OSError):
            # If supervisord was killed, its socket still exists. The folder cannot be removed if it contains another
            # socket of the checkout.
            self._socket().unlink(missing_ok=True)
            self._socket().parent.rmdir()
        return orphans or supervisord is not None

    @contextlib.contextmanager
    def _calls(self, timeout_seconds: float = 10.0) -> Iterator[Any]:
        """Yield the RPC interface of supervisord.

        Raises:
            ServiceFailed: supervisord does not respond.
        """
        transport = SupervisorTransport(None, None, f"unix://{self._socket()}")
        server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        deadline = time.monotonic() + timeout_seconds
        try:
            while True:
                try:
                    server.supervisor.getState()
                    break
                except (OSError, HTTPException):
                    transport.close()
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
            yield server.supervisor
        except _RPC_ERRORS as exc:
            raise ServiceFailed(
                f"The supervisor of {self.name} does not respond ({type(exc).__name__}: {exc}). "
                f"See {self.log_path(f'supervisord-{self.name}')}, or stop it with {STOP} --all and start again."
            ) from exc
        finally:
            transport.close()

    def _socket(self) -> Path:
        """Return the path of supervisord's socket, which earlier versions kept in another folder."""
        return self.config.socket() or socket_path(self.name, self.root)


def _status(info: dict[str, Any]) -> ProcessStatus:
    state = str(info["statename"])
    uptime_seconds = max(0, info["now"] - info["start"]) if info["pid"] else 0
    if state == "STARTING" and uptime_seconds >= STARTED_SECONDS:
        # supervisord reports STARTING for the first SETTLED_SECONDS, although the program is already running.
        state = "RUNNING"
    description = ""
    if state in ("BACKOFF", "EXITED", "FATAL"):
        description = f"exited; will be restarted after a pause; see {info['logfile']}"
    return ProcessStatus(info["group"], info["name"], state, info["pid"], uptime_seconds, description)


def _wake(rpc: Any, info: dict[str, Any]) -> None:
    name = f"{info['group']}:{info['name']}"
    # These calls fail if the process has been started in the meantime.
    with contextlib.suppress(xmlrpc.client.Fault):
        if info["statename"] == "BACKOFF":
            rpc.stopProcess(name)
        if info["statename"] in ("BACKOFF", "STOPPED"):
            rpc.startProcess(name, False)
