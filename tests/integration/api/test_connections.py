"""Connections to the API: malformed, oversized and slow requests, and the number of connections."""

from __future__ import annotations

import contextlib
import json
import socket

import httpx2 as httpx
import pytest

from api.server import ServerLimits
from exifinator.config import Config
from tests.integration.api.fixtures import Api, RawAnswer, WireApi, serve_api
from tests.waiting import eventually

PROBLEM = "application/problem+json"


_POST = b"POST /batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(_POST + b"Content-Length: 10000000\r\n\r\n" + b"x" * 10_000_000, id="whole-body-is-sent"),
        pytest.param(_POST + b"Content-Length: 99999999999\r\n\r\n" + b"x" * 1000, id="huge-content-length"),
        pytest.param(_POST + b"Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n", id="waits-for-100-continue"),
    ],
)
def test_request_body__too_large_however_it_is_sent__is_413(wire_api: WireApi, request_: bytes) -> None:
    answer = wire_api.talk(request_)
    assert (answer.status, answer.content_type, answer.headers["connection"]) == (413, PROBLEM, "close")
    problem = json.loads(answer.body)
    assert problem["code"] == "body_too_large"
    assert "65536 bytes" in problem["detail"]


# Requests that are not HTTP, or are malformed HTTP.
MALFORMED = {
    "no-http": b"hello\r\n\r\n",
    "http-0.9": b"GET /healthz\r\n\r\n",
    "tls": bytes.fromhex("160301020001000001fc0303") + bytes(300),
    "no-host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two-hosts": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "nul": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
    "a-space-in-a-name": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX Y: a\r\n\r\n",
    "a-space-in-the-address": b"GET /photos?q=a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "negative-length": _POST + b"Content-Length: -1\r\n\r\n",
    "two-lengths": _POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "unknown-coding": _POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "invalid-chunk-size": _POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_request__malformed__is_400_with_problem_json(wire_api: WireApi, name: str) -> None:
    answer = wire_api.talk(MALFORMED[name])
    assert (answer.status, answer.content_type, answer.headers["connection"]) == (400, PROBLEM, "close")
    problem = json.loads(answer.body)
    assert (problem["status"], problem["code"]) == (400, "malformed_request")
    assert wire_api.get("/healthz").status_code == 200


@pytest.mark.parametrize("target", [b"http://localhost/healthz", b"HTTP://127.0.0.1:1/healthz?x=1"])
def test_request__target_is_an_absolute_url__is_answered(wire_api: WireApi, target: bytes) -> None:
    assert json.loads(wire_api.get_raw(target).body)["status"] == "ok"


def test_options__target_is_an_asterisk__lists_the_methods(wire_api: WireApi) -> None:
    answer = wire_api.talk(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (answer.status, answer.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PATCH, POST")


@pytest.mark.parametrize("path", ["/photos/holiday/2024/IMG_0001.jpg", "/photos/by-etag/etag-3", "/batches/a"])
def test_parameters__path_takes_none__are_refused_by_name(api: Api, path: str) -> None:
    answer = api.client.get(f"{path}?camera=X-T4")
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["parameter"]) == (400, "unknown_parameter", "camera")


def test_connections__more_than_the_limit__are_503_until_others_close(wire_api: WireApi) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(ServerLimits().max_connections):
            stack.enter_context(wire_api.connect())

        def find_refusal() -> RawAnswer | None:
            answer = wire_api.get_raw(b"/healthz")
            if answer.status == 503:
                return answer
            # On a busy machine, the first connections may have been dropped by now, because they sent no request.
            for _ in range(100):
                stack.enter_context(wire_api.connect())
            return None

        answer: RawAnswer = eventually(find_refusal)  # type: ignore[assignment]
        assert answer.content_type == PROBLEM
        assert answer.headers["retry-after"] == "5"
        assert json.loads(answer.body)["code"] == "too_many_connections"
    eventually(lambda: wire_api.get_raw(b"/healthz").status == 200)


# Kind of client -> (limit that applies, bytes that it sends first, bytes that it then sends again and again).
SLOW = {
    "nothing": ("header_seconds", b"", b""),
    "half a head": ("header_seconds", b"GET /photos HTTP/1.1\r\nHost: localhost\r\nX-A", b""),
    "a head in drips": ("header_seconds", b"G", b"G"),
    "a second head in drips": ("header_seconds", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"G"),
    "half a body": ("body_seconds", b"POST /batches HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{", b""),
    "a body in drips": (
        "body_seconds",
        b"POST /batches HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n{",
        b" ",
    ),
}


# Long enough that only the limit under test can end a connection. Without the limit, the test would never end.
ENDLESS = {"header_seconds": 1e6, "body_seconds": 1e6, "stall_seconds": 1e6, "keep_alive_seconds": 1_000_000}


def is_dropped(link: socket.socket, drip: bytes = b"") -> bool:
    """Return whether the server has closed a connection. If not, send it a few more bytes."""
    link.setblocking(False)
    try:
        if link.recv(65536) == b"":
            return True
    except BlockingIOError:
        pass
    except ConnectionError:
        return True
    with contextlib.suppress(BlockingIOError, ConnectionError):
        link.sendall(drip)
    return False


@pytest.mark.parametrize("limit", ["header_seconds", "body_seconds"])
def test_slow_clients__incomplete_request__are_dropped_after_the_limit(library: Config, limit: str) -> None:
    limits = ServerLimits(**{**ENDLESS, limit: 0.3})  # type: ignore[arg-type]
    with serve_api(library, limits=limits) as api, contextlib.ExitStack() as stack:
        links = []
        for applied_limit, first, drip in SLOW.values():
            if applied_limit == limit:
                link = stack.enter_context(api.connect())
                link.sendall(first)
                links.append((link, drip))

        def are_dropped() -> bool:
            # Each connection is sent a few bytes each time.
            dropped = [is_dropped(link, drip) for link, drip in links]
            return all(dropped)

        eventually(are_dropped)

        def is_answered() -> bool:
            """Return whether another client is answered. On a busy machine, its request may arrive too late as well."""
            with contextlib.suppress(httpx.TransportError):
                return api.get("/healthz").status_code == 200
            return False

        eventually(is_answered)


def test_slow_clients__response_is_not_read__are_dropped_after_the_stall_limit(library: Config) -> None:
    listener = socket.create_server((library.api_host, 0))
    # Connections inherit the size of the buffer. With the default, a response of this library would fit into it.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    limits = ServerLimits(**{**ENDLESS, "stall_seconds": 0.3})  # type: ignore[arg-type]
    with serve_api(library, limits=limits, listener=listener) as api, socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect((api.config.api_host, api.port))
        head = b"GET /export.ndjson?whole=true HTTP/1.1\r\nHost: localhost\r\n"
        link.sendall(head + b"Accept-Encoding: identity\r\n\r\n")
        assert link.recv(1)
        assert api.server is not None
        # Look at the server, not the client: the kernel still sends the part of the response that it has buffered.
        connections = api.server.server_state.connections
        eventually(lambda: not connections)


def test_slow_clients__idle_between_requests__are_dropped_after_the_keep_alive_limit(library: Config) -> None:
    limits = ServerLimits(**{**ENDLESS, "keep_alive_seconds": 1})  # type: ignore[arg-type]
    with serve_api(library, limits=limits) as api, api.connect() as link:
        link.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in link.recv(65536)
        eventually(lambda: is_dropped(link))


def test_request_head__too_long_in_one_piece__is_400(wire_api: WireApi) -> None:
    """The HTTP parser limits only incomplete heads, so the server itself limits complete ones."""
    answer = wire_api.talk(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"x" * 50_000 + b"\r\n\r\n")
    assert (answer.status, answer.content_type) == (400, "application/problem+json")


def test_request_head__too_long__is_refused(wire_api: WireApi) -> None:
    with contextlib.suppress(ConnectionError):
        assert wire_api.get_raw(b"/photos?q=" + b"x" * 200_000).status in (400, 414, 431)
    assert wire_api.get("/healthz").status_code == 200
