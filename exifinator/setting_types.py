"""Types of settings that take lists, names of hosts or nothing: they check a value and bring it into its usual form."""

from __future__ import annotations

import base64
import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

from exifinator.web_security import host_name


def split_list(value: object) -> object:
    """Split a comma-separated string into a list. Environment variables contain lists in this form."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _none_if_blank(value: object) -> object:
    return None if value == "" else value


def _check_host_name(value: str) -> str:
    """Return the name in the form in which Host headers are compared: in lower case, as ASCII and without a port."""
    try:
        name = host_name(value.encode("idna").decode())
    except UnicodeError:
        name = ""
    if not re.fullmatch(r"[a-z0-9_.-]+|[0-9a-f:.]+", name):
        raise ValueError('names of hosts, such as "photos.example.org"')
    return name


def _check_network(value: str) -> str:
    """Return an IP address or network in its usual form."""
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError('IP addresses or networks, such as "127.0.0.1" or "10.0.0.0/8"') from None
    return str(network.network_address if network.num_addresses == 1 else network)


def _check_origin(value: str) -> str:
    """Return an origin in the form that browsers send: in lower case and without a slash at the end."""
    origin = value.lower().rstrip("/")
    if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+", origin):
        raise ValueError('origins, such as "https://photos.example.org"')
    return origin


def _check_web_address(value: str | None) -> str | None:
    """Check the address of a web service. It may have a path and a query, but no user and no fragment."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        is_complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete or "@" in parts.netloc or parts.fragment or not value.isprintable() or " " in value:
        raise ValueError('a URL such as "https://example.org/hooks/photos", without user and password')
    return value


def _check_webhook_secret(value: SecretStr | None) -> SecretStr | None:
    text = value.get_secret_value() if value else ""
    if text.startswith("whsec_"):
        try:
            base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except ValueError:
            raise ValueError('Base64 after "whsec_", or a text that starts with something else') from None
    return value


BlankAsNone = BeforeValidator(_none_if_blank)
HostNames = Annotated[tuple[Annotated[str, AfterValidator(_check_host_name)], ...], BeforeValidator(split_list)]
WebAddress = Annotated[str | None, BlankAsNone, AfterValidator(_check_web_address)]
WebhookSecret = Annotated[SecretStr | None, BlankAsNone, AfterValidator(_check_webhook_secret)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_check_network)], ...], BeforeValidator(split_list)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_check_origin)], ...], BeforeValidator(split_list)]
