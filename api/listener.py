"""Open the sockets on which the API listens."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any, TypeVar

from exifinator.errors import ServiceFailed

AnySocket = TypeVar("AnySocket", bound=socket.socket)
# The number of connections that may wait to be accepted.
BACKLOG = 2048


class SharedListener(socket.socket):
    """A listening socket that several processes share.

    Whenever asyncio wakes up, it accepts as many connections as its backlog allows, so the first process to wake up
    would accept nearly all connections of a burst. Servers that share a socket therefore pass asyncio a backlog of one,
    so that a busy process leaves connections to the others. This class replaces that number with BACKLOG, so that as
    many connections may still wait.
    """

    def listen(self, _backlog: int = BACKLOG, /) -> None:
        super().listen(BACKLOG)


def open_listeners(host: str, port: int) -> list[SharedListener]:
    """Bind a socket to each address of a host, as asyncio does. The sockets do not listen yet.

    Raises:
        ServiceFailed: No address can be bound, or one is in use.
    """
    listeners: list[SharedListener] = []
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(addresses):
            try:
                listeners.append(_bind(SharedListener(family, kind, protocol), address))
            except OSError as exc:
                # A name such as localhost may have an address of a family that this machine does not use.
                is_unusable = exc.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
                if not (is_unusable and (listeners or len(addresses) > 1)):
                    raise
        if not listeners:
            raise OSError(errno.EADDRNOTAVAIL, "")
    except OSError as exc:
        for listener in listeners:
            listener.close()
        raise _cannot_bind(host, port, exc) from exc
    return listeners


def check_address_is_free(host: str, port: int) -> None:
    """Try to bind the address before uvicorn does, to raise an error that names the settings.

    The socket does not listen, because closing it would reset the connections that clients have made in the meantime.

    Raises:
        ServiceFailed: The address cannot be bound.
    """
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            _bind(probe, (host, port))
    except OSError as exc:
        raise _cannot_bind(host, port, exc) from exc


def _bind(listener: AnySocket, address: Any) -> AnySocket:
    try:
        # asyncio sets this too. Binding still fails if another program listens on the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listener.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
    except BaseException:
        listener.close()
        raise
    return listener


def _cannot_bind(host: str, port: int, exc: OSError) -> ServiceFailed:
    reason = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc)
    return ServiceFailed(f"{host}:{port} cannot be bound ({reason}); check API_HOST and API_PORT")
