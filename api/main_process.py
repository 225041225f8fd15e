"""Run the API in several processes that share its listening sockets, and restart each that exits.

The main process serves no requests. It opens the sockets, so that a port in use is reported once, and so that the other
processes accept connections while one process is restarted. With SO_REUSEPORT, the kernel would give each process its
own queue of connections, and reset the connections in that queue when the process is killed.
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
MIN_UPTIME_SECONDS = 30.0
MAX_PAUSE_SECONDS = 60.0


def main(config: Config) -> int:
    """Serve until the process receives SIGINT or SIGTERM. Return the exit code.

    Raises:
        ServiceFailed: The address cannot be bound.
    """
    listeners = open_listeners(config.api_host, config.api_port)
    configure(config)
    counter_fd = os.memfd_create("exifinator-api")
    os.truncate(counter_fd, memory_bytes(config.api_process_count))
    group = ProcessGroup(config.api_process_count, counter_fd, [listener.fileno() for listener in listeners])
    try:
        return asyncio.run(group.run())
    finally:
        os.close(counter_fd)
        for listener in listeners:
            listener.close()


class ProcessGroup:
    """The processes that serve the API.

    Args:
        count: The number of processes.
        counter_fd: File descriptor of the memory that the processes share.
        listener_fds: File descriptors of the sockets on which the processes listen.
    """

    def __init__(self, count: int, counter_fd: int, listener_fds: list[int]) -> None:
        self._count = count
        self._counter_fd = counter_fd
        self._listener_fds = tuple(listener_fds)
        # The API is ready when all processes are ready, so none of them may notify the process manager by itself.
        self._environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._ready: set[int] = set()
        self._was_ready = False
        self._stopping = asyncio.Event()
        self._exit_code = 0

    async def run(self) -> int:
        """Run the processes until this one is told to stop. Return the exit code."""
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, self._stop)
        await asyncio.gather(*(self._keep_running(number) for number in range(self._count)))
        return self._exit_code

    def _stop(self) -> None:
        self._stopping.set()
        for process in self._processes.values():
            if process.returncode is None:
                process.terminate()

    async def _keep_running(self, number: int) -> None:
        """Run one process, and start it again whenever it exits."""
        pause_seconds = 0.0
        while not self._stopping.is_set():
            started_at = time.monotonic()
            exit_code = await self._run_once(number)
            if self._stopping.is_set():
                return
            if not self._was_ready:
                # The process has reported the reason: a setting or a server that the other processes need too. So do
                # not restart it.
                self._exit_code = exit_code if exit_code > 0 else 1
                self._stop()
                return
            ran_long_enough = time.monotonic() - started_at >= MIN_UPTIME_SECONDS
            pause_seconds = 0.0 if ran_long_enough else min(pause_seconds + 1, MAX_PAUSE_SECONDS)
            log.warning(
                "restart: process api-%d exited with code %d, starting it again in %d s",
                number,
                exit_code,
                pause_seconds,
                extra={"action": "restart"},
            )
            await self._wait_unless_stopping(pause_seconds)

    async def _wait_unless_stopping(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _run_once(self, number: int) -> int:
        """Start a process, and wait until it exits. Return its exit code."""
        main_end, process_end = socket.socketpair()
        with main_end, process_end:
            main_end.setblocking(False)
            api_process = ApiProcess(
                number, self._count, os.getpid(), process_end.fileno(), self._counter_fd, self._listener_fds
            )
            # Pass on -P: see `exifinator api`.
            options = ["-P"] if sys.flags.safe_path else []
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *options,
                "-m",
                "api",
                *api_process.to_arguments(),
                pass_fds=(process_end.fileno(), self._counter_fd, *self._listener_fds),
                env=self._environment,
            )
            process_end.close()
            self._processes[number] = process
            if self._stopping.is_set():  # while it was being started
                process.terminate()
            if await asyncio.get_running_loop().sock_recv(main_end, 1):
                self._mark_ready(number)
            return await process.wait()

    def _mark_ready(self, number: int) -> None:
        """Record that a process accepts connections. When all do, notify the process manager."""
        self._ready.add(number)
        if len(self._ready) == self._count and not self._was_ready:
            self._was_ready = True
            freeze_startup_heap()
            notify_ready()
