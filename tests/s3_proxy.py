"""Proxy in front of a test's S3 server, for faults that no server produces on demand.

It can change, delay, cut off or drop the requests and answers that pass through it.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.servers import serving


@dataclass(slots=True)
class Answer:
    """Answer to a request.

    If `sent_bytes` is set, only that many bytes of the body are sent, regardless of its Content-Length. The connection
    is then closed, at once or after `stalled_seconds` of silence.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    sent_bytes: int | None = None
    stalled_seconds: float = 0.0
    # Reset the connection (RST) instead of closing it.
    reset: bool = False


def s3_error(status: int, code: str, *, more: str = "") -> Answer:
    """Make an S3 error. `more` contains further XML elements of the error."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message>{more}</Error>".encode()
    return Answer(status, {"Content-Type": "application/xml"}, body)


@dataclass(slots=True)
class Rules:
    """Rules for the requests that a proxy forwards.

    `request` may change the target. `answer` gets (method, target, request headers, answer) and returns the answer to
    send, or None to close the connection without an answer; it may wait first. `change_headers` changes the request
    headers in place. `server_url`, if set, replaces the proxy's server.
    """

    request: Callable[[str], str] = str
    answer: Callable[[str, str, dict[str, str], Answer], Answer | None] | None = None
    change_headers: Callable[[dict[str, str]], None] | None = None
    server_url: str = ""


@dataclass(slots=True)
class Proxy(Rules):
    """Running proxy. Its own rules apply to buckets without rules in `buckets`, so that tests can share a proxy."""

    url: str = ""
    buckets: dict[str, Rules] = field(default_factory=dict)
    # How far the Date header of the answers is ahead of the clock.
    ahead_seconds: float = 0.0
    # (method, target, headers) of each request.
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    # Set when the proxy ends, so that it does not wait for stalled answers.
    closing: threading.Event = field(default_factory=threading.Event)

    def rules_for(self, target: str) -> Rules:
        """Return the rules for the bucket of a target such as `/bucket/key?query`."""
        return self.buckets.get(re.split("[/?]", target, maxsplit=2)[1], self)


class Gate:
    """`Proxy.answer` that passes the first `limit` reads of objects, and holds the others until the limit is raised.

    With it, a test can intervene in the middle of a batch, however fast the machine is.

    Attributes:
        n_held: The number of reads that are held now.
    """

    def __init__(self, limit: int) -> None:
        self.n_held = 0
        self._limit: float = limit
        self._reads = itertools.count(1)
        self._changed = threading.Condition()

    def __call__(self, method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        if method == "GET" and "list-type" not in target:
            with self._changed:
                number = next(self._reads)
                self.n_held += 1
                self._changed.wait_for(lambda: number <= self._limit)
                self.n_held -= 1
        return answer

    def let_through(self, limit: float) -> None:
        """Set the limit to `limit` reads in total, including earlier ones, and release the reads that it allows."""
        with self._changed:
            self._limit = limit
            self._changed.notify_all()

    def open(self) -> None:
        self.let_through(math.inf)


@contextlib.contextmanager
def run_proxy(server_url: str) -> Iterator[Proxy]:
    """Run a proxy to the S3 server at `server_url` on a free port of 127.0.0.1, and yield it."""
    proxy = Proxy(server_url=server_url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # With Nagle's algorithm, a body would wait 40 ms until the client has acknowledged the headers.
        disable_nagle_algorithm = True

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            proxy.seen.append((self.command, self.path, headers))
            rules = proxy.rules_for(self.path)
            if rules.change_headers:
                rules.change_headers(headers)
            server = urlsplit(rules.server_url or proxy.server_url)
            connection = HTTPConnection(server.hostname or "", server.port or 80)
            try:
                connection.request(self.command, rules.request(self.path), body, headers)
                response = connection.getresponse()
                forwarded = Answer(response.status, dict(response.getheaders()), response.read())
            finally:
                connection.close()
            answer = rules.answer(self.command, self.path, headers, forwarded) if rules.answer else forwarded
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            given = {name.lower(): value for name, value in answer.headers.items()}
            for name in ("transfer-encoding", "connection", "server", "date"):
                given.pop(name, None)
            if self.command != "HEAD":
                given.setdefault("content-length", str(len(answer.body)))
            for name, value in given.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body[: answer.sent_bytes])
            if answer.sent_bytes is not None:
                self.wfile.flush()
                proxy.closing.wait(answer.stalled_seconds)
                if answer.reset:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string((timestamp or time.time()) + proxy.ahead_seconds)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _pass_on  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        # All greenlets of a worker may connect at the same moment.
        request_queue_size = 256

        def handle_error(self, request: object, client_address: object) -> None:
            # Some tests kill the client while it receives an answer.
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    with serving(Server(("127.0.0.1", 0), Handler)) as proxy.url:
        try:
            yield proxy
        finally:
            proxy.closing.set()
