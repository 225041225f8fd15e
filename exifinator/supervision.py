"""Programs of this checkout in the background: started, restarted when they end, and stopped, by `supervisor`."""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import io
import os
import re
import resource
import shlex
import stat
import subprocess
import sys
import time
import xmlrpc.client  # nosec B411  # it asks our own supervisord, over a socket that only this user can open
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

from supervisor.xmlrpc import SupervisorTransport

from exifinator.errors import ConfigError, ServiceFailed
from exifinator.home import STOP
from exifinator.marked import MARK, end_orphans, end_processes, find_supervisord, mark_of

# A program that ends earlier is started again after a pause that grows by a second each time; one that lived longer
# is started again at once.
SETTLED_SECONDS = 30
# An hour of crashes brings the pause to about 85 s; supervisor would give up after three tries.
START_RETRIES = 1_000_000_000
LAUNCH_SECONDS = 30.0
# The limit of a UNIX socket's path is 108 bytes, so it cannot lie in the checkout. Not $TMPDIR, which may differ
# between the call that starts and the one that stops; there in a folder of this user alone, see Supervision._socket.
SOCKETS = Path("/tmp")  # noqa: S108

_RPC_ERRORS = (OSError, HTTPException, xmlrpc.client.Error)


@dataclass(frozen=True)
class Program:
    """A program to keep running.

    command: an absolute path and its arguments; `environment` adds to what it inherits. Both are readable by others
    on this machine, so no secret belongs there.
    numbered: its processes are named `<name>-00`, `<name>-01`, ...; implied where there is more than one.
    """

    name: str
    command: Sequence[str]
    processes: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_wait_seconds: int = 15
    numbered: bool = False


class ProcessStatus(NamedTuple):
    """One process. `state` is RUNNING, STARTING, STOPPING, or BACKOFF while it waits to be started again."""

    program: str
    process: str
    state: str
    pid: int
    uptime_seconds: int
    description: str


