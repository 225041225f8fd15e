"""Start, watch, restart and stop the background programs of this checkout with `supervisor`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
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
from exifinator.paths import STOP
from exifinator.processes.supervisor_config import Program, Section, SupervisorConfig, program_sections
from exifinator.processes.tagged import TAG_VARIABLE, end_orphans, end_processes, find_supervisord, process_tag

# Default of the setting START_TIMEOUT_SECONDS.
START_TIMEOUT_SECONDS = 60.0
# Report a process as RUNNING once it has run this long.
STARTED_SECONDS = 2
# How long supervisord may take to exit after its programs have ended or were killed.
SUPERVISORD_EXIT_SECONDS = 15.0
# Parent of the private folder that Supervision._socket creates. Not in the checkout, because the path of a UNIX socket
# is limited to 108 bytes. Not $TMPDIR, which may differ between the process that starts the programs and the one that
# stops them.
SOCKETS = Path("/tmp")  # noqa: S108

_RPC_ERRORS = (OSError, HTTPException, xmlrpc.client.Error)


class ProcessStatus(NamedTuple):
    """One process. Its `state` is RUNNING, STARTING, STOPPING, or BACKOFF while it waits for its next start."""

    program: str
    process: str
    state: str
    pid: int
    uptime_seconds: int
    description: str


class Supervision:
    """A supervisord of the checkout at `root`, and the programs that it runs.

    Its files are in var/<name>/. The output of the programs is in logs/.

    Args:
        name: Distinguishes the supervisions of a checkout.
        root: The checkout.
        environment: The variables that the programs inherit. The default is the environment of the starting process.
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
        self._key = self._tag.partition(":")[0]
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
        """Start the programs that are not running, and restart those whose configuration has changed.

        Other programs of this supervision are left alone.
        """
        wanted = program_sections(programs)
        with self._locked():
            killed = end_orphans(self._tag)
            if find_supervisord(self._tag) is None:
                # If supervisord was killed, start its other programs too. If it was stopped, do not.
                self._launch({**(self.config.read() if killed else {}), **wanted})
                return
            self.config.write({**self.config.read(), **wanted}, self._socket())
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

    def signal(self, name: str, signal: str) -> None:
        """Send a signal, such as "HUP", to the processes of a program."""
        with self._calls() as rpc:
            rpc.signalProcessGroup(name, signal)

    def restart(self, programs: Sequence[Program]) -> None:
        """Stop all programs, then start these."""
        with self._locked():
            self._stop()
            self._launch(program_sections(programs))

    def end_orphans(self) -> bool:
        """End the processes whose supervisord was killed. Return whether there were any."""
        with self._locked():
            return end_orphans(self._tag)

    def stop(self) -> bool:
        """Stop every process of this supervision, first with its stop signal. Return whether there were any."""
        with self._locked():
            return self._stop()

    def running(self) -> bool:
        return find_supervisord(self._tag) is not None

    def differs(self, programs: Sequence[Program]) -> bool:
        """Return whether `programs` differ from the configured programs."""
        return self.config.read() != program_sections(programs)

    def status(self) -> list[ProcessStatus]:
        """Return every process; [] if supervisord is not running or is being stopped."""
        if self.running():
            with self._calls() as rpc, contextlib.suppress(xmlrpc.client.Fault):
                return [_status(info) for info in rpc.getAllProcessInfo()]
        return []

    def log_path(self, process: str) -> Path:
        return self.root / "logs" / f"{process}.log"

    # --- supervisord ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of this supervision, across processes. Child processes do not inherit it."""
        self._folder.parent.mkdir(mode=0o700, exist_ok=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _launch(self, sections: dict[str, Section]) -> None:
        (self.root / "logs").mkdir(exist_ok=True)
        self.config.write(sections, self._socket())
        inherited = dict(os.environ if self._environment is None else self._environment)
        # supervisor reads its configuration in the encoding of the locale, but paths may contain any character.
        environment = {**inherited, TAG_VARIABLE: self._tag, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
        try:
            # supervisord detaches from the terminal only once it is up. The new session keeps Ctrl-C from reaching it.
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
            # Signal all programs together. When supervisord exits, it stops them one after the other.
            with contextlib.suppress(ServiceFailed), self._calls(timeout_seconds=1.0) as rpc:
                rpc.stopAllProcesses(False)
            end_processes([supervisord], stop_wait_seconds + SUPERVISORD_EXIT_SECONDS)
        orphans = end_orphans(self._tag)
        with contextlib.suppress(OSError):
            # If supervisord was killed, its socket still exists. Other supervisions may use the same folder.
            self._socket().unlink(missing_ok=True)
            self._socket().parent.rmdir()
        return orphans or supervisord is not None

    @contextlib.contextmanager
    def _calls(self, timeout_seconds: float = 10.0) -> Iterator[Any]:
        """Yield the RPC interface of supervisord.

        Raises:
            ServiceFailed: If supervisord does not respond.
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
        """Return the path of supervisord's socket. Create its folder, which only this user may access.

        Raises:
            ServiceFailed: If the folder belongs to another user, or others have access to it.
        """
        folder = SOCKETS / f"exifinator-{os.getuid()}-{self._key}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        info = folder.lstat()
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o077:
            raise ServiceFailed(f"{folder} must be accessible to this user only (mode 0700). Remove it and try again.")
        return folder / f"{self.name}.sock"


def _status(info: dict[str, Any]) -> ProcessStatus:
    state = str(info["statename"])
    uptime_seconds = max(0, info["now"] - info["start"]) if info["pid"] else 0
    if state == "STARTING" and uptime_seconds >= STARTED_SECONDS:
        # supervisor reports RUNNING only after SETTLED_SECONDS, but the program is running.
        state = "RUNNING"
    description = ""
    if state in ("BACKOFF", "EXITED", "FATAL"):
        description = f"ended; restarts after a pause; see {info['logfile']}"
    return ProcessStatus(info["group"], info["name"], state, info["pid"], uptime_seconds, description)


def _wake(rpc: Any, info: dict[str, Any]) -> None:
    name = f"{info['group']}:{info['name']}"
    # These calls fail if the process has been started in the meantime.
    with contextlib.suppress(xmlrpc.client.Fault):
        if info["statename"] == "BACKOFF":
            rpc.stopProcess(name)
        if info["statename"] in ("BACKOFF", "STOPPED"):
            rpc.startProcess(name, False)
