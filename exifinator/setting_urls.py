"""Types of settings that are URLs.

A message about a URL that may contain a password never shows the URL, because any part of an invalid URL could belong
to the password.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr

from exifinator.setting_types import BlankAsNone

# The URL may contain only characters without a special meaning in a Content-Security-Policy header, because the tile
# server's origin is written into that header.
_TILES_URL = r"(?=.*\{z\})(?=.*\{x\})(?=.*\{y\})https?://(\{s\}\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?/[!-:<-~]*"
_ESCAPING_HINT = 'write "/", "?", "#" and "@" in the user or password as %2F, %3F, %23 and %40'


def _check_endpoint_url(value: str | None) -> str | None:
    if value is None:
        return None
    parts = _split_url(value)
    if parts is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise ValueError('a URL such as "https://minio.example.org:9000", without a query')
    if "@" in parts.netloc:
        raise ValueError("a URL without user and password: set AWS_ACCESS_KEY and AWS_SECRET_KEY instead")
    return value.rstrip("/")


def _check_tiles_url(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(_TILES_URL, value):
        raise ValueError('a URL with {z}, {x} and {y}, such as "https://tiles.example.org/{z}/{x}/{y}.png"')
    return value


def _check_web_address(value: str | None) -> str | None:
    """Check the address of a web service. It may have a path and a query, but no user and no fragment."""
    if value is None:
        return None
    parts = _split_url(value)
    is_usable = parts is not None and parts.scheme in ("http", "https") and "@" not in parts.netloc
    if not is_usable or "#" in value or not value.isprintable() or " " in value:
        raise ValueError('a URL such as "https://example.org/hooks/photos", without user and password')
    return value


def _check_redis_url(value: SecretStr) -> SecretStr:
    parts = _split_url(value.get_secret_value())
    if re.match(r"unix:///[^?]", value.get_secret_value()):
        return value
    if parts is None or parts.scheme not in ("redis", "rediss"):
        raise ValueError(f'a URL such as "redis://127.0.0.1:6379/0", or rediss:// for TLS; {_ESCAPING_HINT}')
    if not re.fullmatch(r"/?\d*", parts.path):
        raise ValueError("a URL whose path is the database number, such as /0")
    from redis.connection import parse_url

    # Check the options in the URL. The error for an invalid option contains its name, but not its value.
    parse_url(value.get_secret_value())  # type: ignore[no-untyped-call]
    return value


def _check_mongodb_uri(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not re.match(r"mongodb(\+srv)?://[^/?#]", text) or _has_unescaped_password(text) or not _is_parsable(text):
        raise ValueError(f'a URL such as "mongodb://127.0.0.1:27017"; {_ESCAPING_HINT}')
    return value


def _has_unescaped_password(url: str) -> bool:
    """Return whether the user or password in a URL contains a "/", "?" or "#" that is not escaped.

    Such a character ends the part of the URL with the password and host, so an "@" follows after that part.
    """
    authority, rest = re.fullmatch(r"(?:[^/?#]*//)?([^/?#]*)(.*)", url, re.DOTALL).groups()  # type: ignore[union-attr]
    return "@" not in authority and "@" in rest


def _is_parsable(url: str) -> bool:
    """Return whether a URL can be parsed. A URL with an IPv6 address that lacks a bracket cannot, for example."""
    try:
        urlsplit(url)
    except ValueError:
        return False
    return True


def _split_url(url: str) -> SplitResult | None:
    """Return the parts of a URL, or None if it is malformed, has no host, or has an unescaped user or password."""
    try:
        parts = urlsplit(url)
        # Access the port here, because urlsplit checks it only on access. A later error would show part of the URL.
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if is_complete and not _has_unescaped_password(url) else None


EndpointUrl = Annotated[str | None, BlankAsNone, AfterValidator(_check_endpoint_url)]
TilesUrl = Annotated[str | None, BlankAsNone, AfterValidator(_check_tiles_url)]
WebAddress = Annotated[str | None, BlankAsNone, AfterValidator(_check_web_address)]
RedisUrl = Annotated[SecretStr, AfterValidator(_check_redis_url)]
MongodbUri = Annotated[SecretStr, AfterValidator(_check_mongodb_uri)]
