"""Run the API in several processes that share its listening sockets, and restart each that exits.

The main process serves no requests. It opens the sockets, so a port that is in use is one error, and connections that
wait while a process is restarted are accepted by the others. With SO_REUSEPORT, the kernel would give each process a
queue of its own, and reset the connections in it when the process is killed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from contextlib import suppress

from api.listener import open_listeners
from api.process import ApiProcess
from api.shared.throttle import memory_bytes
from exifinator.config import Config
from exifinator.gc_tuning import freeze_startup_heap
from exifinator.logging_setup import configure
from exifinator.notify import notify_ready

log = logging.getLogger(__name__)

# A process that exits earlier than this is restarted after a pause, which grows by a second each time.
SETTLED_SECONDS = 30.0
MAX_PAUSE_SECONDS = 60.0


def main(config: Config) -> int:
    """Serve until the process receives SIGINT or SIGTERM. Return the exit code.

    Raises:
        ServiceFailed: The address cannot be bound.
    """
    listeners = open_listeners(config.api_host, config.api_port)
    configure(config)
    counter = os.memfd_create("exifinator-api")
    os.truncate(counter, memory_bytes(config.api_process_count))
    group = ProcessGroup(config.api_process_count, counter, [listener.fileno() for listener in listeners])
    try:
        return asyncio.run(group.run())
    finally:
        os.close(counter)
        for listener in listeners:
            listener.close()


class ProcessGroup:
    """The processes that serve the API.

    Args:
        count: The number of processes.
        counter: File descriptor of the memory that they share.
        listeners: File descriptors of the sockets that they listen on.
    """

    def __init__(self, count: int, counter: int, listeners: list[int]) -> None:
        self._count = count
        self._counter = counter
        self._listeners = tuple(listeners)
        # The API is ready when all processes are, so none of them may notify the process manager by itself.
        self._environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._ready: set[int] = set()
        self._was_ready = False
        self._stopping = asyncio.Event()
        self._exit_code = 0

    async def run(self) -> int:
        """Run the processes until this one is told to stop. Return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        await asyncio.gather(*(self._keep(number) for number in range(self._count)))
        return self._exit_code

    def _stop(self) -> None:
        self._stopping.set()
        for process in self._processes.values():
            if process.returncode is None:
                process.terminate()

    async def _keep(self, number: int) -> None:
        """Run one process, and start it again whenever it exits."""
        pause_seconds = 0.0
        while not self._stopping.is_set():
            started_at = time.monotonic()
            exit_code = await self._run_once(number)
            if self._stopping.is_set():
                return
            if not self._was_ready:
                # The process has said why. It is a setting or a server, so the others fail too.
                self._exit_code = exit_code if exit_code > 0 else 1
                self._stop()
                return
            has_settled = time.monotonic() - started_at >= SETTLED_SECONDS
            pause_seconds = 0.0 if has_settled else min(pause_seconds + 1, MAX_PAUSE_SECONDS)
            log.warning(
                "restart: process api-%d exited with code %d, starting it again in %d s",
                number,
                exit_code,
                pause_seconds,
                extra={"action": "restart"},
            )
            await self._wait(pause_seconds)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _run_once(self, number: int) -> int:
        """Start a process, and wait until it exits. Return its exit code."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            described = ApiProcess(number, self._count, os.getpid(), theirs.fileno(), self._counter, self._listeners)
            # -P is passed on: see `exifinator api`.
            options = ["-P"] if sys.flags.safe_path else []
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *options,
                "-m",
                "api",
                *described.to_arguments(),
                pass_fds=(theirs.fileno(), self._counter, *self._listeners),
                env=self._environment,
            )
            theirs.close()
            self._processes[number] = process
            if self._stopping.is_set():  # while it was being started
                process.terminate()
            if await asyncio.get_running_loop().sock_recv(ours, 1):
                self._note_ready(number)
            return await process.wait()

    def _note_ready(self, number: int) -> None:
        self._ready.add(number)
        if len(self._ready) == self._count and not self._was_ready:
            self._was_ready = True
            freeze_startup_heap()
            notify_ready()