class Supervision:
    """The supervisor `name` of the checkout at `root`: its files are in var/<name>/, the programs' output in logs/.

    environment: what the programs inherit; None for that of the call that starts them.
    """

    def __init__(self, name: str, root: Path, environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.root = root.resolve()
        self._environment = environment
        self._mark = mark_of(self.root, name)
        self._key = self._mark.partition(":")[0]
        self._folder = self.root / "var" / name
        self._config = self._folder / "supervisord.conf"

    # --- What callers do ----------------------------------------------------------------------------------------

    def start(self, programs: Sequence[Program]) -> bool:
        """Start the programs, unless this supervision runs already, whatever it runs. Returns whether it started."""
        with self._locked():
            end_orphans(self._mark)
            if find_supervisord(self._mark) is not None:
                return False
            self._launch(_sections(programs))
            return True

    def ensure(self, programs: Sequence[Program]) -> None:
        """See that these programs run as described, and leave the others of this supervision alone."""
        wanted = _sections(programs)
        with self._locked():
            killed = end_orphans(self._mark)
            if find_supervisord(self._mark) is None:
                # After a kill the others come back too; after a stop they do not.
                self._launch({**(self._read_sections() if killed else {}), **wanted})
                return
            self._write_config({**self._read_sections(), **wanted})
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
        """Start at once what waits to be started again."""
        with self._locked(), self._calls() as rpc:
            for info in rpc.getAllProcessInfo():
                _wake(rpc, info)

    def remove(self, name: str) -> None:
        """Stop one program and forget it."""
        with self._locked():
            if find_supervisord(self._mark) is None:
                return
            self._write_config({key: value for key, value in self._read_sections().items() if key != name})
            with self._calls() as rpc:
                if name in rpc.reloadConfig()[0][2]:
                    rpc.stopProcessGroup(name)
                    rpc.removeProcessGroup(name)

    def signal(self, name: str, signal: str) -> None:
        """Send a signal, such as "HUP", to the processes of a program."""
        with self._calls() as rpc:
            rpc.signalProcessGroup(name, signal)

    def restart(self, programs: Sequence[Program]) -> None:
        """Stop what runs and start the programs, with the environment of this call."""
        with self._locked():
            self._stop()
            self._launch(_sections(programs))

    def end_orphans(self) -> bool:
        """End what an earlier run left behind when its supervisor was killed. Returns whether there was anything."""
        with self._locked():
            return end_orphans(self._mark)

    def stop(self) -> bool:
        """End every process of this supervision, by its stop signal first. Returns whether there were any."""
        with self._locked():
            return self._stop()

    def running(self) -> bool:
        return find_supervisord(self._mark) is not None

    def differs(self, programs: Sequence[Program]) -> bool:
        """Whether `programs` are others than those that run, or are described otherwise."""
        return self._read_sections() != _sections(programs)

    def status(self) -> list[ProcessStatus]:
        """Every process; empty where this supervision does not run, or is being stopped."""
        if self.running():
            with self._calls() as rpc, contextlib.suppress(xmlrpc.client.Fault):
                return [_status(info) for info in rpc.getAllProcessInfo()]
        return []

    def command(self, name: str) -> list[str]:
        """The command of a program; empty where there is no such program."""
        section = self._read_sections().get(name, {})
        return shlex.split(section.get("command", "").replace("%%", "%"))

    def log_path(self, process: str) -> Path:
        return self.root / "logs" / f"{process}.log"

    # --- supervisord ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One caller at a time, of all processes; children do not inherit the lock."""
        self._folder.parent.mkdir(mode=0o700, exist_ok=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _launch(self, sections: dict[str, dict[str, str]]) -> None:
        (self.root / "logs").mkdir(exist_ok=True)
        self._write_config(sections)
        inherited = dict(os.environ if self._environment is None else self._environment)
        # supervisor opens its configuration in the locale's encoding, and paths may hold any letter.
        environment = {**inherited, MARK: self._mark, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
        try:
            # supervisord leaves the terminal by itself, but only once it is up: Ctrl-C must not reach it before.
            done = subprocess.run(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config.relative_to(self.root))],
                cwd=self.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LAUNCH_SECONDS,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as exc:
            raise ServiceFailed(f"supervisord for {self.name} did not start in {LAUNCH_SECONDS:.0f} s") from exc
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).split())[-500:]
            raise ServiceFailed(f"supervisord for {self.name} did not start: {said}")
        with self._calls() as rpc:
            rpc.getState()

    def _stop(self) -> bool:
        supervisord = find_supervisord(self._mark)
        if supervisord is not None:
            longest = max((int(section["stopwaitsecs"]) for section in self._read_sections().values()), default=15)
            # All at once; supervisord by itself stops one program after the other.
            with contextlib.suppress(ServiceFailed), self._calls(patience_seconds=1.0) as rpc:
                rpc.stopAllProcesses(False)
            end_processes([supervisord], longest + 15.0)
        orphans = end_orphans(self._mark)
        with contextlib.suppress(OSError):
            # Where supervisord was killed its socket is still there; the folder is shared with other supervisions.
            self._socket().unlink(missing_ok=True)
            self._socket().parent.rmdir()
        return orphans or supervisord is not None

    @contextlib.contextmanager
    def _calls(self, patience_seconds: float = 10.0) -> Iterator[Any]:
        """supervisor's own calls; ServiceFailed where it does not answer."""
        transport = SupervisorTransport(None, None, f"unix://{self._socket()}")
        server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        deadline = time.monotonic() + patience_seconds
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
                f"the supervisor of {self.name} does not answer ({type(exc).__name__}: {exc}); "
                f"see {self.log_path(f'supervisord-{self.name}')}, or stop it with {STOP} --all and start again"
            ) from exc
        finally:
            transport.close()

    def _socket(self) -> Path:
        """Where supervisord listens: in a folder that nobody else can enter, and that nobody else made."""
        folder = SOCKETS / f"exifinator-{os.getuid()}-{self._key}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise ServiceFailed(f"{folder} must be a folder of this user alone (mode 0700): remove it and try again")
        return folder / f"{self.name}.sock"

    # --- Its configuration ----------------------------------------------------------------------------------------

    def _write_config(self, programs: dict[str, dict[str, str]]) -> None:
        config = configparser.RawConfigParser()
        folder = self._folder.relative_to(self.root)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        # Paths are relative to the checkout, where supervisord runs: the checkout's own may hold anything.
        config["unix_http_server"] = {"file": str(self._socket()), "chmod": "0700"}
        config["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        config["supervisord"] = {
            "logfile": f"logs/supervisord-{self.name}.log",
            "logfile_maxbytes": "10MB",
            "logfile_backups": "1",
            "pidfile": f"{folder}/supervisord.pid",
            "childlogdir": "logs",
            # Without it supervisord deletes what looks like its logs.
            "nocleanup": "true",
            "strip_ansi": "true",
            "umask": "077",
            # Three pipes a process; below the hard limit, for above it supervisord does not start.
            "minfds": str(4096 if limit == resource.RLIM_INFINITY else min(limit, 4096)),
            "minprocs": "1",
        }
        if os.getuid() == 0:
            config["supervisord"]["user"] = "0"
        for name, section in programs.items():
            config[f"program:{name}"] = section
        text = io.StringIO()
        config.write(text)
        write_private(self._config, text.getvalue())

    def _read_sections(self) -> dict[str, dict[str, str]]:
        config = configparser.RawConfigParser()
        try:
            config.read(self._config, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            # Damaged from outside, for it is written at once: the next start writes it anew.
            return {}
        prefix = "program:"
        return {name.removeprefix(prefix): dict(config[name]) for name in config.sections() if name.startswith(prefix)}


def write_private(path: Path, text: str) -> None:
    """Replace a file, at once, by one that only this user can read."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def _sections(programs: Sequence[Program]) -> dict[str, dict[str, str]]:
    """What supervisor's configuration says of each program."""
    sections = {}
    for program in programs:
        if program.processes < 1:
            continue
        numbered = program.numbered or program.processes > 1
        process = "%(program_name)s-%(process_num)02d" if numbered else "%(program_name)s"
        command = list(program.command)
        if program.environment:
            # supervisor's own `environment` cannot hold every value; `env` becomes the program and takes the same
            # quoting as its arguments.
            command = ["/usr/bin/env", *(f"{name}={value}" for name, value in program.environment.items()), *command]
        sections[program.name] = {
            "command": " ".join(_quote(part) for part in command),
            "process_name": process,
            "numprocs": str(program.processes),
            "autorestart": "true",
            "startsecs": str(SETTLED_SECONDS),
            "startretries": str(START_RETRIES),
            "stopsignal": program.stop_signal,
            "stopwaitsecs": str(program.stop_wait_seconds),
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": f"logs/{process}.log",
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": "5",
        }
    return sections


def _quote(part: str) -> str:
    """An argument as supervisor's configuration takes it."""
    if not part.isprintable():
        raise ConfigError(f"{part!r} cannot be part of a command: it holds a line break or another control character")
    quoted = shlex.quote(part)
    # A blank before `;` or `#` opens a comment, even in quotes: the blank goes into quotes of its own.
    quoted = re.sub(r" (?=[;#])", "'\" \"'", quoted)
    return quoted.replace("%", "%%")


def _status(info: dict[str, Any]) -> ProcessStatus:
    state = str(info["statename"])
    uptime_seconds = max(0, info["now"] - info["start"]) if info["pid"] else 0
    if state == "STARTING" and uptime_seconds >= 2:
        # supervisor says RUNNING only after SETTLED_SECONDS, but it does run.
        state = "RUNNING"
    description = ""
    if state in ("BACKOFF", "EXITED", "FATAL"):
        description = f"ended; it is started again after a pause; see {info['logfile']}"
    return ProcessStatus(info["group"], info["name"], state, info["pid"], uptime_seconds, description)


def _wake(rpc: Any, info: dict[str, Any]) -> None:
    name = f"{info['group']}:{info['name']}"
    # Refused where it has been started since.
    with contextlib.suppress(xmlrpc.client.Fault):
        if info["statename"] == "BACKOFF":
            rpc.stopProcess(name)
        if info["statename"] in ("BACKOFF", "STOPPED"):
            rpc.startProcess(name, False)
