"""Types of settings, which check a value and bring it into its usual form. setting_urls.py has the types of URLs."""

from __future__ import annotations

import base64
import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, SecretStr

from exifinator.web_security import host_name

# S3 encrypts with AES-256.
SSE_C_KEY_BYTES = 32
_WEBHOOK_PREFIX = "whsec_"
MIN_GREENLETS, MAX_GREENLETS = 2, 2000


def split_list(value: object) -> object:
    """Split a comma-separated string into a list. Environment variables contain lists in this form."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _auto_or_number(lowest: int, highest: int) -> BeforeValidator:
    """Return a validator that accepts "auto", and whole numbers within these limits."""

    def check(value: object) -> int | str:
        text = str(value).strip()
        if text == "auto" or (text.isdecimal() and lowest <= int(text) <= highest):
            return text if text == "auto" else int(text)
        raise ValueError(f'"auto", or a whole number from {lowest} to {highest}')

    return BeforeValidator(check)


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


def webhook_key(secret: str) -> bytes:
    """Return the key in a webhook's secret: "whsec_" and Base64, or any other text.

    Raises:
        ValueError: The secret starts with "whsec_", but Base64 does not follow.
    """
    if secret.startswith(_WEBHOOK_PREFIX):
        return base64.b64decode(secret.removeprefix(_WEBHOOK_PREFIX), validate=True)
    return secret.encode()


def _check_webhook_secret(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        try:
            webhook_key(value.get_secret_value())
        except ValueError:
            raise ValueError(f'Base64 after "{_WEBHOOK_PREFIX}", or a text that starts with something else') from None
    return value


def _check_customer_key(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        try:
            length = len(base64.b64decode(value.get_secret_value(), validate=True))
        except ValueError:
            length = 0
        if length != SSE_C_KEY_BYTES:
            raise ValueError(f"{SSE_C_KEY_BYTES} bytes in Base64, the key that the objects were stored with")
    return value


def _check_token(value: SecretStr | None) -> SecretStr | None:
    # Headers have no agreed encoding for other characters, and end at white space.
    if value is not None and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("ASCII letters, digits and punctuation, without spaces")
    return value


def _check_user_password(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        user, _, password = value.get_secret_value().partition(":")
        if not user or not password:
            raise ValueError('"user:password"')
    return value


FirstReadBytes = Annotated[int | Literal["auto"], _auto_or_number(64, 32 * 1024 * 1024)]
Greenlets = Annotated[int | Literal["auto"], _auto_or_number(MIN_GREENLETS, MAX_GREENLETS)]
BlankAsNone = BeforeValidator(_none_if_blank)
HostNames = Annotated[tuple[Annotated[str, AfterValidator(_check_host_name)], ...], BeforeValidator(split_list)]
CustomerKey = Annotated[SecretStr | None, BlankAsNone, AfterValidator(_check_customer_key)]
Token = Annotated[SecretStr | None, BlankAsNone, AfterValidator(_check_token)]
UserPassword = Annotated[SecretStr | None, BlankAsNone, AfterValidator(_check_user_password)]
WebhookSecret = Annotated[SecretStr | None, BlankAsNone, AfterValidator(_check_webhook_secret)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_check_network)], ...], BeforeValidator(split_list)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_check_origin)], ...], BeforeValidator(split_list)]
