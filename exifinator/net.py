"""Addresses: which hosts are loopback, whether a port is open, and what may be shown of a URL."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit, urlunsplit

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


def without_credentials(url: str) -> str:
    """Return a URL without user, password and options, so that it can be shown."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def is_loopback_host(name: str) -> bool:
    """Return whether a host is one of the three usual names of the loopback interface.

    This decides whether a server needs a password and which Host headers it accepts, so it is strict: any other form
    and any other loopback address, 127.0.0.2 say, counts as an address that other machines can reach.

    Args:
        name: A host name or IP address in any case; an IPv6 address may have brackets, as in a URL.
    """
    name = name.lower()
    return (name[1:-1] if name.startswith("[") and name.endswith("]") else name) in _LOOPBACK_NAMES


def is_loopback_address(host: str) -> bool:
    """Return whether a host is `localhost` or any loopback address, 127.0.0.0/8 included."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listens(host: str, port: int) -> bool:
    """Return whether a program accepts connections on a port."""
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError:
        return False
    return True
