"""GETs over kept connections, for those of which there are millions: whatever is not plain is not understood.

Plain is an answer of HTTP/1.1 with a Content-Length. geventhttpclient connects, over TLS too, and keeps the
connections; its own requests and answers, made for all of HTTP, cost twice as much as the rest of a ranged GET.
Source: RFC 9112.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from geventhttpclient.connectionpool import ConnectionPool

from exifinator import __version__

BLOCK_BYTES = 64 * 1024
MOST_HEAD_BYTES = 64 * 1024

_ALWAYS = f"User-Agent: EXIFinator/{__version__}\r\nAccept-Encoding: identity\r\n"


class NotPlain(Exception):
    """An answer that this does not understand, or none."""


class _ClosedByServer(Exception):
    """A connection that was kept, and that the server has closed since."""


@dataclass(frozen=True, slots=True)
class Answer:
    """headers: by their names in lower case. body: its start, where it was not all wanted."""

    status: int
    headers: dict[str, str]
    length: int
    body: bytes


def get(pool: ConnectionPool, host: str, path: str, headers: Mapping[str, str], *, most: int) -> Answer:
    """GET `path` (encoded); of a longer body than `most` bytes only so many are read.

    Raises: NotPlain, OSError (timeouts too).
    """
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{_ALWAYS}{lines}\r\n".encode("latin-1")
    # All that are kept may be closed at once, as after a restart of the server.
    for _ in range(pool.size + 1):
        connection = pool.get_socket()
        keeps = False
        try:
            answer = _exchange(connection, request, most)
            keeps = len(answer.body) == answer.length and answer.headers.get("connection", "").lower() != "close"
        except _ClosedByServer:
            continue
        finally:
            (pool.return_socket if keeps else pool.release_socket)(connection)
        return answer
    raise NotPlain("the server closes each connection")


def _exchange(connection: Any, request: bytes, most: int) -> Answer:
    try:
        connection.sendall(request)
        received = connection.recv(BLOCK_BYTES)
    except (BrokenPipeError, ConnectionResetError) as exc:
        raise _ClosedByServer from exc
    if not received:
        raise _ClosedByServer
    while (end := received.find(b"\r\n\r\n")) < 0:
        more = connection.recv(BLOCK_BYTES)
        if not more or len(received) > MOST_HEAD_BYTES:
            raise NotPlain("an answer without an end of its head")
        received += more
    status, headers, length = _parse_head(received[:end])
    body = received[end + 4 :]
    if len(body) > length:
        raise NotPlain("more bytes than the answer has")
    wanted = min(length, most)
    if len(body) < wanted:
        parts, missing = [body], wanted - len(body)
        while missing:
            part = connection.recv(min(BLOCK_BYTES, missing))
            if not part:
                raise NotPlain(f"an answer of {length} bytes that ends after {wanted - missing}")
            parts.append(part)
            missing -= len(part)
        body = b"".join(parts)
    return Answer(status, headers, length, body[:wanted])


def _parse_head(head: bytes) -> tuple[int, dict[str, str], int]:
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    version, _, rest = first.partition(" ")
    length = headers.get("content-length", "")
    if version != "HTTP/1.1" or not rest[:3].isdigit() or not length.isdigit() or "transfer-encoding" in headers:
        raise NotPlain(f"an answer that is not plain: {first[:80]!r}")
    return int(rest[:3]), headers, int(length)
