"""A proxy in front of an S3 server of the tests, which changes what passes through it: no server does so on demand."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(slots=True)
class Answer:
    """`sent_bytes`: so much of the body is sent, however long the headers call it; then the connection is broken, at
    once or after `stalled_seconds` of silence."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent_bytes: int | None = None
    stalled_seconds: float = 0.0
    # Breaks the connection by a reset (RST) where it would only be closed.
    reset: bool = False


def s3_error(status: int, code: str, *, more: str = "") -> Answer:
    """What S3 answers instead of what was asked for; more: further elements of the error."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message>{more}</Error>".encode()
    return Answer(status, {"Content-Type": "application/xml"}, body)


@dataclass(slots=True)
class Proxy:
    """`request` may change the target; `answer` sees (method, target, headers of the request, answer) and may change
    the answer, or give None to close the connection without one."""

    url: str = ""
    request: Callable[[str], str] = str
    answer: Callable[[str, str, dict[str, str], Answer], Answer | None] | None = None
    # May change the headers of the request, in place.
    change_headers: Callable[[dict[str, str]], None] | None = None
    # How far the clock of the answers is ahead.
    ahead_seconds: float = 0.0
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def run_proxy(server_url: str) -> Iterator[Proxy]:
    """A proxy to the S3 server at `server_url`, on a free port of 127.0.0.1."""
    proxy = Proxy()
    server = urlsplit(server_url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            proxy.seen.append((self.command, self.path, headers))
            if proxy.change_headers:
                proxy.change_headers(headers)
            connection = HTTPConnection(server.hostname or "", server.port or 80, timeout=30)
            try:
                connection.request(self.command, proxy.request(self.path), body, headers)
                response = connection.getresponse()
                got = Answer(response.status, dict(response.getheaders()), response.read())
            finally:
                connection.close()
            answer = proxy.answer(self.command, self.path, headers, got) if proxy.answer else got
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

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        httpd.shutdown()
        httpd.server_close()
        thread.join()
