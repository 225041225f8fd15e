"""HTTP/1.1 GETs over keep-alive connections. This is the hot path: a JPEG usually takes one such request.

Only HTTP/1.1 responses with a Content-Length are supported. For all others, the caller falls back to boto3.

geventhttpclient opens and pools the connections, with or without TLS. Its classes for requests and responses are not
used: they support all of HTTP, and took twice as much CPU time as the rest of a ranged GET. httptools is not used
either: it took 1.4 times as long as `_parse_head`, because one Python callback per header costs more than splitting the
text.
Source: RFC 9112.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from geventhttpclient.connectionpool import ConnectionPool

from exifinator import __version__

BLOCK_BYTES = 64 * 1024
MAX_HEAD_BYTES = 64 * 1024

_COMMON_HEADERS = f"User-Agent: EXIFinator/{__version__}\r\nAccept-Encoding: identity\r\n"


class UnsupportedResponse(Exception):
    """There was no response, or a response that this module does not support."""


class _ClosedByServer(Exception):
    """The server has closed a pooled connection."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response.

    Attributes:
        status: The status code.
        headers: The values of the headers, by lower-case name.
        length: The Content-Length, in bytes.
        body: The body, cut off after the `max_bytes` that `get` was called with.
    """

    status: int
    headers: dict[str, str]
    length: int
    body: bytes


def get(pool: ConnectionPool, host: str, path: str, headers: Mapping[str, str], *, max_bytes: int) -> Response:
    """Send a GET request, and return the response.

    Args:
        pool: The connections to the server.
        host: The Host header.
        path: The path of the URL, percent-encoded.
        headers: Further headers.
        max_bytes: The maximum number of bytes to read from the body.

    Raises:
        UnsupportedResponse: The server closed the connection, or the response is truncated or not supported.
        OSError: The connection failed or timed out.
    """
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{_COMMON_HEADERS}{lines}\r\n".encode("latin-1")
    # The server may have closed all pooled connections, for example because it was restarted. So try each of them, and
    # then a new connection.
    for _ in range(pool.size + 1):
        connection = pool.get_socket()
        is_reusable = False
        try:
            response = _exchange(connection, request, max_bytes)
            is_reusable = (
                len(response.body) == response.length and response.headers.get("connection", "").lower() != "close"
            )
        except _ClosedByServer:
            continue
        finally:
            if is_reusable:
                pool.return_socket(connection)
            else:
                pool.release_socket(connection)
        return response
    raise UnsupportedResponse("the server closes every connection")


def _exchange(connection: Any, request: bytes, max_bytes: int) -> Response:
    try:
        connection.sendall(request)
        received = connection.recv(BLOCK_BYTES)
    except (BrokenPipeError, ConnectionResetError) as exc:
        raise _ClosedByServer from exc
    if not received:
        raise _ClosedByServer
    while (end := received.find(b"\r\n\r\n")) < 0:
        block = connection.recv(BLOCK_BYTES)
        if not block or len(received) > MAX_HEAD_BYTES:
            raise UnsupportedResponse("the head of the response is incomplete or too long")
        received += block
    status, headers, length = _parse_head(received[:end])
    body = received[end + 4 :]
    if len(body) > length:
        raise UnsupportedResponse("the body is longer than its Content-Length")
    body_bytes = min(length, max_bytes)
    if len(body) < body_bytes:
        parts, missing = [body], body_bytes - len(body)
        while missing:
            part = connection.recv(min(BLOCK_BYTES, missing))
            if not part:
                raise UnsupportedResponse(f"the body ends after {body_bytes - missing} of {length} bytes")
            parts.append(part)
            missing -= len(part)
        body = b"".join(parts)
    return Response(status, headers, length, body[:body_bytes])


def _parse_head(head: bytes) -> tuple[int, dict[str, str], int]:
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    version, _, rest = first.partition(" ")
    length = headers.get("content-length", "")
    if version != "HTTP/1.1" or not rest[:3].isdigit() or not length.isdigit() or "transfer-encoding" in headers:
        raise UnsupportedResponse(f"not HTTP/1.1 with a Content-Length: {first[:80]!r}")
    return int(rest[:3]), headers, int(length)
