"""Write and read supervisord's configuration file, with the quoting that supervisord requires."""

from __future__ import annotations

import configparser
import io
import os
import re
import resource
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exifinator.errors import ConfigError
from exifinator.paths import write_private

# supervisord's option `startsecs`. A program that exits earlier than this is restarted after a pause, which grows by a
# second each time. A program that ran longer is restarted immediately.
SETTLED_SECONDS = 30
# supervisord's option `startretries`, effectively unlimited: by default, supervisord would give up after three
# attempts. After an hour of crashes, the pause between two attempts is about 85 s.
START_RETRIES = 1_000_000_000
# supervisord's option `minfds`. supervisord needs three pipes per process.
MIN_OPEN_FILES = 4096

Section = dict[str, str]


@dataclass(frozen=True)
class Program:
    """A program to keep running.

    Other users of this machine can read the command and the environment, so these must not contain secrets.

    Attributes:
        name: The name of the program, and of its log.
        command: The absolute path of the program, and its arguments.
        processes: The number of processes. If it is 0, the program is not started.
        environment: Environment variables in addition to those that the program inherits.
        stop_signal: The signal that asks the program to exit.
        stop_wait_seconds: The time between the stop signal and SIGKILL.
        numbered: Whether the processes are named `<name>-00`, `<name>-01`, ... even if there is only one process.
    """

    name: str
    command: Sequence[str]
    processes: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_wait_seconds: int = 15
    numbered: bool = False


class SupervisorConfig:
    """The file var/<name>/supervisord.conf of the checkout at `root`."""

    def __init__(self, name: str, root: Path) -> None:
        self._name = name
        self._root = root
        self.path = root / "var" / name / "supervisord.conf"

    def write(self, programs: dict[str, Section], socket: Path) -> None:
        """Replace the file.

        Args:
            programs: The section of each program, by name.
            socket: The path of the socket on which supervisord listens.
        """
        config = configparser.RawConfigParser()
        folder = self.path.parent.relative_to(self._root)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        # Paths are relative to the checkout, which is supervisord's working directory. An absolute path would have to
        # be quoted, because the path of the checkout may contain any character.
        socket_setting = socket.relative_to(self._root) if socket.is_relative_to(self._root) else socket
        config["unix_http_server"] = {"file": str(socket_setting), "chmod": "0700"}
        config["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        config["supervisord"] = {
            "logfile": f"logs/supervisord-{self._name}.log",
            "logfile_maxbytes": "10MB",
            "logfile_backups": "1",
            "pidfile": f"{folder}/supervisord.pid",
            "childlogdir": "logs",
            # Keep supervisord from deleting files that look like its own logs.
            "nocleanup": "true",
            "strip_ansi": "true",
            "umask": "077",
            # If this were above the hard limit, supervisord would not start.
            "minfds": str(MIN_OPEN_FILES if limit == resource.RLIM_INFINITY else min(limit, MIN_OPEN_FILES)),
            "minprocs": "1",
        }
        if os.getuid() == 0:
            config["supervisord"]["user"] = "0"
        for name, section in programs.items():
            config[f"program:{name}"] = section
        text = io.StringIO()
        config.write(text)
        write_private(self.path, text.getvalue())

    def read(self) -> dict[str, Section]:
        """Return the section of each program, by name. If the file is missing or damaged, return {}."""
        config = self._parse()
        prefix = "program:"
        return {name.removeprefix(prefix): dict(config[name]) for name in config.sections() if name.startswith(prefix)}

    def socket(self) -> Path | None:
        """Return the path of the socket on which supervisord listens, or None if the file is missing or damaged."""
        path = self._parse().get("unix_http_server", "file", fallback="")
        return self._root / path if path else None

    def _parse(self) -> configparser.RawConfigParser:
        config = configparser.RawConfigParser()
        try:
            config.read(self.path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            # `write` replaces the file atomically, so something else damaged it. The next start writes a new file.
            return configparser.RawConfigParser()
        return config

    def command(self, name: str) -> list[str]:
        """Return the command of a program, or [] if there is no such program."""
        section = self.read().get(name, {})
        return shlex.split(section.get("command", "").replace("%%", "%"))


def program_sections(programs: Sequence[Program]) -> dict[str, Section]:
    """Return the section of each program for supervisord's configuration, by name."""
    sections = {}
    for program in programs:
        if program.processes < 1:
            continue
        numbered = program.numbered or program.processes > 1
        process = "%(program_name)s-%(process_num)02d" if numbered else "%(program_name)s"
        command = list(program.command)
        if program.environment:
            # supervisord's option `environment` does not support every value, so set the variables with `env`. Its
            # arguments are quoted like all others, and the program replaces the `env` process.
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
    """Quote an argument of a command for supervisord's configuration."""
    if not part.isprintable():
        raise ConfigError(f"{part!r} cannot be part of a command: it contains a control character.")
    quoted = shlex.quote(part)
    # A `;` or `#` after a space starts a comment, even inside quotes. Quoting the space separately prevents this.
    quoted = re.sub(r" (?=[;#])", "'\" \"'", quoted)
    return quoted.replace("%", "%%")
