"""Addresses of the Redis and MongoDB that EXIFinator itself runs.

Every user of a machine can connect to its loopback addresses, so these servers listen on Unix sockets in a folder that
only this user can enter. REDIS_URL and MONGODB_URI keep their TCP addresses, because a server that somebody else
started may listen there. A file in var/ notes the address for which EXIFinator runs a server. Clients of that address
use the socket instead. The file also notes the address of a server that somebody else started: if nothing listens there
for a moment, it is probably restarting, and must not be replaced by an empty server.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from exifinator.config import ROOT, Config
from exifinator.net import is_loopback_address
from exifinator.paths import write_private
from exifinator.sockets import socket_path

_DEFAULT_PORTS = {"redis": 6379, "mongodb": 27017}
# Options of servers that EXIFinator does not set up.
_FOREIGN_OPTION = re.compile(r"(?i)(^|&)((tls|ssl)=(?!false)|replicaset=|username=|password=|authmechanism=)")

_WRITE_CONCERN = re.compile(r"(?i)(^|&)(w|journal)=")


def redis_url(config: Config, root: Path = ROOT) -> str:
    """Return the URL at which clients reach Redis: REDIS_URL, or the socket of our own server."""
    url = config.redis_url.get_secret_value()
    if not is_own("redis", url, root):
        return url
    parts = urlsplit(url)
    database = parts.path.strip("/") or "0"
    options = parts.query if re.search(r"(^|&)db=", parts.query) else f"db={database}&{parts.query}".rstrip("&")
    return f"unix://{quote(str(socket_path('redis', root)))}?{options}"


def mongodb_uri(config: Config, root: Path = ROOT) -> str:
    """Return the URI at which clients reach MongoDB: MONGODB_URI, or the socket of our own server."""
    uri = config.mongodb_uri.get_secret_value()
    if not is_own("mongodb", uri, root):
        return uri
    parts = urlsplit(uri)
    options = f"?{parts.query}" if parts.query else ""
    return f"mongodb://{quote(str(socket_path('mongodb', root)), safe='')}{parts.path or '/'}{options}"


def durable_mongodb_uri(config: Config, root: Path = ROOT) -> str:
    """Return the URI for clients that write records or jobs.

    If the index follows events, MongoDB acknowledges writes only when they are in its journal, unless MONGODB_URI has
    another write concern. Otherwise, a MongoDB that is killed may lose what it has acknowledged in the last 100 ms. A
    batch finds such losses in its second listing, but an event is not repeated.
    """
    uri = mongodb_uri(config, root)
    address, _, options = uri.partition("?")
    if not config.follows_events or _WRITE_CONCERN.search(options):
        return uri
    slash = "" if "/" in address.partition("://")[2] else "/"
    return f"{address}{slash}?{options}{'&' if options else ''}journal=true"


def plain_address(url: str) -> str | None:
    """Return the host and port if a URL names one server on this machine, without credentials, TLS or a replica set.

    EXIFinator can run a server for such a URL. For other URLs, return None.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # such as a port that is no number, or several hosts
        return None
    if parts.scheme not in _DEFAULT_PORTS or "@" in parts.netloc or "," in parts.netloc:
        return None
    if not is_loopback_address(parts.hostname or "") or _FOREIGN_OPTION.search(parts.query):
        return None
    return f"{parts.hostname}:{port or _DEFAULT_PORTS[parts.scheme]}"


def is_own(key: str, url: str, root: Path) -> bool:
    """Return whether EXIFinator runs the server of this URL.

    Args:
        key: `redis` or `mongodb`.
        url: REDIS_URL or MONGODB_URI.
        root: The checkout.
    """
    address = plain_address(url)
    return address is not None and _read_notes(root).get(key) == address


def note_own(key: str, url: str | None, root: Path) -> None:
    """Store that EXIFinator runs the server of this URL from now on; with None, that it runs none."""
    _note(key, plain_address(url) if url else None, root)


def is_foreign(key: str, address: str, root: Path) -> bool:
    """Return whether a server that EXIFinator did not start was used at this address of this machine.

    Args:
        key: `redis` or `mongodb`.
        address: The host and port.
        root: The checkout.
    """
    return _read_notes(root).get(f"foreign_{key}") == address


def note_foreign(key: str, address: str | None, root: Path) -> None:
    """Store that a server that EXIFinator did not start is used at this address; with None, that none is."""
    _note(f"foreign_{key}", address, root)


def _note(name: str, address: str | None, root: Path) -> None:
    notes = _read_notes(root)
    if notes.get(name) == address:
        return
    if address:
        notes[name] = address
    else:
        notes.pop(name, None)
    write_private(_notes_path(root), json.dumps(notes) + "\n")


def _notes_path(root: Path) -> Path:
    return root / "var" / "own_servers.json"


def _read_notes(root: Path) -> dict[str, str]:
    try:
        notes = json.loads(_notes_path(root).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(address) for key, address in notes.items()} if isinstance(notes, dict) else {}
