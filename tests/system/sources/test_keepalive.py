"""Keep-alive GETs, against a server that sends exactly the bytes that each test specifies."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from geventhttpclient.connectionpool import ConnectionPool

from exifinator.sources.s3.keepalive import Response, UnsupportedResponse, get

Get = Callable[..., Response]


class ScriptedServer:
    """A server with a list of responses for each connection.

    It sends one response per request, and closes the connection after the last one.

    `requests` and `connections` are what it has received.
    """

    def __init__(self, *connections: list[bytes]) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._script = list(connections)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for answers in self._script:
            connection, _ = self._listener.accept()
            self.connections += 1
            with connection:
                for answer in answers:
                    request = b""
                    while not request.endswith(b"\r\n\r\n") and (more := connection.recv(65536)):
                        request += more
                    if not request:
                        break
                    self.requests.append(request)
                    with contextlib.suppress(OSError):
                        connection.sendall(answer)
        self._listener.close()


@contextlib.contextmanager
def asking(server: ScriptedServer) -> Iterator[Get]:
    """Yield get(path, max_bytes), which sends a GET to the server over a pool of connections."""
    pool = ConnectionPool("127.0.0.1", server.port, "127.0.0.1", server.port, size=2, network_timeout=60)
    try:
        yield lambda path="/a", max_bytes=100: get(pool, "host:1", path, {"range": "bytes=0-9"}, max_bytes=max_bytes)
    finally:
        pool.close()


PLAIN = b'HTTP/1.1 206 Partial Content\r\nETag: "e"\r\nContent-Length: 5\r\n\r\nhello'


def test_get__supported_responses__reuse_the_connection() -> None:
    server = ScriptedServer([PLAIN, PLAIN.replace(b"hello", b"world"), PLAIN])
    with asking(server) as ask:
        answers = [ask() for _ in range(3)]
    assert [a.body for a in answers] == [b"hello", b"world", b"hello"]
    assert (answers[0].status, answers[0].headers["etag"], answers[0].length) == (206, '"e"', 5)
    assert server.connections == 1
    lines = server.requests[0].decode().split("\r\n")
    assert lines[:2] == ["GET /a HTTP/1.1", "Host: host:1"]
    assert "range: bytes=0-9" in lines


def test_get__pooled_connection_that_was_closed__is_replaced() -> None:
    server = ScriptedServer([PLAIN], [PLAIN.replace(b"hello", b"again")])
    with asking(server) as ask:
        assert [ask().body, ask().body] == [b"hello", b"again"]
    assert server.connections == 2


def test_get__response_with_connection_close__connection_is_not_reused() -> None:
    closing = PLAIN.replace(b"ETag", b"Connection: close\r\nETag")
    # If the first connection were reused, the second response would be "never".
    server = ScriptedServer([closing, PLAIN.replace(b"hello", b"never")], [PLAIN])
    with asking(server) as ask:
        ask()
        assert ask().body == b"hello"


def test_get__body_longer_than_the_limit__is_cut_and_its_connection_is_not_reused() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + bytes(range(250)) * 1200
    server = ScriptedServer([long], [PLAIN])
    with asking(server) as ask:
        answer = ask(max_bytes=100)
        assert (answer.body, answer.length) == (bytes(range(100)), 300_000)
        assert ask().body == b"hello"


def test_get__body_in_many_pieces__is_complete() -> None:
    body = bytes(range(256)) * 1000
    server = ScriptedServer([b"HTTP/1.1 200 OK\r\nContent-Length: 256000\r\n\r\n" + body])
    with asking(server) as ask:
        assert ask(max_bytes=1_000_000).body == body


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN,
        PLAIN[:-1],
        PLAIN + b"!",
        PLAIN[:20],
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * 200_000,
        b"nothing of the sort\r\n\r\n",
        b"\x00" * 50,
    ],
    ids=lambda answer: repr(answer[:60]),
)
def test_get__unsupported_response__is_rejected(answer: bytes) -> None:
    with asking(ScriptedServer([answer], [answer], [answer])) as ask, pytest.raises(UnsupportedResponse):
        ask()


def test_get__server_that_closes_every_connection__is_an_error() -> None:
    with asking(ScriptedServer(*[[b""]] * 3)) as ask, pytest.raises(UnsupportedResponse, match="closes every"):
        ask()


def test_get__silent_server__times_out() -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    pool = ConnectionPool("127.0.0.1", port, "127.0.0.1", port, size=1, network_timeout=0.2)
    for _ in range(2):  # The failed connection has left the pool.
        with pytest.raises(OSError, match="timed out"):
            get(pool, "host", "/a", {}, max_bytes=1)
    silent.close()
