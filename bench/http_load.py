"""Send GET requests from many connections, with little CPU time, because the server shares the machine.

asyncio's streams would take six times as much.
"""

from __future__ import annotations

import itertools
import select
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import quote

_READ_BYTES = 1 << 18
# A server that accepts no connections must not block the benchmark forever.
_MAX_WAIT_SECONDS = 60.0


@dataclass
class Load:
    """What the clients saw.

    Attributes:
        seconds: The duration of each request that was responded to.
        errors: How many requests failed, by status or exception.
        bytes_read: The size of all responses.
        wall_seconds: How long the requests were sent.
        cpu_seconds: CPU time of the clients.
    """

    seconds: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0


class _Connection:
    """A connection that is kept between requests."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_MAX_WAIT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._head = b""
        # Of the body; None while the head is incomplete.
        self._missing_bytes: int | None = None
        self.started_at = 0.0
        self.status = ""

    def fileno(self) -> int:
        return self._socket.fileno()

    def start(self, request: bytes) -> None:
        """Send a request."""
        self._head, self._missing_bytes = b"", None
        self.started_at = time.perf_counter()
        self._socket.send(request)

    def read(self) -> int:
        """Read what has arrived, and return its size.

        Raises:
            ConnectionError: The server has closed the connection.
        """
        data = self._socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionResetError
        if self._missing_bytes is not None:
            self._missing_bytes -= len(data)
            return len(data)
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end >= 0:
            self.status = self._head[9:12].decode()
            self._missing_bytes = end + 4 + _content_length(self._head[:end]) - len(self._head)
        return len(data)

    @property
    def is_complete(self) -> bool:
        """Whether the whole response has arrived."""
        return self._missing_bytes == 0

    def close(self) -> None:
        self._socket.close()


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    if not found:
        raise ValueError("the response has no Content-Length")
    return int(rest.split(b"\r\n", 1)[0])


def send_requests(port: int, paths: list[str], clients: int, seconds: float) -> Load:
    """Let the clients send these requests in turn for this long, each the next one when its last one is complete."""
    load = Load()
    requests = itertools.cycle([_request(path) for path in paths])
    poll = select.epoll()
    connections: dict[int, _Connection] = {}

    def open_connection() -> None:
        connection = _Connection(port)
        connections[connection.fileno()] = connection
        poll.register(connection.fileno(), select.EPOLLIN)
        connection.start(next(requests))

    start, cpu_start = time.perf_counter(), time.process_time()
    for _ in range(clients):
        open_connection()
    ends_at = start + seconds
    while (now := time.perf_counter()) < ends_at:
        for number, _ in poll.poll(ends_at - now):
            connection = connections[number]
            try:
                load.bytes_read += connection.read()
                if not connection.is_complete:
                    continue
                load.seconds.append(time.perf_counter() - connection.started_at)
                if connection.status != "200":
                    load.errors[connection.status] += 1
                connection.start(next(requests))
            except OSError as error:
                load.errors[type(error).__name__] += 1
                connections.pop(number).close()
                open_connection()
    load.wall_seconds, load.cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    poll.close()
    for connection in connections.values():
        connection.close()
    return load


def _request(path: str) -> bytes:
    return f"GET {quote(path, safe='/?&=%,.:-')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
