"""Identify this process among those that serve the API, and pass its identity on the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ApiProcess:
    """One of the processes that serve the API.

    Attributes:
        number: The number of this process, from 0.
        count: The number of processes; 1 if this process serves alone.
        main_pid: The process id of the main process, which starts the others; of this process if it serves alone.
        lifeline_fd: File descriptor of a socket to the main process; -1 if this process serves alone. A byte written to
            the socket says that this process accepts connections. Its other end is closed when the main process exits.
        counter_fd: File descriptor of the memory that all processes share; -1 if this process serves alone.
        listener_fds: File descriptors of the sockets to listen on; empty if this process serves alone.
    """

    number: int = 0
    count: int = 1
    main_pid: int = field(default_factory=os.getpid)
    lifeline_fd: int = -1
    counter_fd: int = -1
    listener_fds: tuple[int, ...] = ()

    @property
    def is_alone(self) -> bool:
        return self.count == 1

    @property
    def name(self) -> str:
        """The name of this process in logs."""
        return f"api-{self.number}"

    def to_arguments(self) -> list[str]:
        """Return the arguments with which the main process starts this process."""
        values = (self.number, self.count, self.main_pid, self.lifeline_fd, self.counter_fd, *self.listener_fds)
        return [OPTION, *map(str, values)]


OPTION = "--process"


def read_arguments(arguments: Sequence[str]) -> ApiProcess | None:
    """Return the process that the arguments describe; None if they are not the result of `to_arguments`."""
    if not arguments or arguments[0] != OPTION:
        return None
    number, count, main_pid, lifeline_fd, counter_fd, *listener_fds = map(int, arguments[1:])
    return ApiProcess(number, count, main_pid, lifeline_fd, counter_fd, tuple(listener_fds))
