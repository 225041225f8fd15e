"""Network addresses: recognize loopback hosts, test ports, and strip credentials from URLs."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


def without_credentials(url: str) -> str:
    """Return a URL without user, password, query and fragment, so that it can be shown to users."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def is_loopback_host(name: str) -> bool:
    """Return whether a host is 127.0.0.1, localhost or ::1.

    The result decides whether a server needs a password or token, and which Host headers it accepts. So the check is
    strict: other spellings, and other loopback addresses such as 127.0.0.2, count as reachable from other machines.

    Args:
        name: A host name or IP address, in upper or lower case. An IPv6 address may have brackets, as in a URL.
    """
    name = name.lower()
    return (name[1:-1] if name.startswith("[") and name.endswith("]") else name) in _LOOPBACK_NAMES


def is_loopback_address(host: str) -> bool:
    """Return whether a host is `localhost` or any loopback address: ::1, or an address in 127.0.0.0/8."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_host(host: str) -> str:
    """Return a host as it appears in a URL for a browser on this machine: for a wildcard address, loopback."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- does not bind
    return f"[{local}]" if ":" in local else local


def listens(host: str, port: int) -> bool:
    """Return whether a program accepts connections at this address."""
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError:
        return False
    return True


def listens_on_socket(path: Path) -> bool:
    """Return whether a program accepts connections on this Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(3)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
