"""The place of this process among those that serve the API."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ApiProcess:
    """One of the processes that serve the API.

    Attributes:
        number: The number of this process, from 0.
        count: How many processes there are. 1: this process serves alone.
        main_pid: The process id of the main process, which starts the others; of this process if it serves alone.
        lifeline: File descriptor of a socket to the main process; -1 if this process serves alone. A byte written to it
            says that this process accepts connections. It is closed when the main process exits.
        counter: File descriptor of the memory that all processes share; -1 if this process serves alone.
        listeners: File descriptors of the sockets to listen on.
    """

    number: int = 0
    count: int = 1
    main_pid: int = field(default_factory=os.getpid)
    lifeline: int = -1
    counter: int = -1
    listeners: tuple[int, ...] = ()

    @property
    def is_alone(self) -> bool:
        return self.count == 1

    @property
    def name(self) -> str:
        """The name of this process in logs."""
        return f"api-{self.number}"

    def to_arguments(self) -> list[str]:
        """Return the arguments with which the main process starts this process."""
        numbers = (self.number, self.count, self.main_pid, self.lifeline, self.counter, *self.listeners)
        return [OPTION, *map(str, numbers)]


OPTION = "--process"


def read_arguments(arguments: Sequence[str]) -> ApiProcess | None:
    """Return the process that the arguments of `to_arguments` describe; None if there are none."""
    if not arguments or arguments[0] != OPTION:
        return None
    number, count, main_pid, lifeline, counter, *listeners = map(int, arguments[1:])
    return ApiProcess(number, count, main_pid, lifeline, counter, tuple(listeners))
