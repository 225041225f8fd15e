"""Types of settings that are URLs.

A message about a URL that may contain a password never shows the URL, because any part of an invalid URL could belong
to the password.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from exifinator.setting_types import BlankAsNone

MAX_PORT = 65535
# The URL may contain only characters without a special meaning in a Content-Security-Policy header, because the tile
# server's origin is written into that header.
_TILES_URL = r"(?=.*\{z\})(?=.*\{x\})(?=.*\{y\})https?://(\{s\}\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?/[!-:<-~]*"
_PERCENT_ENCODE = (
    "characters with a meaning in URLs must be percent-encoded in the user, the password and the options: "
    'write "@" as %40, ":" as %3A, "/" as %2F, "?" as %3F, "#" as %23, "[" as %5B, "]" as %5D, "+" as %2B '
    'and "%" as %25'
)
# Characters that end the user and password. pymongo also rejects "@", ":" and a "%" that encodes nothing, and reads a
# "+" as a space.
_RESERVED = r"[/?#\[\]\x00-\x1f\x7f]"
_RESERVED_IN_MONGODB = rf"{_RESERVED}|[@:+]|%(?![0-9A-Fa-f]{{2}})"


def _check_endpoint_url(value: str | None) -> str | None:
    if value is None:
        return None
    example = "https://minio.example.org:9000"
    _check_server(value, ("http", "https"), example)
    if "@" in urlsplit(value).netloc:
        raise ValueError("a URL without user and password: set AWS_ACCESS_KEY and AWS_SECRET_KEY instead")
    if "?" in value or "#" in value:
        raise ValueError(f'a URL such as "{example}", without a query')
    return value.rstrip("/")


def _check_tiles_url(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(_TILES_URL, value):
        raise ValueError('a URL with {z}, {x} and {y}, such as "https://tiles.example.org/{z}/{x}/{y}.png"')
    return value


def _check_web_address(value: str | None) -> str | None:
    """Check the address of a web service. It may have a path and a query, but no user and no fragment."""
    if value is None:
        return None
    example = "https://example.org/hooks/photos"
    _check_server(value, ("http", "https"), example)
    if "@" in urlsplit(value).netloc or "#" in value or not value.isprintable() or " " in value:
        raise ValueError(f'a URL such as "{example}", without user and password')
    return value


def _check_redis_url(value: SecretStr) -> SecretStr:
    text, example = value.get_secret_value(), "redis://127.0.0.1:6379/0"
    if text.startswith("unix://"):
        if not re.match(r"unix:///[^?]", text):
            raise ValueError('a URL such as "unix:///run/redis/redis.sock?db=0", with the path of the socket')
    else:
        _check_server(text, ("redis", "rediss"), example)
        if not re.fullmatch(r"/?\d*", urlsplit(text).path):
            raise ValueError(f'a URL such as "{example}": its path must be the database number')
    from redis.connection import parse_url

    # Check the options in the URL. The error for an invalid option contains its name, but not its value.
    parse_url(text)  # type: ignore[no-untyped-call]
    return value


def _check_mongodb_uri(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text.startswith("mongodb+srv://"):
        example = "mongodb+srv://cluster.example.org"
        hosts = _check_server(text, ("mongodb+srv",), example, reserved=_RESERVED_IN_MONGODB)
        if not re.fullmatch(r"[^,:]+", hosts):
            raise ValueError(f'a URL such as "{example}": with mongodb+srv, it must have one host and no port')
        return value
    example = "mongodb://127.0.0.1:27017"
    _check_server(text, ("mongodb", "mongodb+srv"), example, reserved=_RESERVED_IN_MONGODB, separator=",")
    return value


def _check_server(
    url: str, schemes: Sequence[str], example: str, *, reserved: str = _RESERVED, separator: str | None = None
) -> str:
    """Check the scheme, user, password, hosts and ports of a URL.

    Args:
        url: The URL.
        schemes: The valid schemes.
        example: A valid URL for the message.
        reserved: Regular expression for what the user and the password may contain only in percent-encoded form.
        separator: What separates several hosts; None if there must be one.

    Returns:
        The hosts and ports, as in the URL.

    Raises:
        ValueError: What is wrong, and how to write it. The message contains no part of the URL.
    """
    form = f'a URL such as "{example}"'
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in schemes:
        *others, last = [f"{name}://" for name in schemes]
        raise ValueError(f"{form}: it must start with {', '.join(others)}{' or ' if others else ''}{last}")
    authority, after = re.fullmatch(r"([^/?#]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    credentials, _, hosts = authority.rpartition("@")
    user, _, password = credentials.partition(":")
    # A "/", "?" or "#" in the user or password ends the part of the URL with the hosts, so an "@" follows after it.
    if "@" in after or re.search(reserved, user) or re.search(reserved, password):
        raise ValueError(f"{form}: {_PERCENT_ENCODE}")
    for host in hosts.split(separator) if separator else [hosts]:
        if problem := _find_host_problem(host):
            raise ValueError(f"{form}: {problem}")
    if not _is_parsable(url):
        # Such as a character that looks like a "/" to a browser.
        raise ValueError(f"{form}: {_PERCENT_ENCODE}")
    return hosts


def _find_host_problem(host_and_port: str) -> str | None:
    """Return what is wrong with `host` or `host:port`, or None."""
    match = re.fullmatch(r"\[([^\[\]]*)\](:.*)?|([^:\[\]\s]*)(:.*)?", host_and_port, re.DOTALL)
    bracketed, bracketed_port, host, other_port = match.groups() if match else (None, None, host_and_port, None)
    looks_like_ipv6 = re.fullmatch(r"[0-9A-Fa-f.]*:[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*", host_and_port)
    if looks_like_ipv6 or (bracketed is not None and not _is_ipv6(bracketed)):
        return 'an IPv6 address must be complete and in brackets, as in "[2001:db8::1]"'
    if host == "":
        return "the host is missing"
    port = bracketed_port or other_port or ":1"
    if match is None or not re.fullmatch(r":[0-9]{1,5}", port) or not 0 < int(port[1:]) <= MAX_PORT:
        return f"the port must be a number from 1 to {MAX_PORT}"
    return None


def _is_ipv6(text: str) -> bool:
    try:
        # The part after "%" is the name of a network interface.
        ipaddress.IPv6Address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_parsable(url: str) -> bool:
    try:
        urlsplit(url)
    except ValueError:
        return False
    return True


EndpointUrl = Annotated[str | None, BlankAsNone, AfterValidator(_check_endpoint_url)]
TilesUrl = Annotated[str | None, BlankAsNone, AfterValidator(_check_tiles_url)]
WebAddress = Annotated[str | None, BlankAsNone, AfterValidator(_check_web_address)]
RedisUrl = Annotated[SecretStr, AfterValidator(_check_redis_url)]
MongodbUri = Annotated[SecretStr, AfterValidator(_check_mongodb_uri)]
